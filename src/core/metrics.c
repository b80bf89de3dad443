#include "core/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic uint64_t own[M_N];
static _Atomic uint64_t *page = own;

_Static_assert(M_N * sizeof(uint64_t) <= METRICS_BYTES, "one page is enough");

static const struct {
    const char *name, *kind, *help;
} table[M_N] = {
#define COUNTER "counter"
#define GAUGE "gauge"
#define METRIC(id, name, kind, help) [M_##id] = {name, kind, help},
#include "core/metrics.def"
#undef METRIC
};

CHECKED enum err metrics_map(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return ERR_SYS;
    if (st.st_size < METRICS_BYTES && ftruncate(fd, METRICS_BYTES) != 0)
        return ERR_SYS;
    void *p = mmap(NULL, METRICS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return ERR_SYS;
    _Atomic uint64_t *before = page;
    page = p;
    for (size_t m = 0; m < M_N; m++)
        metric_add((enum metric)m, atomic_exchange_explicit(&before[m], 0, memory_order_relaxed));
    return ERR_NONE;
}

void metric_add(enum metric m, uint64_t n)
{
    atomic_fetch_add_explicit(&page[m], n, memory_order_relaxed);
}

void metric_set(enum metric m, uint64_t v)
{
    atomic_store_explicit(&page[m], v, memory_order_relaxed);
}

uint64_t metric_get(enum metric m)
{
    return atomic_load_explicit(&page[m], memory_order_relaxed);
}

CHECKED enum err metrics_render(const uint64_t *const *pages, size_t n, struct buf *out)
{
    enum err e = ERR_NONE;

    for (size_t m = 0; m < M_N && e == ERR_NONE; m++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum +=
                atomic_load_explicit((const _Atomic uint64_t *)&pages[i][m], memory_order_relaxed);
        e = buf_printf(out, "# TYPE coloa_%s %s\n# HELP coloa_%s %s.\ncoloa_%s%s %" PRIu64 "\n",
                       table[m].name, table[m].kind, table[m].name, table[m].help, table[m].name,
                       table[m].kind[0] == 'c' ? "_total" : "", sum);
    }
    return e == ERR_NONE ? buf_puts(out, "# EOF\n") : e;
}
