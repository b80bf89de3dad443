/* Entries of systemd's journal as JSON objects (journalctl -o json and our own input): trusted
 * fields begin with '_', MESSAGE is read further as if it stood in a syslog line. Text that is not
 * UTF-8 comes as an array of byte values. Source: systemd.journal-fields(7),
 * systemd.dev/JOURNAL_EXPORT_FORMATS. */
#include "parse/flatten_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

static const struct {
    const char *name;
    enum field f;
} fields[] = {
    {"_HOSTNAME", F_HOST_NAME},
    {"_HOSTNAME", F_LOG_SYSLOG_HOSTNAME},
    {"SYSLOG_IDENTIFIER", F_LOG_SYSLOG_APPNAME},
    {"_COMM", F_PROCESS_NAME},
    {"SYSLOG_PID", F_LOG_SYSLOG_PROCID},
    {"_PID", F_PROCESS_PID},
    {"_EXE", F_PROCESS_EXECUTABLE},
    {"_CMDLINE", F_PROCESS_COMMAND_LINE},
    {"_UID", F_USER_ID},
    {"_SYSTEMD_UNIT", F_SERVICE_NAME},
    {"SYSLOG_FACILITY", F_LOG_SYSLOG_FACILITY_CODE},
};

static const char *const levels[] = {"emergency", "alert",  "critical",      "error",
                                     "warning",   "notice", "informational", "debug"};

static bool looks(const struct event *ev, struct slice payload)
{
    const struct slice mark = SLICE("\"__REALTIME_TIMESTAMP\"");

    return !ev && payload.n > mark.n && payload.p[0] == '{' && slice_has(payload, mark, 1);
}

/* A string, or an array of byte values. */
static struct slice bytes_of(struct flatten *f, const struct json_node *node)
{
    if (!node || node->type != JSON_ARRAY)
        return flatten_text(f, node);
    char *p = arena_alloc(f->ev->arena, node->n + 1);
    size_t n = 0;
    if (!p) {
        f->ev->overflow = true;
        return SLICE("");
    }
    for (const struct json_node *c = node->child; c; c = c->next)
        if (c->type == JSON_INT && c->i >= 0 && c->i <= 255)
            p[n++] = (char)c->i;
    return (struct slice){p, n};
}

static void put_when(struct parse_ctx *ctx, struct flatten *f, const struct json_node *root)
{
    static const char *const names[] = {"__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice text = flatten_text(f, json_get(root, names[i]));
        int64_t us;
        if (slice_to_i64(text, &us) && us >= 0 && us < INT64_MAX / 1000)
            put_time(ctx, f->ev, us * 1000, text);
    }
}

static void put_known(struct flatten *f, const struct json_node *root)
{
    struct event *ev = f->ev;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        put_text(ev, fields[i].f, bytes_of(f, json_get(root, fields[i].name)));
    put_default(ev, F_LOG_SYSLOG_APPNAME, bytes_of(f, json_get(root, "_COMM")));
    struct slice priority = flatten_text(f, json_get(root, "PRIORITY"));
    if (priority.n == 1 && priority.p[0] >= '0' && priority.p[0] <= '7') {
        struct slice level = slice_of(levels[priority.p[0] - '0']);
        put_text(ev, F_LOG_SYSLOG_SEVERITY_CODE, priority);
        put_text(ev, F_LOG_SYSLOG_SEVERITY_NAME, level);
        put_text(ev, F_LOG_LEVEL, level);
    }
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    const struct json_node *root;
    struct flatten f;
    bool tolerant = false;
    enum err e = json_read(ctx->json, payload, &root, &tolerant, diag);

    if (e != ERR_NONE)
        return e;
    if (root->type != JSON_OBJECT)
        return FAIL(diag, ERR_SYNTAX, 0, "journald: not an object");
    ev->tolerant |= tolerant;
    flatten_init(&f, ctx, ev);
    for (const struct json_node *c = root->child; c; c = c->next) {
        if (!slice_eq(c->key, SLICE("MESSAGE")) || ev->message.n)
            flatten_member(&f, c->key, c);
        else
            ev->message = bytes_of(&f, c);
    }
    put_when(ctx, &f, root);
    put_known(&f, root);
    if (ev->message.n)
        put_content(ctx, ev, ev->message, false);
    put_module(ev, SLICE("journald"), SLICE("journald"));
    return ERR_NONE;
}

const struct parser journald_parser = {
    .name = "journald",
    .summary = "entries of systemd's journal as JSON; the message is read further",
    .rank = 6,
    .json = true,
    .looks = looks,
    .parse = parse,
};
