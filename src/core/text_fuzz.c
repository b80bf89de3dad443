/* Small readers and writers of text: times, addresses, ids, folding, numbers. */
#include <stdlib.h>

#include "core/fold.h"
#include "core/id.h"
#include "core/ip.h"
#include "core/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(struct slice in)
{
    char text[TIME_TEXT_BYTES + 1];
    struct diag d = {0};
    int64_t ns, back;

    if (time_parse_iso(in, 25200, &ns)) {
        time_rfc3339(ns, text);
        if (!time_parse_iso(slice_of(text), 0, &back) || back != ns)
            abort();
    }
    if (time_parse_bound(in, INT64_C(1764057021000000000), &ns, &d) == ERR_NONE)
        time_rfc3339(ns, text);
    else if (!d.text[0])
        abort();
}

static void check_address(struct slice in)
{
    char text[IP_TEXT_BYTES + 1];
    uint8_t ip[16], again[16];
    struct cidr c;

    if (ip_parse(in, ip)) {
        ip_text(ip, text);
        if (!ip_parse(slice_of(text), again) || memcmp(ip, again, 16) != 0)
            abort();
    }
    if (cidr_parse(in, &c) && (c.bits > 128 || !cidr_has(&c, c.ip)))
        abort();
}

static void check_id(struct slice in)
{
    char text[ID_TEXT_BYTES + 1];
    struct id128 id, back;

    if (id_parse(in, &id) != ERR_NONE)
        return;
    id_text(id, text);
    if (id_parse(slice_of(text), &back) != ERR_NONE || id_cmp(id, back) != 0)
        abort();
}

static void check_fold(struct slice in)
{
    size_t (*const folds[])(struct slice, char *) = {fold_case, fold_search};
    char *once = malloc(fold_bound(in.n) + 1), *twice = malloc(fold_bound(fold_bound(in.n)) + 1);
    struct arena a;
    struct slice dup;

    if (!once || !twice)
        abort();
    arena_init(&a, 1 << 26);
    for (int i = 0; i < 2; i++) {
        struct slice x = {once, folds[i](in, once)};
        struct slice y = {twice, folds[i](x, twice)};
        if (x.n > fold_bound(in.n) || !slice_eq(x, y) || (i == 0 && !fold_case_eq(in, x)))
            abort();
        if ((i ? fold_search_dup(&a, in, &dup) : fold_case_dup(&a, in, &dup)) != ERR_NONE ||
            !slice_eq(dup, x))
            abort();
    }
    arena_done(&a);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    uint64_t u;
    int64_t i;

    check_time(in);
    check_address(in);
    check_id(in);
    check_fold(in);
    if (slice_to_u64(in, &u) && u <= INT64_MAX && (!slice_to_i64(in, &i) || (uint64_t)i != u))
        abort();
    return 0;
}
