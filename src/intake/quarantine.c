#include "intake/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ip.h"
#include "core/jsonw.h"

struct quarantine {
    uint64_t file_bytes, bytes_max;
    int dir;
    pthread_mutex_t sync_lock; /* taken before lock: one sync at a time, adding goes on meanwhile */
    pthread_mutex_t lock;      /* guards all below */
    int fd;                    /* of file `newest`, -1 before the first */
    uint64_t oldest, newest, bytes, newest_bytes;
    bool dirty;
    struct buf line, base64;
};

void quarantine_free(struct quarantine *q)
{
    if (!q)
        return;
    if (q->fd >= 0)
        (void)close(q->fd);
    if (q->dir >= 0)
        (void)close(q->dir);
    buf_done(&q->line);
    buf_done(&q->base64);
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_mutex_destroy(&q->sync_lock);
    free(q);
}

static void file_name(uint64_t seq, char out[static 32])
{
    (void)snprintf(out, 32, "%012llu.jsonl", (unsigned long long)seq);
}

static bool parse_name(const char *name, uint64_t *ret)
{
    struct slice s = slice_of(name);

    return s.n == 18 && strcmp(name + 12, ".jsonl") == 0 && slice_to_u64(slice_cut(s, 0, 12), ret);
}

static enum err scan(struct quarantine *q)
{
    int fd = dup(q->dir);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (!d) {
        if (fd >= 0)
            (void)close(fd);
        return ERR_SYS;
    }
    while ((e = readdir(d))) {
        uint64_t seq;
        struct stat st;
        if (!parse_name(e->d_name, &seq) || fstatat(q->dir, e->d_name, &st, 0) != 0)
            continue;
        if (q->newest == 0 || seq < q->oldest)
            q->oldest = seq;
        if (seq >= q->newest) {
            q->newest = seq;
            q->newest_bytes = (uint64_t)st.st_size;
        }
        q->bytes += (uint64_t)st.st_size;
    }
    (void)closedir(d);
    return ERR_NONE;
}

/* Parents of DIR/quarantine/intake are made as well. */
static bool make_dirs(const char *dir)
{
    char path[4096];
    size_t n = strlen(dir);

    if (n == 0 || n >= sizeof(path))
        return false;
    memcpy(path, dir, n + 1);
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            if (mkdir(path, 0750) != 0 && errno != EEXIST)
                return false;
            *p = '/';
        }
    return mkdir(path, 0750) == 0 || errno == EEXIST;
}

CHECKED enum err quarantine_open(const char *dir, uint64_t file_bytes, uint64_t bytes_max,
                                 struct quarantine **ret, struct diag *diag)
{
    struct quarantine *q = calloc(1, sizeof(*q));

    if (!q)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the quarantine");
    *q = (struct quarantine){.file_bytes = file_bytes, .bytes_max = bytes_max, .fd = -1, .dir = -1};
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_mutex_init(&q->sync_lock, NULL);
    buf_init(&q->line, QUARANTINE_PIECE_BYTES * 2);
    buf_init(&q->base64, QUARANTINE_PIECE_BYTES * 2);
    if (make_dirs(dir))
        q->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (q->dir < 0 || scan(q) != ERR_NONE) {
        int sys = errno;
        quarantine_free(q);
        return FAIL(diag, ERR_SYS, 0, "%s: %s", dir, strerror(sys));
    }
    *ret = q;
    return ERR_NONE;
}

/* RFC 4648 section 4. */
static enum err put_base64(struct buf *out, struct slice in)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = (const uint8_t *)in.p;
    char *to;
    enum err e = buf_reserve(out, (in.n + 2) / 3 * 4, &to);

    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < in.n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        if (i + 1 < in.n)
            v |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < in.n)
            v |= p[i + 2];
        *to++ = set[v >> 18];
        *to++ = set[v >> 12 & 63];
        *to++ = i + 1 < in.n ? set[v >> 6 & 63] : '=';
        *to++ = i + 2 < in.n ? set[v & 63] : '=';
        out->n += 4;
    }
    return ERR_NONE;
}

static enum err format(struct quarantine *q, const struct record *r, struct slice piece,
                       const char *reason, unsigned part, bool last)
{
    char id[ID_TEXT_BYTES + 1], ip[IP_TEXT_BYTES + 1];
    struct jsonw w;

    buf_reset(&q->line);
    buf_reset(&q->base64);
    enum err e = put_base64(&q->base64, piece);
    if (e != ERR_NONE)
        return e;
    id_text(r->id, id);
    ip_text(r->peer, ip);
    jsonw_init(&w, &q->line);
    jsonw_object(&w);
    jsonw_ktime(&w, "time", r->received_ns);
    jsonw_kcstr(&w, "id", id);
    jsonw_kcstr(&w, "input", input_name(r->input));
    jsonw_kcstr(&w, "peer", ip);
    jsonw_kint(&w, "port", r->peer_port);
    jsonw_kstr(&w, "name", r->name);
    jsonw_kint(&w, "org", r->org);
    jsonw_kcstr(&w, "reason", reason);
    jsonw_kint(&w, "part", part);
    jsonw_kbool(&w, "last", last);
    jsonw_kstr(&w, "bytes", buf_slice(&q->base64));
    jsonw_close_object(&w);
    e = jsonw_end(&w);
    return e == ERR_NONE ? buf_putc(&q->line, '\n') : e;
}

static enum err next_file(struct quarantine *q)
{
    char name[32];

    file_name(q->newest + 1, name);
    int fd = openat(q->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS;
    /* what was not yet durable in the file that is left behind must not be forgotten */
    if (q->fd >= 0) {
        if (q->dirty)
            (void)fdatasync(q->fd);
        (void)close(q->fd);
    }
    (void)fsync(q->dir);
    q->fd = fd;
    q->newest++;
    if (q->oldest == 0)
        q->oldest = q->newest;
    q->newest_bytes = 0;
    return ERR_NONE;
}

static void make_room(struct quarantine *q, uint64_t n)
{
    while (q->bytes + n > q->bytes_max && q->oldest < q->newest) {
        char name[32];
        struct stat st;
        file_name(q->oldest++, name);
        if (fstatat(q->dir, name, &st, 0) != 0)
            continue;
        if (unlinkat(q->dir, name, 0) == 0)
            q->bytes -= (uint64_t)st.st_size < q->bytes ? (uint64_t)st.st_size : q->bytes;
    }
}

static enum err write_line(struct quarantine *q)
{
    if (q->fd < 0 || q->newest_bytes + q->line.n > q->file_bytes) {
        enum err e = next_file(q);
        if (e != ERR_NONE)
            return e;
    }
    make_room(q, q->line.n);
    ssize_t n = write(q->fd, q->line.p, q->line.n);
    if (n != (ssize_t)q->line.n) {
        int sys = n < 0 ? errno : ENOSPC;
        if (n > 0)
            (void)!ftruncate(q->fd, (off_t)q->newest_bytes);
        return sys == ENOSPC || sys == EDQUOT ? ERR_FULL : ERR_SYS;
    }
    q->newest_bytes += q->line.n;
    q->bytes += q->line.n;
    q->dirty = true;
    return ERR_NONE;
}

CHECKED enum err quarantine_add(struct quarantine *q, const struct record *r, const char *reason,
                                unsigned part, bool last, unsigned *ret_next)
{
    struct slice rest = r->payload;
    enum err e;

    (void)pthread_mutex_lock(&q->lock);
    do {
        size_t n = rest.n < QUARANTINE_PIECE_BYTES ? rest.n : QUARANTINE_PIECE_BYTES;
        e = format(q, r, slice_cut(rest, 0, n), reason, part, last && n == rest.n);
        if (e == ERR_NONE)
            e = write_line(q);
        rest = slice_cut(rest, n, rest.n);
        part++;
    } while (e == ERR_NONE && rest.n > 0);
    (void)pthread_mutex_unlock(&q->lock);
    if (e == ERR_NONE && ret_next)
        *ret_next = part;
    return e;
}

/* The lock is not held while the disk works: the loop's thread adds. Whoever comes second waits for
 * the first, whose sync may have begun before its bytes, and then syncs itself. */
CHECKED enum err quarantine_sync(struct quarantine *q)
{
    enum err e = ERR_NONE;
    int fd = -1;

    (void)pthread_mutex_lock(&q->sync_lock);
    (void)pthread_mutex_lock(&q->lock);
    bool dirty = q->dirty;
    if (dirty) {
        fd = fcntl(q->fd, F_DUPFD_CLOEXEC, 3);
        q->dirty = fd < 0;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (dirty && (fd < 0 || fdatasync(fd) != 0)) {
        e = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYS;
        (void)pthread_mutex_lock(&q->lock);
        q->dirty = true;
        (void)pthread_mutex_unlock(&q->lock);
    }
    if (fd >= 0)
        (void)close(fd);
    (void)pthread_mutex_unlock(&q->sync_lock);
    return e;
}
