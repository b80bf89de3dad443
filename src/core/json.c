#include "core/json.h"

#include <stdlib.h>

#include "core/json_fast.h"
#include "core/json_int.h"

enum { BLOCK_FIRST = 256, BLOCK_SHIFT_MAX = 8, FEW_MEMBERS = 16 };

static size_t block_nodes(unsigned i)
{
    return (size_t)BLOCK_FIRST << (i < BLOCK_SHIFT_MAX ? i : BLOCK_SHIFT_MAX);
}

void json_reader_free(struct json_reader *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->blocks_n; i++)
        free(r->blocks[i]);
    free(r->blocks);
    free(r->in);
    json_fast_free(r->fast);
    arena_done(&r->strings);
    free(r);
}

FREED_BY(json_reader_free) struct json_reader *json_reader_new(size_t max_bytes, size_t max_nodes)
{
    struct json_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    /* No offset may overflow, and simdjson's own ceiling is 4 GiB. */
    r->max_bytes = max_bytes < UINT32_MAX / 8 ? max_bytes : UINT32_MAX / 8;
    r->max_nodes = max_nodes < UINT32_MAX / 8 ? max_nodes : UINT32_MAX / 8;
    arena_init(&r->strings, 4 * r->max_bytes + 48 * r->max_nodes + (1 << 20));
    return r;
}

static void pool_reset(struct json_reader *r)
{
    r->n_nodes = 0;
    r->block = 0;
    r->at = r->end = NULL;
}

CHECKED enum err json_reader_begin(struct json_reader *r, size_t n, struct diag *diag)
{
    if (n > r->max_bytes)
        return FAIL(diag, ERR_LIMIT, r->max_bytes, "a document of %zu bytes, the most is %zu", n,
                    r->max_bytes);
    arena_reset(&r->strings);
    pool_reset(r);
    return ERR_NONE;
}

CHECKED enum err json_reader_copy(struct json_reader *r, struct slice in, struct diag *diag)
{
    if (in.n + JSON_FAST_PADDING > r->in_cap) {
        size_t cap = r->in_cap ? r->in_cap : 4096;
        while (cap < in.n + JSON_FAST_PADDING)
            cap *= 2;
        char *p = malloc(cap);
        if (!p)
            return FAIL(diag, ERR_NOMEM, 0, "no memory for a document of %zu bytes", in.n);
        free(r->in);
        r->in = p;
        r->in_cap = cap;
    }
    if (in.n)
        memcpy(r->in, in.p, in.n);
    memset(r->in + in.n, 0, JSON_FAST_PADDING);
    return ERR_NONE;
}

bool json_pool_grow(struct json_reader *r)
{
    size_t left = r->max_nodes - r->n_nodes;

    if (left == 0)
        return false;
    if (r->block == r->blocks_n) {
        struct json_node **blocks = r->blocks;
        if (r->blocks_n == r->blocks_cap) {
            unsigned cap = r->blocks_cap ? r->blocks_cap * 2 : 16;
            blocks = realloc(r->blocks, cap * sizeof(struct json_node *));
            if (!blocks)
                return false;
            r->blocks = blocks;
            r->blocks_cap = cap;
        }
        blocks[r->blocks_n] = malloc(block_nodes(r->block) * sizeof(struct json_node));
        if (!blocks[r->blocks_n])
            return false;
        r->blocks_n++;
    }
    size_t n = block_nodes(r->block) < left ? block_nodes(r->block) : left;
    r->at = r->blocks[r->block++];
    r->end = r->at + n;
    r->n_nodes += n;
    return true;
}

CHECKED enum err json_pool_why(const struct json_reader *r, size_t at, struct diag *diag)
{
    if (r->n_nodes >= r->max_nodes)
        return FAIL(diag, ERR_LIMIT, at, "more than %zu values in one document", r->max_nodes);
    return FAIL(diag, ERR_NOMEM, at, "no memory for the tree of a document");
}

/* Fills n from the tape word at `at` and returns the index of the next word. */
static size_t tape_value(struct json_node *n, const uint64_t *tape, const char *strings, size_t at)
{
    uint64_t payload = tape[at] & ((UINT64_C(1) << 56) - 1);
    uint32_t len;

    switch ((char)(tape[at] >> 56)) {
    case '"':
        memcpy(&len, strings + payload, sizeof(len));
        n->type = JSON_STRING;
        n->str = (struct slice){strings + payload + sizeof(len), len};
        return at + 1;
    case 'l':
        n->type = JSON_INT;
        memcpy(&n->i, &tape[at + 1], sizeof(n->i));
        return at + 2;
    case 'u':
        n->type = JSON_UINT;
        n->u = tape[at + 1];
        return at + 2;
    case 'd':
        n->type = JSON_DOUBLE;
        memcpy(&n->d, &tape[at + 1], sizeof(n->d));
        return at + 2;
    case 't':
    case 'f':
        n->type = JSON_BOOL;
        n->b = (char)(tape[at] >> 56) == 't';
        return at + 1;
    case '{':
        n->type = JSON_OBJECT;
        return at + 1;
    case '[':
        n->type = JSON_ARRAY;
        return at + 1;
    default:
        n->type = JSON_NULL;
        return at + 1;
    }
}

/* The tree of a whole tape: word 0 is the root, the last one too. */
static CHECKED enum err tape_tree(struct json_reader *r, const uint64_t *tape, const char *strings,
                                  struct json_node **ret, struct diag *diag)
{
    struct json_level levels[JSON_DEPTH_MAX];
    struct json_node *root = NULL;
    struct json_node **tail = &root, *parent = NULL;
    unsigned depth = 0;
    size_t at = 1;

    do {
        char kind = (char)(tape[at] >> 56);
        if (kind == '}' || kind == ']') {
            depth--;
            parent = levels[depth].node; /* NOLINT: simdjson's tape is balanced */
            tail = levels[depth].tail;   /* NOLINT: the same */
            at++;
            continue;
        }
        struct json_node *n = json_pool_take(r);
        if (!n)
            return json_pool_why(r, 0, diag);
        *n = (struct json_node){.key = {"", 0}, .str = {"", 0}};
        if (parent && parent->type == JSON_OBJECT) {
            uint64_t payload = tape[at++] & ((UINT64_C(1) << 56) - 1);
            uint32_t len;
            memcpy(&len, strings + payload, sizeof(len));
            n->key = (struct slice){strings + payload + sizeof(len), len};
        }
        at = tape_value(n, tape, strings, at);
        *tail = n;
        tail = &n->next;
        if (parent)
            parent->n++;
        if (n->type == JSON_ARRAY || n->type == JSON_OBJECT) {
            if (depth == JSON_DEPTH_MAX) /* simdjson does not count an empty innermost one */
                return ERR_SYNTAX;
            levels[depth++] = (struct json_level){parent, tail};
            parent = n;
            tail = &n->child;
        }
    } while (depth > 0);
    *ret = root;
    return ERR_NONE;
}

/* ERR_SYNTAX without a diagnosis when the fast reader refuses: only the tolerant one knows where.
 */
static CHECKED enum err read_fast(struct json_reader *r, size_t n, struct json_node **ret,
                                  struct diag *diag)
{
    const uint64_t *tape;
    const char *strings;

    if (!r->fast) {
        r->fast = json_fast_new(r->max_bytes, JSON_DEPTH_MAX + 1);
        if (!r->fast)
            return FAIL(diag, ERR_NOMEM, 0, "no memory for a JSON reader");
    }
    switch (json_fast_read(r->fast, r->in, n, &tape, &strings)) {
    case JSON_FAST_OK:
        break;
    case JSON_FAST_NOMEM:
        return FAIL(diag, ERR_NOMEM, 0, "no memory to read a document of %zu bytes", n);
    case JSON_FAST_REFUSED:
        return ERR_SYNTAX;
    }
    return tape_tree(r, tape, strings, ret, diag);
}

CHECKED enum err json_read_tolerant(struct json_reader *r, struct slice in,
                                    const struct json_node **ret, struct diag *diag)
{
    struct json_node *root = NULL;
    enum err e = json_reader_begin(r, in.n, diag);

    if (e == ERR_NONE)
        e = json_reader_copy(r, in, diag);
    if (e == ERR_NONE)
        e = json_tolerant(r, in.n, &root, NULL, NULL, diag);
    if (e == ERR_NONE)
        *ret = root;
    return e;
}

CHECKED enum err json_read(struct json_reader *r, struct slice in, const struct json_node **ret,
                           bool *ret_tolerant, struct diag *diag)
{
    struct json_node *root = NULL;
    bool tolerant = false;
    enum err e = json_reader_begin(r, in.n, diag);

    if (e == ERR_NONE)
        e = json_reader_copy(r, in, diag);
    if (e == ERR_NONE)
        e = read_fast(r, in.n, &root, diag);
    if (e == ERR_SYNTAX) {
        tolerant = true;
        pool_reset(r);
        e = json_tolerant(r, in.n, &root, NULL, NULL, diag);
    }
    if (e != ERR_NONE)
        return e;
    *ret = root;
    if (ret_tolerant)
        *ret_tolerant = tolerant;
    return ERR_NONE;
}

static int by_key(const void *a, const void *b)
{
    struct slice x = (*(struct json_node *const *)a)->key;
    struct slice y = (*(struct json_node *const *)b)->key;
    int c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

    return c ? c : (x.n > y.n) - (x.n < y.n);
}

static const struct json_node *duplicate_of_few(const struct json_node *obj)
{
    for (const struct json_node *n = obj->child; n; n = n->next)
        for (const struct json_node *m = obj->child; m != n; m = m->next)
            if (slice_eq(m->key, n->key))
                return n;
    return NULL;
}

CHECKED bool json_find_duplicate(const struct json_node *obj, const struct json_node **ret)
{
    *ret = NULL;
    if (obj->n <= FEW_MEMBERS) {
        *ret = duplicate_of_few(obj);
        return true;
    }
    const struct json_node **sorted = malloc(obj->n * sizeof(const struct json_node *));
    size_t k = 0;
    if (!sorted)
        return false;
    for (const struct json_node *n = obj->child; n; n = n->next)
        sorted[k++] = n;
    qsort(sorted, k, sizeof(const struct json_node *), by_key);
    for (size_t i = 1; i < k && !*ret; i++)
        if (slice_eq(sorted[i - 1]->key, sorted[i]->key))
            *ret = sorted[i];
    free(sorted);
    return true;
}

/* Depth is bounded by the readers, so recursion is. */
static CHECKED bool find_duplicates(const struct json_node *n, const struct json_node **ret)
{
    *ret = NULL;
    if (n->type == JSON_OBJECT && !json_find_duplicate(n, ret))
        return false;
    for (const struct json_node *c = n->child; c && !*ret; c = c->next)
        if (!find_duplicates(c, ret))
            return false;
    return true;
}

/* Why strict reading failed, and where: the tolerant reader knows offsets, the fast one none. */
static enum err strict_why(struct json_reader *r, struct slice in, struct diag *diag)
{
    const struct json_node *twice = NULL;
    struct json_node *root = NULL;
    const char *what = NULL;
    size_t odd = 0;
    enum err e = json_reader_begin(r, in.n, diag);

    if (e == ERR_NONE)
        e = json_reader_copy(r, in, diag);
    if (e == ERR_NONE)
        e = json_tolerant(r, in.n, &root, &odd, &what, diag);
    if (e != ERR_NONE)
        return e;
    if (what)
        return FAIL(diag, ERR_SYNTAX, odd, "%s", what);
    if (!find_duplicates(root, &twice))
        return FAIL(diag, ERR_NOMEM, 0, "no memory to look for duplicate keys");
    if (twice)
        return FAIL(diag, ERR_SYNTAX, (size_t)(twice->key.p - r->in),
                    "the key \"%.*s\" comes twice", twice->key.n < 80 ? (int)twice->key.n : 80,
                    twice->key.p);
    return FAIL(diag, ERR_SYNTAX, 0, "not strict JSON");
}

CHECKED enum err json_read_strict(struct json_reader *r, struct slice in,
                                  const struct json_node **ret, struct diag *diag)
{
    const struct json_node *twice = NULL;
    struct json_node *root = NULL;
    enum err e = json_reader_begin(r, in.n, diag);

    if (e == ERR_NONE)
        e = json_reader_copy(r, in, diag);
    if (e == ERR_NONE)
        e = read_fast(r, in.n, &root, diag);
    if (e == ERR_SYNTAX)
        return strict_why(r, in, diag);
    if (e != ERR_NONE)
        return e;
    if (!find_duplicates(root, &twice))
        return FAIL(diag, ERR_NOMEM, 0, "no memory to look for duplicate keys");
    if (twice)
        return strict_why(r, in, diag);
    *ret = root;
    return ERR_NONE;
}

const struct json_node *json_get(const struct json_node *obj, const char *key)
{
    struct slice want = slice_of(key);

    if (!obj || obj->type != JSON_OBJECT)
        return NULL;
    for (const struct json_node *n = obj->child; n; n = n->next)
        if (slice_eq(n->key, want))
            return n;
    return NULL;
}

struct slice json_get_str(const struct json_node *obj, const char *key)
{
    const struct json_node *n = json_get(obj, key);

    return n && n->type == JSON_STRING ? n->str : SLICE("");
}

int64_t json_get_int(const struct json_node *obj, const char *key, int64_t absent)
{
    const struct json_node *n = json_get(obj, key);

    return n && n->type == JSON_INT ? n->i : absent;
}

bool json_get_bool(const struct json_node *obj, const char *key, bool absent)
{
    const struct json_node *n = json_get(obj, key);

    return n && n->type == JSON_BOOL ? n->b : absent;
}
