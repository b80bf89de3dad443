#include "journal/page_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/crc32c.h"

enum { PAGE_BYTES = 4096, PAGE_VERSION = 1, TRIES = 1000 };

struct page {
    _Atomic uint64_t magic;
    _Atomic uint32_t version;
    _Atomic uint32_t turn;
    _Atomic uint64_t segment, offset, salt;
    _Atomic uint32_t crc; /* of the three before */
};

static const uint64_t page_magic = UINT64_C(0x534f50616f6c6f63); /* "coloaPOS" */

static uint32_t sum(const struct page_value *v)
{
    const uint64_t words[] = {v->durable.segment, v->durable.offset, v->salt};

    return crc32c(0, (struct slice){(const char *)words, sizeof(words)});
}

static enum err map(int fd, int prot, void **ret)
{
    void *p = mmap(NULL, PAGE_BYTES, prot, MAP_SHARED, fd, 0);

    (void)close(fd);
    if (p == MAP_FAILED)
        return ERR_SYS;
    *ret = p;
    return ERR_NONE;
}

CHECKED enum err page_map_writer(int dirfd, struct page **ret)
{
    struct stat st;
    void *p = NULL;
    int fd = openat(dirfd, "position", O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return ERR_SYS;
    /* A page without a block behind it would be a SIGBUS on a full disk. */
    int rc = fstat(fd, &st);
    if (rc == 0 && st.st_size < PAGE_BYTES)
        rc = posix_fallocate(fd, 0, PAGE_BYTES);
    if (rc != 0) {
        (void)close(fd);
        return rc == ENOSPC ? ERR_FULL : ERR_SYS;
    }
    enum err e = map(fd, PROT_READ | PROT_WRITE, &p);
    if (e == ERR_NONE)
        *ret = p;
    return e;
}

CHECKED enum err page_map_reader(int dirfd, const struct page **ret)
{
    struct stat st;
    void *p = NULL;
    int fd = openat(dirfd, "position", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? ERR_NOENT : ERR_SYS;
    if (fstat(fd, &st) != 0 || st.st_size < PAGE_BYTES) {
        (void)close(fd);
        return ERR_NOENT;
    }
    enum err e = map(fd, PROT_READ, &p);
    if (e == ERR_NONE)
        *ret = p;
    return e;
}

void page_unmap(const struct page *p)
{
    void *start;

    memcpy(&start, &p, sizeof(start)); /* munmap does not write, whatever its prototype says */
    if (p)
        (void)munmap(start, PAGE_BYTES);
}

CHECKED bool page_load(const struct page *p, struct page_value *ret, uint32_t *ret_turn)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t turn = atomic_load_explicit(&p->turn, memory_order_acquire);
        if (turn & 1)
            continue;
        struct page_value v = {
            {atomic_load_explicit(&p->segment, memory_order_acquire),
             atomic_load_explicit(&p->offset, memory_order_acquire)},
            atomic_load_explicit(&p->salt, memory_order_acquire),
        };
        uint32_t crc = atomic_load_explicit(&p->crc, memory_order_acquire);
        if (atomic_load_explicit(&p->turn, memory_order_relaxed) != turn)
            continue;
        *ret_turn = turn;
        if (atomic_load(&p->magic) != page_magic || atomic_load(&p->version) != PAGE_VERSION ||
            crc != sum(&v))
            return false;
        *ret = v;
        return true;
    }
    *ret_turn = atomic_load(&p->turn);
    return false;
}

void page_store(struct page *p, const struct page_value *v)
{
    uint32_t turn = atomic_load_explicit(&p->turn, memory_order_relaxed) | 1;

    atomic_store(&p->turn, turn);
    atomic_store(&p->magic, page_magic);
    atomic_store(&p->version, PAGE_VERSION);
    atomic_store(&p->segment, v->durable.segment);
    atomic_store(&p->offset, v->durable.offset);
    atomic_store(&p->salt, v->salt);
    atomic_store(&p->crc, sum(v));
    atomic_store(&p->turn, turn + 1);
    (void)syscall(SYS_futex, &p->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void page_wait(const struct page *p, uint32_t turn, int64_t ns)
{
    struct timespec ts = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

    (void)syscall(SYS_futex, &p->turn, FUTEX_WAIT, turn, &ts, NULL, 0);
}
