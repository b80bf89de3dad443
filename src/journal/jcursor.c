#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "journal/journal.h"

/* A file of two slots, each alone in its disk block, so that one torn write spares the other:
 * magic 8, version 4, zero 4, sequence 8, segment 8, offset 8, zero 20, CRC32C of the 60 before. */
enum { SLOT = 64, SLOT_APART = 4096, SLOTS = 2, VERSION = 1 };

static const char magic[8] = {'c', 'o', 'l', 'o', 'a', 'C', 'U', 'R'};

enum state { SLOT_EMPTY, SLOT_GOOD, SLOT_TORN, SLOT_NEWER };

struct slot {
    enum state state;
    uint64_t sequence;
    struct jpos pos;
};

static void put(char *to, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        to[i] = (char)(uint8_t)(v >> (8 * i));
}

static struct slot decode(struct slice in)
{
    struct slot s = {.state = SLOT_TORN};
    struct bytes b = bytes_of(in);
    size_t zeros = 0;

    while (zeros < in.n && in.p[zeros] == 0)
        zeros++;
    if (zeros == in.n)
        return (struct slot){.state = SLOT_EMPTY};
    struct slice m = bytes_get(&b, 8);
    uint32_t version = bytes_u32(&b);
    (void)bytes_u32(&b);
    s.sequence = bytes_u64(&b);
    s.pos.segment = bytes_u64(&b);
    s.pos.offset = bytes_u64(&b);
    (void)bytes_get(&b, 20);
    uint32_t crc = bytes_u32(&b);
    if (b.bad || !slice_eq(m, (struct slice){magic, 8}) ||
        crc != crc32c(0, slice_cut(in, 0, SLOT - 4)))
        return s;
    s.state = version == VERSION ? SLOT_GOOD : version > VERSION ? SLOT_NEWER : SLOT_TORN;
    return s;
}

static enum err read_slots(int fd, struct slot slots[SLOTS])
{
    for (int i = 0; i < SLOTS; i++) {
        char b[SLOT] = {0};
        ssize_t n;
        do
            n = pread(fd, b, sizeof(b), (off_t)i * SLOT_APART);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno != EIO)
            return ERR_SYS;
        slots[i] = decode((struct slice){b, sizeof(b)});
        if (n < 0)
            slots[i].state = SLOT_TORN;
    }
    return ERR_NONE;
}

/* The good slot with the highest sequence, or -1. */
static int newest(const struct slot slots[SLOTS])
{
    int best = -1;

    for (int i = 0; i < SLOTS; i++)
        if (slots[i].state == SLOT_GOOD && (best < 0 || slots[i].sequence > slots[best].sequence))
            best = i;
    return best;
}

CHECKED enum err jcursor_load(const char *path, struct jpos *ret, struct diag *diag)
{
    struct slot slots[SLOTS];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        *ret = (struct jpos){0, 0};
        return ERR_NONE;
    }
    enum err e = fd >= 0 ? read_slots(fd, slots) : ERR_SYS;
    if (fd >= 0)
        (void)close(fd);
    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "cursor %s cannot be read", path);
    int best = newest(slots);
    if (slots[0].state == SLOT_NEWER || slots[1].state == SLOT_NEWER)
        return FAIL(diag, ERR_VERSION, 8, "cursor %s was written by a newer version", path);
    if (best < 0 && slots[0].state == SLOT_TORN && slots[1].state == SLOT_TORN)
        return FAIL(diag, ERR_CORRUPT, 0, "both slots of cursor %s are damaged", path);
    /* One torn slot and one that was never written: the very first save did not finish. */
    *ret = best < 0 ? (struct jpos){0, 0} : slots[best].pos;
    return ERR_NONE;
}

static enum err sync_folder(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');

    int len = slash == path ? snprintf(dir, sizeof(dir), "/")
              : slash       ? snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path)
                            : snprintf(dir, sizeof(dir), ".");
    if (len < 0 || (size_t)len >= sizeof(dir))
        return ERR_LIMIT;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYS;
    int rc = fsync(fd);
    (void)close(fd);
    return rc == 0 ? ERR_NONE : ERR_SYS;
}

static enum err write_slot(int fd, int i, uint64_t sequence, struct jpos pos)
{
    char b[SLOT] = {0};

    memcpy(b, magic, sizeof(magic));
    put(b + 8, VERSION, 4);
    put(b + 16, sequence, 8);
    put(b + 24, pos.segment, 8);
    put(b + 32, pos.offset, 8);
    put(b + 60, crc32c(0, (struct slice){b, 60}), 4);
    ssize_t n = pwrite(fd, b, sizeof(b), (off_t)i * SLOT_APART);
    if (n != (ssize_t)sizeof(b))
        return n >= 0 || errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS;
    return fdatasync(fd) == 0 ? ERR_NONE : ERR_SYS;
}

CHECKED enum err jcursor_save(const char *path, struct jpos pos, struct diag *diag)
{
    struct slot slots[SLOTS];
    bool fresh = false;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        fresh = true;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    }
    enum err e = fd >= 0 ? read_slots(fd, slots) : ERR_SYS;
    if (e == ERR_NONE && (slots[0].state == SLOT_NEWER || slots[1].state == SLOT_NEWER))
        e = ERR_VERSION;
    if (e == ERR_NONE) {
        int best = newest(slots);
        e = write_slot(fd, best == 0 ? 1 : 0, best < 0 ? 1 : slots[best].sequence + 1, pos);
    }
    if (fd >= 0)
        (void)close(fd);
    if (e == ERR_NONE && fresh)
        e = sync_folder(path);
    return e == ERR_NONE ? e : FAIL(diag, e, 0, "cursor %s cannot be saved", path);
}
