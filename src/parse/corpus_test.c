/* The cases of ../shared/data that another project's parsers were asserted on: same addresses,
 * users, paths, status codes, hosts. */
#include "core/test.h"

#include "parse/try_int.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/ip.h"

static const char *const parsers[] = {
    "crowdsecurity/sshd-logs",  "crowdsecurity/sshd-success-logs", "crowdsecurity/pam-logs",
    "crowdsecurity/nginx-logs", "crowdsecurity/apache2-logs",      "crowdsecurity/iptables-logs",
};

/* A log format of one product's own; and lines whose absolute URL the others cut at the wrong
 * place. */
static const char *const left_out[] = {"nginx_http-catch-npm", "nginx_req_limit_exceeded"};

static const struct {
    const char *theirs;
    const char *ours[2];
} names[] = {
    {"source_ip", {"source.ip", NULL}},
    {"user", {"user.name", NULL}},
    {"target_user", {"user.name", NULL}},
    {"username", {"user.name", NULL}},
    {"http_path", {"url.original", "url.path"}},
    {"http_status", {"http.response.status_code", NULL}},
    {"http_verb", {"http.request.method", NULL}},
    {"http_user_agent", {"user_agent.original", NULL}},
    {"machine", {"host.name", "log.syslog.hostname"}},
};

struct count {
    unsigned cases, lines, values, differ;
};

static bool same(const char *got, struct slice want)
{
    uint8_t a[16], b[16];

    if (!got)
        return want.n == 0 || slice_eq(want, SLICE("-"));
    return slice_eq(slice_of(got), want) ||
           (ip_parse(slice_of(got), a) && ip_parse(want, b) && memcmp(a, b, 16) == 0);
}

/* The line of the log that holds the text. */
static struct slice line_with(struct slice log, struct slice part)
{
    const char *hit = part.n ? memmem(log.p, log.n, part.p, part.n) : NULL;

    if (!hit)
        return SLICE("");
    size_t from = (size_t)(hit - log.p), to = from + part.n;
    while (from > 0 && log.p[from - 1] != '\n')
        from--;
    while (to < log.n && log.p[to] != '\n')
        to++;
    return slice_cut(log, from, to);
}

static struct slice raw_message(const struct json_node *all, int64_t index, struct slice own,
                                struct slice log)
{
    struct slice line = line_with(log, own);

    for (const struct json_node *p = all->child; p && !line.n; p = p->next)
        if (json_get_int(p, "index", -1) == index)
            line = line_with(log, json_get_str(json_get(p, "parsed"), "message"));
    return line;
}

static void check(const char *name, const struct json_node *p, struct slice line, struct count *c)
{
    struct event *ev = try_one(line, INPUT_FILE, NULL);
    const struct json_node *meta = json_get(p, "meta");

    c->lines++;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json_node *want = json_get(meta, names[i].theirs);
        if (!want)
            continue;
        bool ok = false;
        for (size_t k = 0; k < 2 && names[i].ours[k] && !ok; k++)
            ok = same(try_field(ev, names[i].ours[k]), want->str);
        c->values++;
        if (ok)
            continue;
        c->differ++;
        const char *got = try_field(ev, names[i].ours[0]);
        print_message("%s: %.*s\n  %s wanted '%.*s', got '%s'\n", name, SLICE_ARG(line),
                      names[i].theirs, SLICE_ARG(want->str), got ? got : "(nothing)");
    }
}

static void run_case(struct json_reader *r, const char *room, const char *name, struct count *c)
{
    char path[1024];
    size_t n, log_n;

    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (strcmp(name, left_out[i]) == 0)
            return;
    const struct json_node *root;

    (void)snprintf(path, sizeof(path), "events/%s/crowdsec/%s/expected.json", room, name);
    char *text = try_data(path, &n);
    if (!text)
        return;
    assert_int_equal(json_read_strict(r, (struct slice){text, n}, &root, NULL), ERR_NONE);
    (void)snprintf(path, sizeof(path), "events/%s/crowdsec/%s/%.*s", room, name,
                   SLICE_ARG(json_get_str(root, "log_file")));
    char *log = try_data(path, &log_n);
    assert_non_null(log);
    const struct json_node *all = json_get(root, "parsed");
    bool used = false;
    for (const struct json_node *p = all ? all->child : NULL; p; p = p->next) {
        bool ours = false;
        for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
            ours |= slice_eq(json_get_str(p, "parser"), slice_of(parsers[i]));
        if (!ours || !slice_eq(json_get_str(p, "stage"), SLICE("s01-parse")))
            continue;
        struct slice line =
            raw_message(all, json_get_int(p, "index", -1),
                        json_get_str(json_get(p, "parsed"), "message"), (struct slice){log, log_n});
        if (line.n) {
            check(name, p, line, c);
            used = true;
        }
    }
    c->cases += used;
    free(log);
    free(text);
}

static void agrees_with_others(void **state)
{
    static const char *const rooms[] = {"syslog", "weblogs"};
    struct json_reader *r = json_reader_new(8 << 20, 400000);
    const char *root = getenv("COLOA_SOURCE_ROOT");
    struct count c = {0};
    char path[1024];

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        (void)snprintf(path, sizeof(path), "%s/../shared/data/events/%s/crowdsec",
                       root ? root : ".", rooms[i]);
        DIR *dir = opendir(path);
        struct dirent *d;
        while (dir && (d = readdir(dir)))
            if (d->d_name[0] != '.' && !strchr(d->d_name, '.') && strcmp(d->d_name, "LICENSE") != 0)
                run_case(r, rooms[i], d->d_name, &c);
        if (dir)
            (void)closedir(dir);
    }
    json_reader_free(r);
    try_done();
    if (!c.cases) {
        print_message("skipped: no ../shared/data\n");
        skip();
    }
    print_message("%u cases, %u lines, %u values, %u differ\n", c.cases, c.lines, c.values,
                  c.differ);
    assert_int_equal(c.differ, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
