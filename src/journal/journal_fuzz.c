/* A segment's bytes → recovery and reader. Bit 0 of the first byte: raw bytes; else a script that
 * builds records with sound checksums, so that the depths behind them are reached. Bit 1: a shared
 * page that promises the offset in the next two bytes. Whatever was there, an append afterwards
 * works and is the last frame that a reader finds. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/bytes.h"
#include "journal/page_int.h"
#include "journal/segment_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t salt = 42;
static char root[64], dir[80], quarantine[80];

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void empty(const char *path)
{
    DIR *dp = opendir(path);

    for (struct dirent *d; dp && (d = readdir(dp));)
        if (d->d_name[0] != '.')
            (void)unlinkat(dirfd(dp), d->d_name, 0);
    if (dp)
        (void)closedir(dp);
}

static void remove_root(void)
{
    empty(dir);
    empty(quarantine);
    (void)rmdir(dir);
    (void)rmdir(quarantine);
    (void)rmdir(root);
}

static void prepare(void)
{
    if (root[0])
        return;
    (void)snprintf(root, sizeof(root), "%s/coloa-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(root) != NULL);
    (void)snprintf(dir, sizeof(dir), "%s/j", root);
    (void)snprintf(quarantine, sizeof(quarantine), "%s/q", root);
    must(mkdir(dir, 0700) == 0 && mkdir(quarantine, 0700) == 0);
    must(atexit(remove_root) == 0);
}

static void put(struct buf *b, struct slice s)
{
    must(buf_put(b, s) == ERR_NONE);
}

static void put_record(struct buf *b, enum segment_kind kind, struct slice payload)
{
    char head[SEGMENT_RECORD];

    segment_record_put(head, segment_seed(salt), kind, payload);
    put(b, (struct slice){head, sizeof(head)});
    put(b, payload);
}

static void put_commit(struct buf *b, uint64_t start, uint8_t frames, uint8_t notes)
{
    char record[SEGMENT_RECORD + SEGMENT_COMMIT];
    struct segment_commit c = {7, start, 0, frames, notes};

    (void)segment_commit_put(record, segment_seed(salt), &c);
    put(b, (struct slice){record, sizeof(record)});
}

/* Operations of one byte and a length; what is left over ends the file raw. */
static void script(struct bytes *in, struct buf *b)
{
    char head[SEGMENT_HEADER];
    struct segment_header h = {.number = 1, .salt = salt, .prev_end = 7};
    uint64_t start = SEGMENT_HEADER;

    segment_header_put(head, &h);
    put(b, (struct slice){head, sizeof(head)});
    while (bytes_left(in) > 2) {
        uint8_t op = bytes_u8(in);
        uint8_t n = bytes_u8(in);
        if (op % 4 == 3) {
            put_commit(b, op & 4 ? start : n, (uint8_t)(op >> 5), (uint8_t)(n & 7));
            start = b->n;
            continue;
        }
        struct slice s = bytes_get(in, n < bytes_left(in) ? n : bytes_left(in));
        if (op % 4 == 2)
            put(b, s);
        else
            put_record(b, op & 8 ? (enum segment_kind)(1 + op % 3) : SEGMENT_IS_FRAME, s);
    }
}

static void promise(uint16_t offset)
{
    struct page *p = NULL;
    struct page_value v = {{1, offset}, salt};
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    must(fd >= 0 && page_map_writer(fd, &p) == ERR_NONE);
    page_store(p, &v);
    page_unmap(p);
    (void)close(fd);
}

static void check(void)
{
    struct journal_options o = {.dir = dir,
                                .quarantine = quarantine,
                                .segment_bytes = 1 << 20,
                                .max_bytes = 64 << 20,
                                .no_thread = true};
    struct journal *j = NULL;
    struct journal_reader *r = NULL;
    struct slice frame, ours = SLICE("ours");
    struct jpos pos;
    bool last_is_ours = false;
    enum err e = journal_open(&o, &j, NULL);

    must(e == ERR_NONE || e == ERR_VERSION);
    if (e == ERR_VERSION)
        return;
    must(journal_append_wait(j, &ours, 1, NULL, 0) == ERR_NONE);
    must(journal_reader_open(dir, (struct jpos){0, 0}, &r, NULL, NULL) == ERR_NONE);
    while ((e = journal_reader_next(r, &frame, &pos, NULL)) == ERR_NONE || e == ERR_CORRUPT)
        last_is_ours = e == ERR_NONE && slice_eq(frame, ours);
    must(e == ERR_NOENT && last_is_ours && journal_reader_lag(r) == 0);
    journal_reader_close(r);
    journal_close(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of((struct slice){(const char *)data, size});
    struct buf b;
    char path[128];
    uint8_t mode = bytes_u8(&in);
    uint16_t offset = bytes_u16(&in);

    prepare();
    empty(dir);
    empty(quarantine);
    buf_init(&b, 4 << 20);
    if (mode & 1)
        put(&b, bytes_get(&in, bytes_left(&in)));
    else
        script(&in, &b);
    if (mode & 2)
        promise(offset);
    (void)snprintf(path, sizeof(path), "%s/000000000001.seg", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, b.p ? b.p : "", b.n) == (ssize_t)b.n);
    (void)close(fd);
    buf_done(&b);
    check();
    return 0;
}
