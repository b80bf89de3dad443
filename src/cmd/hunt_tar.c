#include "cmd/hunt_tar.h"

#include <stdio.h>

enum { NAME_AT = 0, NAME_N = 100, SIZE_AT = 124, SUM_AT = 148, TYPE_AT = 156, PREFIX_AT = 345 };

static bool octal(const char *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;

    if ((uint8_t)p[0] == 0x80) { /* GNU: base 256 */
        for (i = n > 8 ? n - 8 : 1; i < n; i++)
            v = v << 8 | (uint8_t)p[i];
        *ret = v;
        return v < UINT64_C(1) << 62;
    }
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    *ret = v;
    return i == n || p[i] == 0 || p[i] == ' ';
}

bool hunt_tar_looks(struct slice head)
{
    uint64_t want, sum = 0;

    if (head.n < HUNT_TAR_BLOCK || memcmp(head.p + 257, "ustar", 5) != 0 ||
        !octal(head.p + SUM_AT, 8, &want))
        return false;
    for (size_t i = 0; i < HUNT_TAR_BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : (uint8_t)head.p[i];
    return sum == want;
}

static enum err get(struct hunt_tar *t, char *to, size_t cap, size_t *ret_n, struct diag *diag)
{
    size_t n = t->head.n < cap ? t->head.n : cap;

    if (n == 0)
        return hunt_input_read(t->in, to, cap, ret_n, diag);
    memcpy(to, t->head.p, n);
    t->head = slice_cut(t->head, n, t->head.n);
    *ret_n = n;
    return ERR_NONE;
}

static enum err get_all(struct hunt_tar *t, char *to, size_t n, struct diag *diag)
{
    for (size_t at = 0, got; at < n; at += got) {
        enum err e = get(t, to + at, n - at, &got, diag);
        if (e != ERR_NONE)
            return e;
        if (got == 0)
            return FAIL(diag, ERR_SYNTAX, 0, "tar: the archive is cut short");
    }
    return ERR_NONE;
}

static enum err skip(struct hunt_tar *t, uint64_t n, struct diag *diag)
{
    char part[8192];

    while (n > 0) {
        size_t k = n < sizeof(part) ? (size_t)n : sizeof(part);
        enum err e = get_all(t, part, k, diag);
        if (e != ERR_NONE)
            return e;
        n -= k;
    }
    return ERR_NONE;
}

static void name_of(struct hunt_tar *t, const char *block)
{
    bool prefix = memcmp(block + 257, "ustar\0", 6) == 0 && block[PREFIX_AT];

    (void)snprintf(t->name, sizeof(t->name), "%.*s%s%.*s", prefix ? 155 : 0, block + PREFIX_AT,
                   prefix ? "/" : "", NAME_N, block + NAME_AT);
}

/* GNU's long name: the data of a member of its own. */
static enum err long_name(struct hunt_tar *t, struct diag *diag)
{
    size_t n = t->left < sizeof(t->name) - 1 ? (size_t)t->left : sizeof(t->name) - 1;
    enum err e = get_all(t, t->name, n, diag);

    if (e != ERR_NONE)
        return e;
    t->name[n] = 0;
    t->left -= n;
    return ERR_NONE;
}

CHECKED enum err hunt_tar_next(struct hunt_tar *t, struct diag *diag)
{
    bool named = false;

    for (;;) {
        char block[HUNT_TAR_BLOCK];
        enum err e = skip(t, t->left + t->pad, diag);
        t->left = t->pad = 0;
        if (e == ERR_NONE)
            e = get_all(t, block, sizeof(block), diag);
        if (e != ERR_NONE)
            return e;
        if (block[0] == 0)
            return ERR_NOENT;
        if (!hunt_tar_looks((struct slice){block, sizeof(block)}) ||
            !octal(block + SIZE_AT, 12, &t->left))
            return FAIL(diag, ERR_SYNTAX, 0, "tar: a header is damaged");
        t->pad = (unsigned)(HUNT_TAR_BLOCK - t->left % HUNT_TAR_BLOCK) % HUNT_TAR_BLOCK;
        if (block[TYPE_AT] == 'L') {
            e = long_name(t, diag);
            if (e != ERR_NONE)
                return e;
            named = true;
        } else if (block[TYPE_AT] == '0' || block[TYPE_AT] == 0) {
            if (!named)
                name_of(t, block);
            return ERR_NONE;
        }
    }
}

ptrdiff_t hunt_tar_pull(void *arg, char *to, size_t cap, struct diag *diag)
{
    struct hunt_tar *t = arg;
    size_t n = 0;

    if (t->left == 0)
        return 0;
    if (get(t, to, t->left < cap ? (size_t)t->left : cap, &n, diag) != ERR_NONE)
        return -1;
    if (n == 0) {
        diag_set(diag, ERR_SYNTAX, 0, "tar: the archive is cut short");
        return -1;
    }
    t->left -= n;
    return (ptrdiff_t)n;
}
