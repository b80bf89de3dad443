/* Lines of Linux's audit system (auditd's audit.log, audisp's syslog): "type=T
 * msg=audit(SECONDS.MS:SERIAL): pairs". One line is one event; lines of one serial are not put
 * together. Values that the kernel wrote in hex because they hold blanks, quotes or control
 * characters are decoded, so that encoding hides nothing. Source: auparse's list of encoded fields
 * in the audit user space, "Encoding" of its README. */
#include "parse/flatten_int.h"
#include "parse/kv_int.h"
#include "parse/put_int.h"
#include "parse/when_int.h"

enum { PAIRS_MAX = 1024, ARGS_BYTES = 1 << 16 };

struct audit {
    struct parse_ctx *ctx;
    struct event *ev;
    struct flatten f;
    struct slice type;
    char *args; /* of EXECVE, joined by blanks */
    size_t args_n;
    size_t pairs;
};

/* "type=T msg=audit(" with an optional "node=N " in front: where the time begins, 0 = not one. */
static size_t front(struct slice s, struct slice *node, struct slice *type)
{
    size_t at = 0;

    *node = SLICE("");
    if (slice_starts(s, SLICE("node="))) {
        at = slice_find(s, ' ');
        *node = slice_cut(s, 5, at);
        at += at < s.n;
    }
    struct slice rest = slice_cut(s, at, s.n);
    if (!slice_starts(rest, SLICE("type=")))
        return 0;
    size_t blank = slice_find(rest, ' ');
    *type = slice_cut(rest, 5, blank);
    rest = slice_cut(rest, blank, rest.n);
    return slice_starts(rest, SLICE(" msg=audit(")) ? at + blank + 11 : 0;
}

static bool looks(const struct event *ev, struct slice payload)
{
    struct slice node, type;

    (void)ev;
    return front(payload, &node, &type) > 0;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Fields that the kernel writes in hex when they are not plain. */
static bool encodable(const struct audit *a, struct slice name)
{
    static const char *const names[] = {"acct",      "cmd",      "comm", "cwd",  "data", "dir",
                                        "exe",       "file",     "key",  "name", "new",  "old",
                                        "proctitle", "root_dir", "sw",   "vm"};
    bool argument = name.n >= 2 && name.p[0] == 'a' && nibble(name.p[1]) >= 0 &&
                    slice_eq(a->type, SLICE("EXECVE"));

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        argument |= slice_eq(name, slice_of(names[i]));
    return argument;
}

/* The bytes behind the hex, or the value itself. NULs, which divide a proctitle's words, become
 * blanks. */
static struct slice decode(struct audit *a, struct slice name, struct slice v)
{
    if (v.n < 2 || v.n % 2 || !encodable(a, name))
        return v;
    for (size_t i = 0; i < v.n; i++)
        if (nibble(v.p[i]) < 0)
            return v;
    char *p = arena_alloc(a->ev->arena, v.n / 2);
    if (!p) {
        a->ev->overflow = true;
        return v;
    }
    for (size_t i = 0; i < v.n / 2; i++) {
        p[i] = (char)(nibble(v.p[2 * i]) << 4 | nibble(v.p[2 * i + 1]));
        if (!p[i] && slice_eq(name, SLICE("proctitle")))
            p[i] = ' ';
    }
    return (struct slice){p, v.n / 2};
}

static void argument(struct audit *a, struct slice name, struct slice v)
{
    if (!slice_eq(a->type, SLICE("EXECVE")) || name.n < 2 || name.p[0] != 'a' || name.p[1] < '0' ||
        name.p[1] > '9')
        return;
    if (!a->args)
        a->args = arena_alloc(a->ev->arena, ARGS_BYTES);
    if (!a->args || v.n + 1 > ARGS_BYTES - a->args_n) {
        a->ev->overflow = true;
        return;
    }
    if (a->args_n)
        a->args[a->args_n++] = ' ';
    if (v.n)
        memcpy(a->args + a->args_n, v.p, v.n);
    a->args_n += v.n;
}

static void known(struct audit *a, struct slice name, struct slice v)
{
    static const struct {
        const char *name;
        enum field f;
    } rows[] = {
        {"pid", F_PROCESS_PID},
        {"ppid", F_PROCESS_PARENT_PID},
        {"uid", F_USER_ID},
        {"exe", F_PROCESS_EXECUTABLE},
        {"comm", F_PROCESS_NAME},
        {"proctitle", F_PROCESS_COMMAND_LINE},
        {"cwd", F_PROCESS_WORKING_DIRECTORY},
        {"name", F_FILE_PATH},
        {"acct", F_USER_NAME},
        {"cmd", F_PROCESS_COMMAND_LINE},
    };
    struct event *ev = a->ev;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq(name, slice_of(rows[i].name)))
            put_text(ev, rows[i].f, v);
    if (slice_eq(name, SLICE("addr")) && !slice_eq(v, SLICE("?")))
        put_address(ev, F_SOURCE_IP, F_SOURCE_DOMAIN, v);
    if (slice_eq(name, SLICE("success")) || slice_eq(name, SLICE("res"))) {
        bool good =
            slice_eq(v, SLICE("yes")) || slice_eq(v, SLICE("success")) || slice_eq(v, SLICE("1"));
        put_text(ev, F_EVENT_OUTCOME, good ? SLICE("success") : SLICE("failure"));
    }
}

static void pairs(struct audit *a, struct slice s, bool inner)
{
    struct slice name, v;
    size_t at = 0;
    bool quoted;

    while (kv_next(s, &at, &name, &v, &quoted)) {
        if (++a->pairs > PAIRS_MAX) {
            a->ev->overflow = true;
            return;
        }
        if (!inner && quoted && slice_eq(name, SLICE("msg"))) {
            pairs(a, v, true);
            continue;
        }
        struct slice plain = quoted ? v : decode(a, name, v);
        flatten_value(&a->f, name, value_str(plain));
        argument(a, name, plain);
        known(a, name, plain);
    }
}

/* What an enriched log calls SYSCALL, for one that is not. */
static void call_name(struct event *ev)
{
    static const struct {
        const char *name;
        int64_t x86_64, aarch64;
    } rows[] = {
#define SYSCALL(name, x86_64, aarch64) {name, x86_64, aarch64},
#include "parse/syscall.def"
#undef SYSCALL
    };
    const struct value *arch = event_get_name(ev, SLICE("arch"));
    const struct value *number = event_get_name(ev, SLICE("syscall"));
    bool x86 = arch && slice_eq_nocase(arch->text, SLICE("c000003e"));
    int64_t n;

    if (!number || !slice_to_i64(number->text, &n) || event_get_name(ev, SLICE("SYSCALL")) ||
        (!x86 && !(arch && slice_eq_nocase(arch->text, SLICE("c00000b7")))))
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (n >= 0 && n == (x86 ? rows[i].x86_64 : rows[i].aarch64))
            put_add_text(ev, "SYSCALL", slice_of(rows[i].name));
}

static const char *category_of(struct slice type)
{
    static const struct {
        const char *start, *category;
    } rows[] = {{"USER_AUTH", "authentication"},
                {"USER_LOGIN", "authentication session"},
                {"USER_START", "session"},
                {"USER_END", "session"},
                {"USER_ACCT", "authentication"},
                {"CRED_", "authentication"},
                {"USER_CMD", "process"},
                {"EXECVE", "process"},
                {"PROCTITLE", "process"},
                {"SYSCALL", "process"},
                {"PATH", "file"},
                {"CONFIG_CHANGE", "configuration"},
                {"ADD_", "iam"},
                {"DEL_", "iam"},
                {"USER_CHAUTHTOK", "iam"},
                {"SERVICE_", "process"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_starts(type, slice_of(rows[i].start)))
            return rows[i].category;
    return "host";
}

static enum err parse(struct parse_ctx *ctx, struct slice payload, struct event *ev,
                      struct diag *diag)
{
    struct audit a = {.ctx = ctx, .ev = ev};
    struct slice node;
    int64_t ns;
    size_t at = front(payload, &node, &a.type), colon, close;

    if (at == 0)
        return FAIL(diag, ERR_SYNTAX, 0, "auditd: no type= and msg=audit(");
    struct slice stamp = slice_cut(payload, at, payload.n);
    close = slice_find(stamp, ')');
    colon = slice_find(stamp, ':');
    if (close == stamp.n || colon > close || !when_epoch(slice_cut(stamp, 0, colon), &ns))
        return FAIL(diag, ERR_SYNTAX, at, "auditd: msg=audit(SECONDS:SERIAL) is malformed");
    flatten_init(&a.f, ctx, ev);
    if (!ev->message.n)
        ev->message = payload;
    put_time(ctx, ev, ns, slice_cut(stamp, 0, colon));
    put_text(ev, F_HOST_NAME, node);
    put_text(ev, F_EVENT_ACTION, a.type);
    flatten_value(&a.f, SLICE("type"), value_str(a.type));
    put_add_text(ev, "auditd.serial", slice_cut(stamp, colon + 1, close));
    pairs(&a, slice_cut(stamp, close + 1, stamp.n), false);
    call_name(ev);
    if (a.args_n)
        put_text(ev, F_PROCESS_COMMAND_LINE, (struct slice){a.args, a.args_n});
    put_words(ev, F_EVENT_CATEGORY, category_of(a.type));
    put_module(ev, SLICE("auditd"), SLICE("auditd.log"));
    return ERR_NONE;
}

const struct parser auditd_parser = {
    .name = "auditd",
    .summary = "lines of the Linux audit system, one event each, hex values decoded",
    .rank = 9,
    .content = true,
    .looks = looks,
    .parse = parse,
};
