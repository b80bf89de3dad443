/* This machine's journal (sd-journal of libsystemd). A thread of its own: reading waits for disks.
 * Each group carries the cursor of its last entry as the note `journald:cursor`. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

/* sd-journal.h brings the levels of syslog.h, which are the names of our own */
#undef LOG_DEBUG
#undef LOG_INFO

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "intake/intake_int.h"
#include "intake/journald_entry.h"

enum {
    FIRST_ENTRIES = 500, /* at the very first start */
    GROUP_ENTRIES = 512,
    GROUP_BYTES = 8 << 20,
    ENTRY_BYTES = 2 << 20,
    WAIT_MS = 500,
    RETRY_MS = 200,
    ABSENT_MS = 30000,
    CURSOR_BYTES = 512,
};

static const char cursor_key[] = "journald:cursor";

struct journald {
    struct intake *in;
    sd_journal *j; /* of the thread */
    struct batch batch;
    struct journald_entry entry;
    struct buf json;
    pthread_t thread;
    bool running;
    struct intake_stopper stopper;
    _Atomic uint64_t records;
    pthread_mutex_t lock; /* guards all below */
    const char *state;    /* static */
    char detail[160], mend[160];
};

static void show(struct journald *d, const char *state, const char *detail, const char *mend)
{
    (void)pthread_mutex_lock(&d->lock);
    d->state = state;
    (void)snprintf(d->detail, sizeof(d->detail), "%s", detail ? detail : "");
    (void)snprintf(d->mend, sizeof(d->mend), "%s", mend ? mend : "");
    (void)pthread_mutex_unlock(&d->lock);
}

/* Whether DIR/MACHINE/system.journal is there, and readable. sd_journal_open alone says nothing: it
 * succeeds on a machine without any journal, and on one whose files it may not read. */
static void look_into(const char *dir, bool *ret_there, bool *ret_readable)
{
    struct dirent *e;
    DIR *d = opendir(dir);

    if (!d) {
        *ret_there = *ret_there || errno == EACCES;
        return;
    }
    while ((e = readdir(d))) {
        char path[600];
        if (e->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s/system.journal", dir,
                                            e->d_name) >= (int)sizeof(path))
            continue;
        bool readable = access(path, R_OK) == 0;
        *ret_readable = *ret_readable || readable;
        *ret_there = *ret_there || readable || errno == EACCES;
    }
    (void)closedir(d);
}

static bool is_usable(struct journald *d)
{
    bool there = false, readable = false;
    char mend[160];

    look_into("/var/log/journal", &there, &readable);
    look_into("/run/log/journal", &there, &readable);
    if (readable)
        return true;
    if (!there) {
        show(d, "waiting", "this machine keeps no journal", NULL);
        return false;
    }
    intake_mend_group("adm,systemd-journal", mend, sizeof(mend));
    show(d, "denied", "no permission to read this machine's journal", mend);
    return false;
}

static bool open_journal(struct journald *d)
{
    char cursor[CURSOR_BYTES];
    size_t n;
    int rc = sd_journal_open(&d->j, SD_JOURNAL_LOCAL_ONLY);

    if (rc >= 0) {
        (void)sd_journal_set_data_threshold(d->j, 0);
        if (journal_note_get(d->in->journal, slice_of(cursor_key), cursor, sizeof(cursor) - 1,
                             &n) == ERR_NONE) {
            cursor[n] = 0;
            rc = sd_journal_seek_cursor(d->j, cursor);
            /* stands at that entry, or at the nearest one if it has been vacuumed away */
            if (rc >= 0 && sd_journal_next(d->j) > 0 && sd_journal_test_cursor(d->j, cursor) <= 0)
                rc = sd_journal_previous(d->j);
        } else {
            rc = sd_journal_seek_tail(d->j);
            if (rc >= 0)
                rc = sd_journal_previous_skip(d->j, FIRST_ENTRIES + 1);
            if (rc >= 0 && rc <= FIRST_ENTRIES)
                rc = sd_journal_seek_head(d->j);
        }
    }
    if (rc >= 0) {
        show(d, "ok", NULL, NULL);
        return true;
    }
    show(d, "failed", strerror(-rc), NULL);
    sd_journal_close(d->j);
    d->j = NULL;
    return false;
}

/* Without a sender of its own: the entry's time is in the payload. */
static enum err take_entry(struct journald *d)
{
    const void *p;
    size_t n;
    uint64_t us;
    enum err e = ERR_NONE;

    journald_entry_reset(&d->entry);
    buf_reset(&d->json);
    if (sd_journal_get_realtime_usec(d->j, &us) >= 0)
        e = journald_entry_add_number(&d->entry, "__REALTIME_TIMESTAMP", us);
    SD_JOURNAL_FOREACH_DATA(d->j, p, n)
    {
        if (e == ERR_NONE)
            e = journald_entry_add(&d->entry, (struct slice){p, n});
    }
    if (e == ERR_NONE)
        e = journald_entry_json(&d->entry, &d->json);
    struct record r = intake_record(d->in, INPUT_JOURNALD, FRAMING_ENTRY);
    r.payload = buf_slice(&d->json);
    r.name = journald_entry_get(&d->entry, "_SYSTEMD_UNIT");
    if (r.name.n == 0)
        r.name = journald_entry_get(&d->entry, "SYSLOG_IDENTIFIER");
    if (e == ERR_LIMIT || r.payload.n > d->in->record_bytes) {
        /* too large even to be written as JSON: what was gathered is kept */
        if (e == ERR_LIMIT)
            r.payload = buf_slice(&d->entry.text);
        intake_quarantine(d->in, &r, "too long", 0, true);
        return ERR_NONE;
    }
    return e == ERR_NONE ? batch_add(&d->batch, &r) : e;
}

/* false: told to stop */
static bool commit(struct journald *d, const char *cursor)
{
    const struct journal_note note = {slice_of(cursor_key), slice_of(cursor), 0};
    enum err e;

    while ((e = quarantine_sync(d->in->quarantine)) != ERR_NONE ||
           (e = batch_append_wait(&d->batch, d->in->journal, &note, 1)) != ERR_NONE) {
        if (e != ERR_BUSY && e != ERR_FULL)
            log_err(LOG_ERROR, "intake.journald", e, NULL, "cannot store, trying again");
        if (intake_stopper_wait(&d->stopper, RETRY_MS))
            return false;
    }
    d->records += d->batch.n;
    batch_count(&d->batch);
    batch_reset(&d->batch);
    return true;
}

/* One group. *ret_rc: of sd_journal_next, so 0 = all read. false: told to stop */
static bool read_group(struct journald *d, int *ret_rc)
{
    char *cursor = NULL;
    int rc = 1;

    for (int i = 0; i < GROUP_ENTRIES && d->batch.bytes.n < GROUP_BYTES / 2; i++) {
        rc = sd_journal_next(d->j);
        if (rc <= 0)
            break;
        enum err e = take_entry(d);
        if (e != ERR_NONE)
            log_err(LOG_ERROR, "intake.journald", e, NULL, "an entry is lost");
        char *at;
        if (sd_journal_get_cursor(d->j, &at) >= 0) {
            free(cursor);
            cursor = at;
        }
    }
    *ret_rc = rc;
    bool ok = !cursor || commit(d, cursor);
    free(cursor);
    return ok;
}

static bool stopped(struct journald *d)
{
    return intake_stopper_wait(&d->stopper, 0);
}

static void *run(void *arg)
{
    struct journald *d = arg;
    int rc;

    while (!stopped(d)) {
        if (!is_usable(d) || !open_journal(d)) {
            (void)intake_stopper_wait(&d->stopper, ABSENT_MS);
            continue;
        }
        while (!stopped(d) && read_group(d, &rc) && rc >= 0)
            if (rc == 0)
                rc = sd_journal_wait(d->j, WAIT_MS * (uint64_t)1000);
        sd_journal_close(d->j);
        d->j = NULL;
    }
    return NULL;
}

static void journald_stop(void *self)
{
    struct journald *d = self;

    intake_stopper_stop(&d->stopper);
    if (d->running)
        (void)pthread_join(d->thread, NULL);
    batch_done(&d->batch);
    journald_entry_done(&d->entry);
    buf_done(&d->json);
    intake_stopper_done(&d->stopper);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

static CHECKED enum err journald_start(struct intake *in, const struct intake_options *o,
                                       void **ret, struct diag *diag)
{
    if (!config_bool(o->cfg, OPT_INTAKE_JOURNALD))
        return ERR_NONE;
    struct journald *d = calloc(1, sizeof(*d));
    if (!d)
        return FAIL(diag, ERR_NOMEM, 0, "no memory to follow the journal");
    d->in = in;
    d->state = "waiting";
    intake_stopper_init(&d->stopper);
    (void)pthread_mutex_init(&d->lock, NULL);
    batch_init(&d->batch, GROUP_BYTES);
    journald_entry_init(&d->entry, ENTRY_BYTES);
    buf_init(&d->json, ENTRY_BYTES);
    d->running = pthread_create(&d->thread, NULL, run, d) == 0;
    if (!d->running) {
        journald_stop(d);
        return FAIL(diag, ERR_SYS, 0, "no thread to follow the journal");
    }
    *ret = d;
    return ERR_NONE;
}

static void journald_status(void *self, struct jsonw *w)
{
    struct journald *d = self;

    (void)pthread_mutex_lock(&d->lock);
    jsonw_kcstr(w, "state", d->state);
    jsonw_kcstr(w, "detail", d->detail[0] ? d->detail : NULL);
    jsonw_kcstr(w, "mend", d->mend[0] ? d->mend : NULL);
    (void)pthread_mutex_unlock(&d->lock);
    jsonw_kint(w, "records", (int64_t)d->records);
}

const struct input_ops input_journald = {journald_start, journald_stop, journald_status};
