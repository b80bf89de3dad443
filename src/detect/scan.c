#include "detect/scan_int.h"

#include <hs.h>
#include <stdlib.h>

struct scan {
    hs_database_t *db;
};

struct scan_scratch {
    hs_scratch_t *hs;
};

bool scan_works(void)
{
    return hs_valid_platform() == HS_SUCCESS;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const unsigned char *at = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    return h;
}

uint64_t scan_platform(void)
{
    hs_platform_info_t info = {0};
    const char *version = hs_version();
    uint64_t h = mix(UINT64_C(0xcbf29ce484222325), version, strlen(version));

    if (hs_populate_platform(&info) != HS_SUCCESS)
        return h;
    h = mix(h, &info.tune, sizeof(info.tune));
    return mix(h, &info.cpu_features, sizeof(info.cpu_features));
}

void scan_free(struct scan *s)
{
    if (!s)
        return;
    (void)hs_free_database(s->db);
    free(s);
}

static enum err error_of(hs_error_t e)
{
    return e == HS_SUCCESS ? ERR_NONE : e == HS_NOMEM ? ERR_NOMEM : ERR_UNSUPPORTED;
}

static CHECKED enum err wrap(hs_error_t e, hs_database_t *db, hs_compile_error_t *why,
                             struct scan **ret)
{
    struct scan *s = e == HS_SUCCESS ? malloc(sizeof(*s)) : NULL;

    if (why)
        (void)hs_free_compile_error(why);
    if (e != HS_SUCCESS)
        return error_of(e);
    if (!s) {
        (void)hs_free_database(db);
        return ERR_NOMEM;
    }
    s->db = db;
    *ret = s;
    return ERR_NONE;
}

/* The arrays that the library wants. */
struct lists {
    const char **text;
    unsigned *flags, *ids;
    size_t *lens;
};

static void lists_done(struct lists *l)
{
    free(l->text);
    free(l->flags);
    free(l->ids);
    free(l->lens);
}

static CHECKED enum err lists_make(const struct scan_want *want, size_t n, struct lists *l)
{
    if (!n || n > UINT32_MAX)
        return ERR_UNSUPPORTED;
    l->text = malloc(n * sizeof(const char *));
    l->flags = malloc(n * sizeof(*l->flags));
    l->ids = malloc(n * sizeof(*l->ids));
    l->lens = malloc(n * sizeof(*l->lens));
    if (!l->text || !l->flags || !l->ids || !l->lens)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!scan_fits(want[i].text))
            return ERR_UNSUPPORTED;
        l->text[i] = want[i].text.p;
        l->lens[i] = want[i].text.n;
        l->flags[i] = want[i].once ? HS_FLAG_SINGLEMATCH : 0;
        l->ids[i] = (unsigned)i;
    }
    return ERR_NONE;
}

bool scan_fits(struct slice literal)
{
    /* The library takes a NUL at the front for the end. */
    return literal.n && literal.p[0] && literal.n <= SCAN_TEXT_MAX &&
           slice_find(literal, (char)SCAN_PAD_BYTE) == literal.n;
}

CHECKED enum err scan_literals(const struct scan_want *want, size_t n, struct scan **ret)
{
    struct lists l = {0};
    hs_database_t *db = NULL;
    hs_compile_error_t *why = NULL;
    enum err e = lists_make(want, n, &l);

    if (e == ERR_NONE) {
        hs_error_t hs = hs_compile_lit_multi(l.text, l.flags, l.ids, l.lens, (unsigned)n,
                                             HS_MODE_BLOCK, NULL, &db, &why);
        e = wrap(hs, db, why, ret);
    }
    lists_done(&l);
    return e;
}

CHECKED enum err scan_save(const struct scan *s, struct buf *to)
{
    char *bytes = NULL;
    size_t n = 0;
    enum err e = error_of(hs_serialize_database(s->db, &bytes, &n));

    if (e == ERR_NONE)
        e = buf_put(to, (struct slice){bytes, n});
    free(bytes);
    return e;
}

CHECKED enum err scan_load(struct slice from, struct scan **ret)
{
    hs_database_t *db = NULL;
    hs_error_t e = hs_deserialize_database(from.p, from.n, &db);

    if (e != HS_SUCCESS)
        return e == HS_NOMEM ? ERR_NOMEM : ERR_CORRUPT;
    return wrap(e, db, NULL, ret);
}

void scan_scratch_free(struct scan_scratch *s)
{
    if (!s)
        return;
    if (s->hs)
        (void)hs_free_scratch(s->hs);
    free(s);
}

CHECKED enum err scan_scratch_fit(struct scan_scratch **s, const struct scan *db)
{
    if (!*s)
        *s = calloc(1, sizeof(**s));
    return *s ? error_of(hs_alloc_scratch(db->db, &(*s)->hs)) : ERR_NOMEM;
}

CHECKED enum err scan_scratch_clone(const struct scan_scratch *from, struct scan_scratch **ret)
{
    struct scan_scratch *s = calloc(1, sizeof(*s));
    enum err e = s ? error_of(hs_clone_scratch(from->hs, &s->hs)) : ERR_NOMEM;

    if (e != ERR_NONE) {
        scan_scratch_free(s);
        return e;
    }
    *ret = s;
    return ERR_NONE;
}

struct call {
    scan_found_fn *found;
    void *arg;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *arg)
{
    const struct call *c = arg;

    (void)from;
    (void)flags;
    c->found(c->arg, id, (size_t)to);
    return 0;
}

CHECKED bool scan_run(const struct scan *s, struct scan_scratch *scratch, struct slice text,
                      scan_found_fn *found, void *arg)
{
    struct call c = {found, arg};

    if (text.n > UINT32_MAX - SCAN_PAD)
        return false;
    return hs_scan(s->db, text.p, (unsigned)(text.n + SCAN_PAD), 0, scratch->hs, on_match, &c) ==
           HS_SUCCESS;
}
