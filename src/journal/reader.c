#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "journal/journal.h"
#include "journal/page_int.h"
#include "journal/walk_int.h"

static const int64_t poll_ns = 20 * NS_PER_MS; /* while there is no page to wait on */
static const int64_t longest_wait_ns = NS_PER_S;

struct journal_reader {
    char *dir;               /* owned */
    int dirfd;               /* -1 until the folder is there */
    const struct page *page; /* owned map; NULL until it is there */
    struct jpos from;        /* where to begin; meaningless once fd >= 0 */
    struct jpos seen;        /* durable when there was last nothing more */
    int fd;                  /* of the current segment, -1 = none yet */
    uint64_t number;
    struct walk w;
};

/* ERR_NOENT until the writer has made folder and page. */
static enum err attach(struct journal_reader *r)
{
    if (r->page)
        return ERR_NONE;
    if (r->dirfd < 0)
        r->dirfd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dirfd < 0)
        return errno == ENOENT ? ERR_NOENT : ERR_SYS;
    return page_map_reader(r->dirfd, &r->page);
}

static enum err load(struct journal_reader *r, struct page_value *ret)
{
    uint32_t turn;
    enum err e = attach(r);

    if (e != ERR_NONE)
        return e;
    return page_load(r->page, ret, &turn) ? ERR_NONE : ERR_NOENT;
}

/* Makes this segment the current one. ERR_NOENT if its file is gone. */
static enum err enter(struct journal_reader *r, uint64_t number, uint64_t offset, uint64_t salt,
                      struct segment_header *ret_head, bool *ret_headed, struct diag *diag)
{
    char name[SEGMENT_NAME];

    segment_name(name, number);
    int fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOENT : FAIL(diag, ERR_SYS, 0, "%s cannot be opened", name);
    enum err e = segment_header_read(fd, ret_head);
    if (e == ERR_VERSION || e == ERR_SYS) {
        (void)close(fd);
        return FAIL(diag, e, 0, "journal segment %s: %s", name, err_text(e));
    }
    *ret_headed = e == ERR_NONE && ret_head->number == number;
    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = fd;
    r->number = number;
    offset = offset < SEGMENT_HEADER ? SEGMENT_HEADER : offset;
    walk_turn(&r->w, fd, segment_seed(*ret_headed ? ret_head->salt : salt), offset, offset);
    return ERR_NONE;
}

/* Finds where to begin. *ret_skipped: something between r->from and there is gone. */
static enum err locate(struct journal_reader *r, const struct page_value *v, bool *ret_skipped,
                       struct diag *diag)
{
    uint64_t *list = NULL;
    size_t n = 0, i = 0;
    struct segment_header head;
    bool headed = false;
    enum err e = segment_list(r->dirfd, &list, &n);

    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "the journal's folder cannot be listed");
    /* A cursor from a journal that was there before this one. */
    bool foreign = r->from.segment > v->durable.segment;
    struct jpos from = foreign ? (struct jpos){0, 0} : r->from;
    while (i < n && list[i] < from.segment)
        i++;
    if (i == n || list[i] > v->durable.segment) {
        free(list);
        return ERR_NOENT;
    }
    bool there = list[i] == from.segment;
    e = enter(r, list[i], there ? from.offset : 0, v->salt, &head, &headed, diag);
    free(list);
    if (e != ERR_NONE)
        return e;
    *ret_skipped =
        foreign || (from.segment != 0 && !there &&
                    !(headed && head.prev_number == from.segment && from.offset >= head.prev_last));
    return ERR_NONE;
}

/* The segment after the current one: the newest that says so itself (one that could not be synced
 * may lie between), else the next that is there, which is a gap. 0 = none yet. */
static enum err successor(struct journal_reader *r, uint64_t newest, uint64_t *ret_number,
                          uint64_t *ret_end)
{
    uint64_t *list = NULL, number = 0, end = UINT64_MAX;
    size_t n = 0;
    char name[SEGMENT_NAME];
    enum err e = segment_list(r->dirfd, &list, &n);

    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < n && list[i] <= newest; i++) {
        struct segment_header h;
        if (list[i] <= r->number)
            continue;
        segment_name(name, list[i]);
        int fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC);
        bool headed = fd >= 0 && segment_header_read(fd, &h) == ERR_NONE;
        if (fd >= 0)
            (void)close(fd);
        bool follows = headed && h.prev_number == r->number;
        if (follows || number == 0) {
            number = list[i];
            end = follows ? h.prev_end : UINT64_MAX;
        }
        if (headed && h.prev_number > r->number)
            break;
    }
    free(list);
    *ret_number = number;
    *ret_end = end;
    return ERR_NONE;
}

static enum err seal(struct journal_reader *r, uint64_t newest, uint64_t *ret_next,
                     struct diag *diag)
{
    struct stat st;
    uint64_t end;
    enum err e = successor(r, newest, ret_next, &end);

    if (e != ERR_NONE)
        return FAIL(diag, e, 0, "the journal's folder cannot be listed");
    if (*ret_next == 0)
        return ERR_NOENT;
    if (end == UINT64_MAX) {
        if (fstat(r->fd, &st) != 0)
            return FAIL(diag, ERR_SYS, 0, "journal segment %" PRIu64, r->number);
        end = (uint64_t)st.st_size;
    }
    if (end > r->w.limit)
        r->w.limit = end;
    return ERR_NONE;
}

/* At the limit: moves it, or goes on to the next segment. ERR_NOENT when all is read; ERR_CORRUPT
 * when segments are missing in between. */
static enum err advance(struct journal_reader *r, struct diag *diag)
{
    struct page_value v;
    struct segment_header head;
    bool headed = false, skipped = false;
    uint64_t next = 0, was = r->number;
    enum err e = load(r, &v);

    if (e != ERR_NONE)
        return e;
    r->seen = v.durable;
    if (r->fd < 0) {
        e = locate(r, &v, &skipped, diag);
        if (e == ERR_NONE && skipped)
            return FAIL(diag, ERR_CORRUPT, 0, "records before segment %" PRIu64 " are gone",
                        r->number);
        return e;
    }
    if (r->number > v.durable.segment)
        return ERR_NOENT;
    if (r->number == v.durable.segment) {
        if (v.durable.offset <= r->w.pos)
            return ERR_NOENT;
        r->w.limit = v.durable.offset;
        return ERR_NONE;
    }
    e = seal(r, v.durable.segment, &next, diag);
    if (e != ERR_NONE || r->w.pos < r->w.limit)
        return e;
    e = enter(r, next, 0, v.salt, &head, &headed, diag);
    if (e == ERR_NONE && headed && head.prev_number != was)
        return FAIL(diag, ERR_CORRUPT, 0, "segments between %" PRIu64 " and %" PRIu64 " are gone",
                    was, next);
    return e;
}

CHECKED enum err journal_reader_next(struct journal_reader *r, struct slice *ret_frame,
                                     struct jpos *ret_pos, struct diag *diag)
{
    struct walk_item item;
    enum err e;

    for (;;) {
        if (r->fd < 0 || r->w.pos >= r->w.limit) {
            e = advance(r, diag);
            if (e != ERR_NONE)
                return e;
            continue;
        }
        e = walk_next(&r->w, &item);
        if (e == ERR_CORRUPT)
            return FAIL(diag, e, item.at,
                        "segment %" PRIu64 " is damaged from byte %" PRIu64 " to %" PRIu64,
                        r->number, item.at, item.end);
        if (e != ERR_NONE)
            return e;
        if (item.kind != SEGMENT_IS_FRAME)
            continue;
        *ret_frame = item.payload;
        *ret_pos = (struct jpos){r->number, item.end};
        return ERR_NONE;
    }
}

CHECKED enum err journal_reader_open(const char *dir, struct jpos from, struct journal_reader **ret,
                                     bool *ret_skipped, struct diag *diag)
{
    struct page_value v;
    bool skipped = false;
    struct journal_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return ERR_NOMEM;
    *r = (struct journal_reader){.dir = strdup(dir), .dirfd = -1, .fd = -1, .from = from};
    enum err e = r->dir ? load(r, &v) : ERR_NOMEM;
    /* A segment may be trimmed between the list and the open: look again. */
    for (int i = 0; e == ERR_NONE && i < 10; i++) {
        e = locate(r, &v, &skipped, diag);
        if (e != ERR_NOENT)
            break;
        e = ERR_NONE;
    }
    if (e != ERR_NONE && e != ERR_NOENT) {
        journal_reader_close(r);
        return FAIL(diag, e, 0, "journal %s: %s", dir, err_text(e));
    }
    if (ret_skipped)
        *ret_skipped = skipped;
    *ret = r;
    return ERR_NONE;
}

void journal_reader_close(struct journal_reader *r)
{
    if (!r)
        return;
    walk_done(&r->w);
    page_unmap(r->page);
    if (r->fd >= 0)
        (void)close(r->fd);
    if (r->dirfd >= 0)
        (void)close(r->dirfd);
    free(r->dir);
    free(r);
}

static void nap(int64_t ns)
{
    struct timespec ts = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

    (void)nanosleep(&ts, NULL);
}

bool journal_reader_wait(struct journal_reader *r, int wait_ms)
{
    int64_t until = clock_mono_ns() + wait_ms * NS_PER_MS;

    if (r->fd >= 0 && r->w.pos < r->w.limit)
        return true;
    for (;;) {
        struct page_value v;
        uint32_t turn = 0;
        bool there = attach(r) == ERR_NONE;
        if (there && page_load(r->page, &v, &turn) && jpos_cmp(v.durable, r->seen) > 0)
            return true;
        int64_t left = until - clock_mono_ns();
        if (left <= 0)
            return false;
        if (there)
            page_wait(r->page, turn, left < longest_wait_ns ? left : longest_wait_ns);
        else
            nap(left < poll_ns ? left : poll_ns);
    }
}

uint64_t journal_reader_lag(struct journal_reader *r)
{
    struct page_value v;
    uint64_t *list = NULL, lag = 0;
    size_t n = 0;
    char name[SEGMENT_NAME];
    struct jpos at = r->fd >= 0 ? (struct jpos){r->number, r->w.pos} : r->from;

    if (load(r, &v) != ERR_NONE)
        return 0;
    if (at.segment == v.durable.segment)
        return v.durable.offset > at.offset ? v.durable.offset - at.offset : 0;
    if (at.segment > v.durable.segment || segment_list(r->dirfd, &list, &n) != ERR_NONE)
        return 0;
    for (size_t i = 0; i < n && list[i] < v.durable.segment; i++) {
        struct stat st;
        segment_name(name, list[i]);
        if (list[i] < at.segment || fstatat(r->dirfd, name, &st, 0) != 0)
            continue;
        uint64_t from = list[i] == at.segment ? at.offset : 0;
        lag += (uint64_t)st.st_size > from ? (uint64_t)st.st_size - from : 0;
    }
    free(list);
    return lag + v.durable.offset;
}
