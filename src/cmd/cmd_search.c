#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/cmd.h"
#include "core/clock.h"
#include "core/timefmt.h"

enum { PAGE = 1000, READER_BYTES = 64 << 20, READER_NODES = 4000000, PATH_BYTES = 64 * 1024 };

static const struct args_usage usage = {
    "search",
    "[options] 'QUERY'",
    "Searches the stored events, newest first. Without a query: all of the time range.",
    "  coloa search --from -1h 'user.name:admin* and event.outcome:failure'\n"
    "  coloa search --from 2026-11-25T00:00:00Z --output jsonl '\"failed password\"' | jq .\n"
    "  coloa search --count 'source.ip:10.0.0.0/8 and http.response.status_code >= 400'\n",
};

struct search {
    struct cmd_target target;
    const char *from, *to, *output, *query;
    int64_t limit;
    bool count;
    bool header; /* printed */
};

static bool put_param(struct buf *b, const char *name, const char *value)
{
    return buf_printf(b, "%s=", name) == ERR_NONE && cmd_url_put(b, slice_of(value)) == ERR_NONE &&
           buf_putc(b, '&') == ERR_NONE;
}

/* A bound as people type it, made absolute here so that every page sees the same range. */
static bool put_bound(struct buf *b, const char *name, const char *text)
{
    char when[TIME_TEXT_BYTES + 1];
    struct diag d = {0};
    int64_t ns;

    if (!text)
        return true;
    if (time_parse_bound(slice_of(text), clock_wall_ns(), &ns, &d) != ERR_NONE)
        args_wrong(&usage, d.text, text);
    time_rfc3339(ns, when);
    return put_param(b, name, when);
}

static struct slice at_path(const struct json_node *row, const char *a, const char *b)
{
    const struct json_node *n = json_get(row, a);

    return b ? json_get_str(n, b) : json_get_str(row, a);
}

static void print_table_row(const struct json_node *row)
{
    struct slice host = at_path(row, "host", "name"), source = at_path(row, "source", "ip"),
                 user = at_path(row, "user", "name"), message = at_path(row, "message", NULL);

    cmd_print_safe(stdout, at_path(row, "@timestamp", NULL));
    (void)printf("  %-16.*s %-15.*s %-12.*s ", SLICE_ARG(host), SLICE_ARG(source), SLICE_ARG(user));
    cmd_print_safe(stdout, message.n > 160 ? slice_cut(message, 0, 160) : message);
    (void)putchar('\n');
}

static void print_csv_cell(struct slice s, bool last)
{
    /* a leading = + - @ would be run as a formula by spreadsheets */
    bool formula = s.n && strchr("=+-@", s.p[0]) && s.p[0];

    (void)putchar('"');
    if (formula)
        (void)putchar('\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            (void)putchar('"');
        (void)putchar(s.p[i]);
    }
    (void)printf("\"%s", last ? "\n" : ",");
}

static void print_csv_row(struct search *q, const struct json_node *row)
{
    if (!q->header)
        (void)printf("@timestamp,event.id,host.name,source.ip,user.name,event.action,event.outcome,"
                     "message\n");
    q->header = true;
    print_csv_cell(at_path(row, "@timestamp", NULL), false);
    print_csv_cell(at_path(row, "event", "id"), false);
    print_csv_cell(at_path(row, "host", "name"), false);
    print_csv_cell(at_path(row, "source", "ip"), false);
    print_csv_cell(at_path(row, "user", "name"), false);
    print_csv_cell(at_path(row, "event", "action"), false);
    print_csv_cell(at_path(row, "event", "outcome"), false);
    print_csv_cell(at_path(row, "message", NULL), true);
}

static void print_row(struct search *q, const struct json_node *row)
{
    if (strcmp(q->output, "jsonl") == 0)
        cmd_print_json(row);
    else if (strcmp(q->output, "csv") == 0)
        print_csv_row(q, row);
    else
        print_table_row(row);
}

/* One page; *cursor is replaced. Returns false on failure, sets *ret_n to the rows printed. */
static bool one_page(struct search *q, struct json_reader *r, char *cursor, size_t cap,
                     int64_t left, int64_t *ret_n)
{
    const struct json_node *root;
    char limit[24];
    struct buf path;

    buf_init(&path, PATH_BYTES);
    (void)snprintf(limit, sizeof(limit), "%lld", (long long)(left < PAGE ? left : PAGE));
    bool ok = buf_puts(&path, "/api/v1/events?") == ERR_NONE && put_param(&path, "q", q->query) &&
              put_bound(&path, "from", q->from) && put_bound(&path, "to", q->to) &&
              put_param(&path, "limit", limit) &&
              (!cursor[0] || put_param(&path, "cursor", cursor)) && buf_cstr(&path) &&
              cmd_call_json("search", &q->target, "GET", path.p, (struct slice){0}, r, &root);
    buf_done(&path);
    if (!ok)
        return false;
    const struct json_node *items = json_get(root, "items");
    *ret_n = 0;
    for (const struct json_node *row = items ? items->child : NULL; row; row = row->next) {
        print_row(q, row);
        ++*ret_n;
    }
    struct slice next = json_get_str(root, "next_cursor");
    (void)snprintf(cursor, cap, "%.*s", SLICE_ARG(next));
    return true;
}

static bool print_count(struct search *q, struct json_reader *r)
{
    const struct json_node *root;
    struct buf path;

    buf_init(&path, PATH_BYTES);
    bool ok = buf_puts(&path, "/api/v1/events/count?") == ERR_NONE &&
              put_param(&path, "q", q->query) && put_bound(&path, "from", q->from) &&
              put_bound(&path, "to", q->to) && buf_cstr(&path) &&
              cmd_call_json("search", &q->target, "GET", path.p, (struct slice){0}, r, &root);
    buf_done(&path);
    if (ok)
        (void)printf("{\"count\":%lld}\n", (long long)json_get_int(root, "count", 0));
    return ok;
}

int cmd_search(int argc, char **argv)
{
    struct search q = {.output = "table", .limit = 100, .query = ""};
    struct arg_many rest;
    const struct arg specs[] = {
        {"data", ARG_TEXT, &q.target.data, "DIR", "the installation's folder"},
        {"url", ARG_TEXT, &q.target.url, "URL", "a centre elsewhere; token in COLOA_TOKEN"},
        {"from", ARG_TEXT, &q.from, "T",
         "earliest event time: 2026-11-25T08:00:00Z, -15m, -7d; default: all"},
        {"to", ARG_TEXT, &q.to, "T", "latest event time; default now"},
        {"limit", ARG_INT, &q.limit, "N", "at most so many events; default 100"},
        {"count", ARG_FLAG, &q.count, NULL, "print only how many"},
        {"output", ARG_TEXT, &q.output, "FORM", "table, jsonl or csv"},
    };

    args_parse(argc, argv, &usage, specs, ARRAY_LEN(specs), &rest);
    if (rest.n > 1)
        args_wrong(&usage, "one query, in quotes; unexpected", rest.at[1]);
    if (rest.n == 1)
        q.query = rest.at[0];
    if (strcmp(q.output, "table") != 0 && strcmp(q.output, "jsonl") != 0 &&
        strcmp(q.output, "csv") != 0)
        args_wrong(&usage, "unknown output form", q.output);
    struct json_reader *r = json_reader_new(READER_BYTES, READER_NODES);
    char cursor[1024] = "";
    bool ok = r != NULL;
    if (ok && q.count) {
        ok = print_count(&q, r);
    } else {
        int64_t n = 1;
        for (int64_t left = q.limit; ok && left > 0 && n > 0; left -= n) {
            ok = one_page(&q, r, cursor, sizeof(cursor), left, &n);
            if (!cursor[0])
                break;
        }
    }
    json_reader_free(r);
    return ok ? EXIT_SUCCESS : EXIT_FAILED;
}
