/* Following log files. A thread looks at each file every TAIL_POLL_MS and for new ones every
 * TAIL_SCAN_MS. Lines go into the journal in one group with a note of how far the file has been
 * read (tail_mark.h), so that a kill loses and doubles nothing.
 *
 * Rotation by rename: the open file is read to its end, and left for the next one when it has been
 * quiet for TAIL_ROTATE_MS. What comes to the path meanwhile is held open (tail_next.c) and read in
 * its turn. Truncation: begins at 0 again. */
#include "intake/tail_int.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum { RETRY_MS = 100 };

bool tail_commit(struct tail *t, const struct journal_note *notes, size_t n)
{
    enum err e;

    while ((e = quarantine_sync(t->in->quarantine)) != ERR_NONE ||
           (e = batch_append_wait(&t->batch, t->in->journal, notes, n)) != ERR_NONE) {
        if (e != ERR_BUSY && e != ERR_FULL)
            log_err(LOG_ERROR, "intake.tail", e, NULL, "cannot store %zu records, trying again",
                    t->batch.n);
        if (intake_stopper_wait(&t->stopper, RETRY_MS)) {
            batch_reset(&t->batch);
            return false;
        }
    }
    batch_count(&t->batch);
    batch_reset(&t->batch);
    return true;
}

/* ---- lines ---- */

static void keep_long(struct tail_file *f, struct slice piece, bool last)
{
    if (f->long_part == 0) {
        f->long_record = intake_record(f->tail->in, INPUT_FILE, FRAMING_LF);
        f->long_record.name = slice_of(f->path);
    }
    f->long_record.payload = piece;
    intake_quarantine(f->tail->in, &f->long_record, "too long", f->long_part, last);
    f->long_part = last ? 0 : f->long_part + 1;
}

/* One line without its LF. false: the batch is full. */
static bool take_line(struct tail_file *f, struct slice line)
{
    struct tail *t = f->tail;

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n == 0)
        return true;
    if (line.n > t->in->record_bytes) {
        keep_long(f, line, true);
        return true;
    }
    struct record r = intake_record(t->in, INPUT_FILE, FRAMING_LF);
    r.name = slice_of(f->path);
    r.payload = line;
    return batch_add(&t->batch, &r) == ERR_NONE;
}

/* Puts what is whole into the batch; *at is changed to the place behind it. Returns bytes used. */
static size_t take_lines(struct tail_file *f, struct tail_mark *at)
{
    struct slice rest = buf_slice(&f->buf);
    size_t used = 0;

    while (rest.n > 0) {
        size_t end = slice_find(rest, '\n'), n = end < rest.n ? end + 1 : end;
        bool ended = end < rest.n;
        struct slice line = {rest.p, end};
        if (f->skip_line) {
            f->skip_line = !ended;
        } else if (at->in_long) {
            keep_long(f, line, ended);
            at->in_long = !ended;
        } else if (ended) {
            if (!take_line(f, line))
                break;
        } else if (rest.n > f->tail->in->record_bytes + (size_t)1) {
            keep_long(f, line, false);
            at->in_long = true;
        } else {
            break;
        }
        used += n;
        rest = slice_cut(rest, n, rest.n);
    }
    at->offset += used;
    return used;
}

/* false: told to stop */
static bool store_lines(struct tail_file *f)
{
    struct tail *t = f->tail;
    struct tail_mark at = f->at;
    char key[TAIL_PATH_BYTES + 16];
    struct buf value = {.max = TAIL_MARK_BYTES};
    size_t used = take_lines(f, &at), records = t->batch.n;

    if (used == 0)
        return true;
    if (tail_mark_print(&at, f->fd) != ERR_NONE || tail_mark_encode(&at, &value) != ERR_NONE) {
        buf_done(&value);
        batch_reset(&t->batch);
        return true; /* truncated meanwhile, or no memory: the next turn sees */
    }
    tail_note_key(key, f->path);
    const struct journal_note note = {slice_of(key), buf_slice(&value), 0};
    bool ok = tail_commit(t, &note, 1);
    buf_done(&value);
    if (!ok)
        return false;
    f->at = at;
    buf_drop_front(&f->buf, used);
    if (f->buf.n == 0)
        buf_done(&f->buf);
    (void)pthread_mutex_lock(&t->lock);
    f->shown.offset = at.offset;
    f->shown.records += records;
    (void)pthread_mutex_unlock(&t->lock);
    return true;
}

/* ---- one file's turn ---- */

/* Everything before is gone; a line without LF that we hold was its last. */
static bool begin_again(struct tail_file *f)
{
    struct tail *t = f->tail;
    struct slice rest = buf_slice(&f->buf);
    char key[TAIL_PATH_BYTES + 16];
    struct buf value = {.max = TAIL_MARK_BYTES};
    struct tail_mark at = {.dev = f->at.dev, .ino = f->at.ino};

    if (rest.n > 0 && !f->skip_line && !take_line(f, rest))
        batch_reset(&t->batch);
    if (f->at.in_long)
        keep_long(f, (struct slice){"", 0}, true);
    tail_note_key(key, f->path);
    bool ok = true;
    if (tail_mark_encode(&at, &value) == ERR_NONE) {
        const struct journal_note note = {slice_of(key), buf_slice(&value), 0};
        ok = tail_commit(t, &note, 1);
    }
    buf_done(&value);
    buf_reset(&f->buf);
    f->at = at;
    f->skip_line = false;
    return ok;
}

static bool read_more(struct tail_file *f, uint64_t have, uint64_t size)
{
    size_t want = size - have < TAIL_CHUNK ? (size_t)(size - have) : TAIL_CHUNK;
    char *to;

    if (buf_reserve(&f->buf, want, &to) != ERR_NONE)
        return true; /* no memory: later */
    ssize_t n = pread(f->fd, to, want, (off_t)have);
    if (n < 0) {
        tail_file_show(f, "failed", strerror(errno), NULL);
        return true;
    }
    f->buf.n += (size_t)n;
    return store_lines(f);
}

/* The file is read to its end. When too many wait behind it, it goes without being quiet. */
static bool may_leave(const struct tail_file *f)
{
    bool quiet = clock_mono_ns() - f->grown_ns >= TAIL_ROTATE_MS * NS_PER_MS;

    if (!f->renamed || (f->crowded && f->next_n == 0) || (!quiet && !f->crowded))
        return false;
    if (!quiet)
        metric_add(M_INTAKE_LEFT_EARLY, 1);
    return true;
}

/* false: told to stop. *ret_more: there may be more to read at once. */
static bool turn(struct tail_file *f, bool *ret_more)
{
    uint64_t have = f->at.offset + f->buf.n, size;
    struct stat st;

    tail_next_look(f); /* before the size: what was written until the rename is in it */
    if (fstat(f->fd, &st) != 0)
        return true;
    size = (uint64_t)st.st_size;
    if (size != f->size)
        f->grown_ns = clock_mono_ns();
    f->size = size;
    (void)pthread_mutex_lock(&f->tail->lock);
    f->shown.size = size;
    (void)pthread_mutex_unlock(&f->tail->lock);
    if (size < have || (size > have && !tail_mark_matches(&f->at, f->fd))) {
        *ret_more = true;
        return begin_again(f);
    }
    if (size > have) {
        bool ok = read_more(f, have, size);
        bool progress = f->at.offset + f->buf.n > have;
        *ret_more = *ret_more || (progress && (f->renamed || size - have > TAIL_CHUNK));
        return ok;
    }
    if (!may_leave(f))
        return true;
    *ret_more = true;
    return tail_file_leave(f);
}

static void forget(struct tail *t, struct tail_file **at)
{
    struct tail_file *f = *at;

    (void)pthread_mutex_lock(&t->lock);
    *at = f->next_in_list;
    t->files_n--;
    (void)pthread_mutex_unlock(&t->lock);
    tail_file_free(f);
}

/* ---- finding files ---- */

static void add_file(struct tail *t, const char *path, bool first)
{
    struct tail_file **at = &t->files;

    if (strlen(path) >= TAIL_PATH_BYTES)
        return;
    for (; *at; at = &(*at)->next_in_list)
        if (strcmp((*at)->path, path) == 0)
            return;
    if (t->files_n == TAIL_FILES_MAX) {
        log_warn("intake.tail", "more than %d files: %s is not followed", TAIL_FILES_MAX, path);
        return;
    }
    struct tail_file *f = tail_file_new(t, path, first);
    if (!f)
        return;
    (void)pthread_mutex_lock(&t->lock);
    *at = f;
    t->files_n++;
    (void)pthread_mutex_unlock(&t->lock);
}

static _Thread_local bool glob_denied;

static int on_glob_error(const char *path, int sys)
{
    (void)path;
    glob_denied = glob_denied || sys == EACCES;
    return 0;
}

static void scan(struct tail *t)
{
    for (size_t i = 0; i < t->patterns_n; i++) {
        struct tail_pattern *p = &t->pattern[i];
        glob_t g = {0};
        glob_denied = false;
        int rc = glob(p->text, 0, on_glob_error, &g);
        for (size_t k = 0; rc == 0 && k < g.gl_pathc; k++)
            add_file(t, g.gl_pathv[k], p->first);
        (void)pthread_mutex_lock(&t->lock);
        p->matched = rc == 0 && g.gl_pathc > 0;
        p->denied = glob_denied;
        (void)pthread_mutex_unlock(&t->lock);
        globfree(&g);
        /* without a match a literal path may lie in a closed folder: opening it tells */
        if (!p->matched && !strpbrk(p->text, "*?[") && access(p->text, R_OK) != 0 &&
            errno == EACCES)
            add_file(t, p->text, p->first);
    }
}

/* The pattern has been followed from now on: files that come later are new, also over a restart. */
static bool end_first_scan(struct tail *t)
{
    char key[TAIL_PATH_BYTES + 16];

    for (size_t i = 0; i < t->patterns_n; i++) {
        if (!t->pattern[i].first)
            continue;
        t->pattern[i].first = false;
        (void)snprintf(key, sizeof(key), "tailglob:%s", t->pattern[i].text);
        const struct journal_note note = {slice_of(key), SLICE("1"), 0};
        if (!tail_commit(t, &note, 1))
            return false;
    }
    return true;
}

static void *run(void *arg)
{
    struct tail *t = arg;
    int64_t next_scan = 0;
    bool first = true, more = false;

    while (!intake_stopper_wait(&t->stopper, more ? 0 : TAIL_POLL_MS)) {
        more = false;
        if (clock_mono_ns() >= next_scan) {
            scan(t);
            if (first && !end_first_scan(t))
                return NULL;
            first = false;
            next_scan = clock_mono_ns() + TAIL_SCAN_MS * NS_PER_MS;
        }
        for (struct tail_file **at = &t->files; *at;) {
            if ((*at)->fd < 0 && !tail_file_open(*at)) {
                forget(t, at);
                continue;
            }
            if ((*at)->fd >= 0 && !turn(*at, &more))
                return NULL;
            at = &(*at)->next_in_list;
        }
    }
    return NULL;
}

/* ---- life ---- */

static void tail_stop(void *self)
{
    struct tail *t = self;

    intake_stopper_stop(&t->stopper);
    if (t->running)
        (void)pthread_join(t->thread, NULL);
    while (t->files)
        forget(t, &t->files);
    for (size_t i = 0; i < t->patterns_n; i++)
        free(t->pattern[i].text);
    free(t->pattern);
    batch_done(&t->batch);
    intake_stopper_done(&t->stopper);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool add_patterns(struct tail *t, const struct config *cfg)
{
    size_t n = config_list_n(cfg, OPT_INTAKE_FILES);
    char key[TAIL_PATH_BYTES + 16], value[8];

    t->pattern = calloc(n, sizeof(*t->pattern));
    if (!t->pattern)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *text = config_list_at(cfg, OPT_INTAKE_FILES, i);
        size_t value_n;
        if (text[0] == 0 || strlen(text) >= TAIL_PATH_BYTES)
            continue;
        struct tail_pattern *p = &t->pattern[t->patterns_n++];
        p->text = strdup(text);
        if (!p->text)
            return false;
        (void)snprintf(key, sizeof(key), "tailglob:%s", text);
        p->first = journal_note_get(t->in->journal, slice_of(key), value, sizeof(value),
                                    &value_n) != ERR_NONE;
    }
    return true;
}

static CHECKED enum err tail_start(struct intake *in, const struct intake_options *o, void **ret,
                                   struct diag *diag)
{
    if (config_list_n(o->cfg, OPT_INTAKE_FILES) == 0)
        return ERR_NONE;
    struct tail *t = calloc(1, sizeof(*t));
    if (!t)
        return FAIL(diag, ERR_NOMEM, 0, "no memory to follow files");
    t->in = in;
    intake_stopper_init(&t->stopper);
    (void)pthread_mutex_init(&t->lock, NULL);
    batch_init(&t->batch, 32 << 20);
    if (!add_patterns(t, o->cfg)) {
        tail_stop(t);
        return FAIL(diag, ERR_NOMEM, 0, "no memory to follow files");
    }
    t->running = pthread_create(&t->thread, NULL, run, t) == 0;
    if (!t->running) {
        tail_stop(t);
        return FAIL(diag, ERR_SYS, 0, "no thread to follow files");
    }
    *ret = t;
    return ERR_NONE;
}

static void show_file(const struct tail_file *f, struct jsonw *w)
{
    const struct tail_shown *s = &f->shown;

    jsonw_object(w);
    jsonw_kcstr(w, "path", f->path);
    jsonw_kcstr(w, "state", s->state);
    jsonw_kint(w, "offset", (int64_t)s->offset);
    jsonw_kint(w, "size", (int64_t)s->size);
    jsonw_kint(w, "records", (int64_t)s->records);
    jsonw_kcstr(w, "detail", s->detail[0] ? s->detail : NULL);
    jsonw_kcstr(w, "mend", s->mend[0] ? s->mend : NULL);
    jsonw_close_object(w);
}

static void tail_status(void *self, struct jsonw *w)
{
    struct tail *t = self;
    bool denied = false, ok = false;

    (void)pthread_mutex_lock(&t->lock);
    jsonw_key(w, SLICE("files"));
    jsonw_array(w);
    for (const struct tail_file *f = t->files; f; f = f->next_in_list) {
        show_file(f, w);
        denied = denied || strcmp(f->shown.state, "denied") == 0;
        ok = ok || strcmp(f->shown.state, "ok") == 0;
    }
    jsonw_close_array(w);
    jsonw_key(w, SLICE("unmatched"));
    jsonw_array(w);
    for (size_t i = 0; i < t->patterns_n; i++)
        if (!t->pattern[i].matched) {
            jsonw_str(w, slice_of(t->pattern[i].text));
            denied = denied || t->pattern[i].denied;
        }
    jsonw_close_array(w);
    (void)pthread_mutex_unlock(&t->lock);
    jsonw_kcstr(w, "state", denied ? "denied" : ok ? "ok" : "waiting");
}

const struct input_ops input_tail = {tail_start, tail_stop, tail_status};
