#include "web/web_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "desk/org.h"

enum { RUN_FILE_BYTES_MAX = 16 << 20 };

void reply_list_open(struct web_call *w)
{
    jsonw_object(&w->j);
    jsonw_key(&w->j, SLICE("items"));
    jsonw_array(&w->j);
}

void reply_list_close(struct web_call *w, struct slice cursor, uint64_t total, bool at_least)
{
    jsonw_close_array(&w->j);
    reply_list_tail(w, cursor, total, at_least);
}

void reply_list_tail(struct web_call *w, struct slice cursor, uint64_t total, bool at_least)
{
    jsonw_key(&w->j, SLICE("next_cursor"));
    if (cursor.n)
        jsonw_str(&w->j, cursor);
    else
        jsonw_null(&w->j);
    jsonw_key(&w->j, SLICE("total"));
    jsonw_object(&w->j);
    jsonw_kint(&w->j, "value", (int64_t)total);
    jsonw_kcstr(&w->j, "relation", at_least ? "gte" : "eq");
    jsonw_close_object(&w->j);
    jsonw_close_object(&w->j);
}

void reply_time_or_null(struct jsonw *j, const char *key, int64_t ns)
{
    if (ns)
        jsonw_ktime(j, key, ns);
    else
        jsonw_kcstr(j, key, NULL);
}

void reply_id(struct jsonw *j, const char *key, const char *prefix, uint64_t id)
{
    char text[48];

    (void)snprintf(text, sizeof(text), "%s%" PRIu64, prefix, id);
    jsonw_kcstr(j, key, text);
}

CHECKED bool request_id(struct slice s, const char *prefix, uint64_t *ret)
{
    if (slice_starts(s, slice_of(prefix)))
        s = slice_cut(s, strlen(prefix), s.n);
    uint64_t id;
    if (!slice_to_u64(s, &id) || id == 0)
        return false;
    *ret = id;
    return true;
}

CHECKED enum err request_limit(const struct web_call *w, size_t *ret, struct diag *diag)
{
    const char *text = http_query(w->c, "limit");
    uint64_t n = WEB_LIMIT;

    if (text && (!slice_to_u64(slice_of(text), &n) || n == 0 || n > WEB_LIMIT_MAX))
        return FAIL(diag, ERR_SYNTAX, 0, "limit is a number from 1 to %d", WEB_LIMIT_MAX);
    *ret = (size_t)n;
    return ERR_NONE;
}

CHECKED enum err request_wrong(struct web_call *w, const char *member, const char *code,
                               struct diag *diag)
{
    (void)snprintf(w->wrong_member, sizeof(w->wrong_member), "%s", member);
    w->wrong_code = code;
    return FAIL(diag, ERR_SYNTAX, 0, "%.60s: %s", member, code);
}

static bool is_known(const char *const *known, struct slice key)
{
    for (; *known; known++)
        if (slice_eq(slice_of(*known), key))
            return true;
    return false;
}

CHECKED enum err request_body(struct web_call *w, const char *const *known,
                              const struct json_node **ret, struct diag *diag)
{
    const struct json_node *root;
    enum err e = json_read_strict(w->worker->reader, http_body(w->c), &root, diag);

    if (e != ERR_NONE)
        return e;
    if (root->type != JSON_OBJECT)
        return FAIL(diag, ERR_SYNTAX, 0, "the body has to be one JSON object");
    for (const struct json_node *n = root->child; n; n = n->next) {
        if (is_known(known, n->key))
            continue;
        char name[64];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(n->key.n < 60 ? n->key.n : 60), n->key.p);
        return request_wrong(w, name, "unknown-member", diag);
    }
    *ret = root;
    return ERR_NONE;
}

CHECKED enum err request_text(const struct json_node *body, const char *member, struct arena *a,
                              struct slice *ret, struct diag *diag)
{
    const struct json_node *n = json_get(body, member);
    char number[32];

    if (!n || n->type == JSON_NULL) {
        *ret = SLICE("");
        return ERR_NONE;
    }
    if (n->type == JSON_INT) {
        (void)snprintf(number, sizeof(number), "%" PRId64, n->i);
        return arena_dup(a, slice_of(number), ret);
    }
    if (n->type != JSON_STRING)
        return FAIL(diag, ERR_SYNTAX, 0, "%s has to be a text", member);
    if (n->str.n > DESK_TEXT_BYTES_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "%s has at most %d bytes", member, DESK_TEXT_BYTES_MAX);
    return arena_dup(a, n->str, ret);
}

CHECKED enum err request_org(struct web_call *w, const struct json_node *body, const char *member,
                             uint32_t *ret, struct diag *diag)
{
    struct slice text;
    uint32_t org = 0;
    enum err e = request_text(body, member, w->arena, &text, diag);

    if (e == ERR_NONE && text.n > 0 && !slice_eq(text, SLICE("0")))
        e = org_find(w->web->o.desk, text, &org, diag);
    if (e == ERR_NONE && org && !desk_scope_has(w->who.scope, org))
        e = ERR_NOENT; /* its existence is not told */
    if (e == ERR_NOENT)
        return request_wrong(w, member, "no-such-organisation", diag);
    if (e == ERR_NONE)
        *ret = org;
    return e;
}

void request_etag(struct web_call *w, uint64_t version)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "\"v%" PRIu64 "\"", version);
    http_add_header(w->c, "ETag", text);
}

CHECKED enum err request_if_match(const struct web_call *w, uint64_t *ret, bool *ret_given,
                                  struct diag *diag)
{
    const char *text = http_header(w->c, "If-Match");
    struct slice s = slice_trim(slice_of(text));
    uint64_t v = 0;

    if (!text) {
        *ret_given = false;
        return ERR_NONE;
    }
    if (!slice_eq(s, SLICE("*"))) {
        bool ok = s.n > 3 && slice_starts(s, SLICE("\"v")) && s.p[s.n - 1] == '"' &&
                  slice_to_u64(slice_cut(s, 2, s.n - 1), &v) && v > 0;
        if (!ok)
            return FAIL(diag, ERR_SYNTAX, 0, "If-Match takes the ETag as it was sent, or *");
    }
    *ret = v;
    *ret_given = true;
    return ERR_NONE;
}

CHECKED enum err request_run_file(struct web_call *w, const char *name, struct slice *ret,
                                  struct diag *diag)
{
    char path[4200];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/run/%s", w->web->o.data_dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(diag, ERR_NOENT, 0, "%s is not there yet", name);
    enum err e = ERR_NONE;
    if (fstat(fd, &st) != 0 || st.st_size > RUN_FILE_BYTES_MAX)
        e = FAIL(diag, ERR_LIMIT, 0, "run/%s is too large", name);
    size_t want = e == ERR_NONE ? (size_t)st.st_size : 0, got = 0;
    char *p = arena_alloc(w->arena, want + 1);
    if (!p)
        e = ERR_NOMEM;
    while (e == ERR_NONE && got < want) {
        ssize_t n = read(fd, p + got, want - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    close(fd);
    if (e == ERR_NONE)
        *ret = (struct slice){p, got};
    return e;
}
