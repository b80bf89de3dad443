#include "web/web_int.h"

#include "core/bytes.h"
#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/audit.h"

static enum err read_filter(const struct web_call *w, struct audit_filter *f, struct diag *diag)
{
    const char *action = http_query(w->c, "action"), *user = http_query(w->c, "user");
    const char *from = http_query(w->c, "from"), *to = http_query(w->c, "to");
    const char *cursor = http_query(w->c, "cursor");
    int64_t now = clock_wall_ns();
    struct slice payload;
    enum err e = request_limit(w, &f->limit, diag);

    f->action = slice_of(action ? action : "");
    if (e == ERR_NONE && user && *user && !request_id(slice_of(user), "usr_", &f->user))
        e = FAIL(diag, ERR_SYNTAX, 0, "user is an id as usr_3");
    if (e == ERR_NONE && from && *from)
        e = time_parse_bound(slice_of(from), now, &f->from_ns, diag);
    if (e == ERR_NONE && to && *to)
        e = time_parse_bound(slice_of(to), now, &f->to_ns, diag);
    if (e != ERR_NONE || !cursor || !*cursor)
        return e;
    e = cursor_read(w, cursor, &payload, diag);
    if (e != ERR_NONE)
        return e;
    struct bytes b = bytes_of(payload);
    f->before = bytes_u64(&b);
    return bytes_all_read(&b) ? ERR_NONE : FAIL(diag, ERR_SYNTAX, 0, "the cursor is none of ours");
}

static void write_row(struct jsonw *j, const struct audit *r)
{
    jsonw_object(j);
    jsonw_kint(j, "seq", (int64_t)r->seq);
    jsonw_ktime(j, "time", r->time_ns);
    if (r->user)
        reply_id(j, "user", "usr_", r->user);
    else
        jsonw_kcstr(j, "user", NULL);
    if (r->org)
        reply_id(j, "org", "", r->org);
    else
        jsonw_kcstr(j, "org", NULL);
    jsonw_kstr(j, "name", r->name);
    jsonw_kstr(j, "role", r->role);
    jsonw_kstr(j, "address", r->address);
    jsonw_kstr(j, "action", r->action);
    jsonw_kstr(j, "object", r->object);
    jsonw_kstr(j, "detail", r->detail); /* a text: it may have been cut */
    jsonw_kstr(j, "hash", r->hash);
    jsonw_close_object(j);
}

CHECKED enum err api_audit_list(struct web_call *w, struct diag *diag)
{
    struct audit_filter f = {0};
    struct audit *rows;
    struct buf cursor, payload;
    size_t n;
    enum err e = read_filter(w, &f, diag);

    if (e == ERR_NONE)
        e = audit_list(w->web->o.desk, w->who.scope, &f, w->arena, &rows, &n, diag);
    if (e != ERR_NONE)
        return e;
    reply_list_open(w);
    for (size_t i = 0; i < n; i++)
        write_row(&w->j, &rows[i]);
    buf_init(&cursor, CURSOR_BYTES_MAX);
    buf_init(&payload, 16);
    bool more = n == f.limit && rows[n - 1].seq > 1;
    if (more)
        e = bytes_put_uint(&payload, rows[n - 1].seq, 8);
    if (more && e == ERR_NONE)
        e = cursor_write(w, buf_slice(&payload), &cursor);
    reply_list_close(w, buf_slice(&cursor), n, more || f.before != 0);
    buf_done(&payload);
    buf_done(&cursor);
    return e;
}
