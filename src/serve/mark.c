#include "serve/mark.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAGIC = 0x4b524d43, VERSION = 1 };

struct suspect {
    uint64_t segment, offset, deaths;
};

struct slot {
    uint64_t segment, offset;
    _Atomic uint32_t busy;
    uint32_t next; /* the suspect to be forgotten next */
    struct suspect suspects[MARK_SUSPECTS];
};

struct page {
    uint32_t magic, version;
    struct slot slots[MARK_SLOTS];
};

struct mark {
    struct page *page; /* mapped */
};

static void count_death(struct slot *s)
{
    for (size_t i = 0; i < MARK_SUSPECTS; i++)
        if (s->suspects[i].segment == s->segment && s->suspects[i].offset == s->offset) {
            s->suspects[i].deaths++;
            return;
        }
    s->next = (s->next + 1) % MARK_SUSPECTS;
    s->suspects[s->next] = (struct suspect){s->segment, s->offset, 1};
}

/* What the process before left: a busy slot is a death at its position. */
static void judge(struct page *p)
{
    if (p->magic != MAGIC || p->version != VERSION) {
        memset(p, 0, sizeof(*p));
        p->magic = MAGIC;
        p->version = VERSION;
    }
    for (size_t i = 0; i < MARK_SLOTS; i++) {
        struct slot *s = &p->slots[i];
        if (atomic_load(&s->busy))
            count_death(s);
        atomic_store(&s->busy, 0);
    }
}

CHECKED enum err mark_open(const char *path, struct mark **ret, struct diag *diag)
{
    struct mark *m = malloc(sizeof(*m));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *p = MAP_FAILED;

    if (m && fd >= 0 && ftruncate(fd, sizeof(struct page)) == 0)
        p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        (void)close(fd);
    if (p == MAP_FAILED) {
        free(m);
        return FAIL(diag, ERR_SYS, 0, "cannot map %s", path);
    }
    m->page = p;
    judge(m->page);
    *ret = m;
    return ERR_NONE;
}

void mark_close(struct mark *m)
{
    if (!m)
        return;
    (void)munmap(m->page, sizeof(*m->page));
    free(m);
}

void mark_begin(struct mark *m, unsigned slot, struct jpos at)
{
    struct slot *s = &m->page->slots[slot];

    s->segment = at.segment;
    s->offset = at.offset;
    atomic_store_explicit(&s->busy, 1, memory_order_release);
}

void mark_end(struct mark *m, unsigned slot)
{
    atomic_store_explicit(&m->page->slots[slot].busy, 0, memory_order_release);
}

bool mark_is_poison(const struct mark *m, unsigned slot, struct jpos at)
{
    const struct slot *s = &m->page->slots[slot];

    for (size_t i = 0; i < MARK_SUSPECTS; i++)
        if (s->suspects[i].segment == at.segment && s->suspects[i].offset == at.offset)
            return s->suspects[i].deaths >= MARK_CRASHES;
    return false;
}
