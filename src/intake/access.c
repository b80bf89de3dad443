#include "intake/access.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/snapshot.h"
#include "core/timefmt.h"
#include "net/digest.h"

enum { NODES_MAX = ACCESS_TOKENS_MAX * 12, BYTES_MAX = 32 << 20 };

struct token {
    uint8_t hash[DIGEST_SHA256_BYTES];
    struct access_grant grant;
    bool may_send;
    int64_t expires_ns; /* INT64_MAX = never */
    double rate, left;
    int64_t filled_ns; /* monotonic, of `left` */
};

struct access {
    pthread_mutex_t lock; /* guards all below */
    struct token *token;  /* owned, sorted by hash */
    size_t n;
    uint64_t seq; /* of the snapshot in force, 0 = none */
};

void access_free(struct access *a)
{
    if (!a)
        return;
    (void)pthread_mutex_destroy(&a->lock);
    free(a->token);
    free(a);
}

struct access *access_new(void)
{
    struct access *a = calloc(1, sizeof(*a));

    if (a)
        (void)pthread_mutex_init(&a->lock, NULL);
    return a;
}

static int by_hash(const void *x, const void *y)
{
    const struct token *a = x, *b = y;

    return memcmp(a->hash, b->hash, sizeof(a->hash));
}

static bool number32(const struct json_node *o, const char *key, uint32_t *ret)
{
    int64_t v = json_get_int(o, key, 0);

    if (v < 0 || v > UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool read_token(const struct json_node *o, struct token *ret)
{
    struct token t = {.expires_ns = INT64_MAX};
    struct slice name = json_get_str(o, "name");
    const struct json_node *expires = json_get(o, "expires");
    int64_t rate = json_get_int(o, "rate", 0);
    char hex[DIGEST_SHA256_TEXT + 1];

    if (!digest_parse_hex(json_get_str(o, "sha256"), t.hash) || !number32(o, "org", &t.grant.org) ||
        !number32(o, "source", &t.grant.source) || rate < 0)
        return false;
    /* unreadable is taken as expired: a slip must not make a token eternal */
    if (expires && expires->type != JSON_NULL &&
        (expires->type != JSON_STRING || !time_parse_iso(expires->str, 0, &t.expires_ns)))
        return false;
    memcpy(t.grant.name, name.p, name.n < ACCESS_NAME_BYTES ? name.n : ACCESS_NAME_BYTES);
    digest_hex(t.hash, hex);
    memcpy(t.grant.id, hex, ACCESS_ID_BYTES);
    t.may_send = slice_eq(json_get_str(o, "role"), SLICE("machine"));
    t.rate = t.left = (double)rate;
    *ret = t;
    return true;
}

static struct token *find(struct token *t, size_t n, const uint8_t hash[DIGEST_SHA256_BYTES])
{
    struct token key = {0};

    memcpy(key.hash, hash, sizeof(key.hash));
    return n ? bsearch(&key, t, n, sizeof(*t), by_hash) : NULL;
}

/* What has been spent stays spent over a reload. */
static void swap_in(struct access *a, struct token *t, size_t n)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < n; i++) {
        const struct token *old = find(a->token, a->n, t[i].hash);
        if (old && old->left < t[i].left) {
            t[i].left = old->left;
            t[i].filled_ns = old->filled_ns;
        }
    }
    free(a->token);
    a->token = t;
    a->n = n;
    (void)pthread_mutex_unlock(&a->lock);
}

CHECKED enum err access_parse(struct access *a, struct slice json, struct diag *diag)
{
    struct json_reader *r = json_reader_new(BYTES_MAX, NODES_MAX);
    const struct json_node *root, *list;
    struct token *t = NULL;
    size_t n = 0;

    if (!r)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the tokens");
    enum err e = json_read_strict(r, json, &root, diag);
    if (e != ERR_NONE)
        goto out;
    list = json_get(root, "tokens");
    if (!list || list->type != JSON_ARRAY || list->n > ACCESS_TOKENS_MAX) {
        e = FAIL(diag, ERR_SYNTAX, 0, "\"tokens\" is missing, no list, or too long");
        goto out;
    }
    t = calloc(list->n ? list->n : 1, sizeof(*t));
    if (!t) {
        e = FAIL(diag, ERR_NOMEM, 0, "no memory for the tokens");
        goto out;
    }
    for (const struct json_node *c = list->child; c; c = c->next)
        if (read_token(c, &t[n]))
            n++;
    qsort(t, n, sizeof(*t), by_hash);
    swap_in(a, t, n);
out:
    json_reader_free(r);
    return e;
}

static uint64_t in_force(struct access *a)
{
    (void)pthread_mutex_lock(&a->lock);
    uint64_t seq = a->seq;
    (void)pthread_mutex_unlock(&a->lock);
    return seq;
}

CHECKED enum err access_reload(struct access *a, const char *dir, struct diag *diag)
{
    struct buf payload;
    uint64_t seq = snapshot_newest(dir, "access");

    if (seq != 0 && seq == in_force(a))
        return ERR_NONE;
    buf_init(&payload, BYTES_MAX);
    enum err e = snapshot_load(dir, "access", &payload, &seq, diag);
    if (e == ERR_NONE && seq != in_force(a)) {
        e = access_parse(a, buf_slice(&payload), diag);
        if (e == ERR_NONE) {
            (void)pthread_mutex_lock(&a->lock);
            a->seq = seq;
            (void)pthread_mutex_unlock(&a->lock);
        }
    }
    buf_done(&payload);
    return e;
}

CHECKED enum err access_check(struct access *a, const char *header, int64_t now_ns,
                              struct access_grant *ret)
{
    struct slice h = slice_of(header), secret;
    uint8_t hash[DIGEST_SHA256_BYTES];
    enum err e = ERR_AUTH;

    if (h.n < 8 || !slice_eq_nocase(slice_cut(h, 0, 7), SLICE("Bearer ")))
        return ERR_AUTH;
    secret = slice_trim(slice_cut(h, 7, h.n));
    if (secret.n == 0)
        return ERR_AUTH;
    enum err hashed = digest_sha256(secret, hash);
    if (hashed != ERR_NONE)
        return hashed;
    (void)pthread_mutex_lock(&a->lock);
    const struct token *t = find(a->token, a->n, hash);
    if (t && now_ns < t->expires_ns) {
        e = t->may_send ? ERR_NONE : ERR_DENIED;
        if (e == ERR_NONE)
            *ret = t->grant;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return e;
}

CHECKED enum err access_spend(struct access *a, const char *id, uint64_t n, int64_t mono_ns)
{
    enum err e = ERR_NONE;

    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->n; i++) {
        struct token *t = &a->token[i];
        if (t->rate <= 0 || strcmp(t->grant.id, id) != 0)
            continue;
        if (t->filled_ns != 0)
            t->left += t->rate * (double)(mono_ns - t->filled_ns) / (double)NS_PER_S;
        t->filled_ns = mono_ns;
        if (t->left > t->rate)
            t->left = t->rate;
        if (t->left > 0)
            t->left -= (double)n;
        else
            e = ERR_BUSY;
        break;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return e;
}
