/* The detect worker. Its cursor is a note in the findings journal, committed with the findings that
 * it stands behind: after any crash the records behind the cursor are read again and their findings
 * appear once. The cursor file beside it only tells intake what may be trimmed: it follows the
 * checkpoint of the correlations, from which the worker begins. */
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "serve/finding.h"
#include "serve/sources.h"
#include "serve/watch_int.h"

enum { FRAMES_MAX = 2048, FINDINGS_BYTES = 32 << 20, IDLE_MS = 100, FINDINGS_PER_EVENT = 64 };
#define CURSOR_EVERY (1 * NS_PER_S)
#define SOURCES_EVERY (2 * NS_PER_S)
/* When nothing is left to read, nothing that was received before this is still to come. */
#define IDLE_SLACK (2 * NS_PER_S)

struct detect {
    struct watch *w;
    struct watch_pipe pipe;
    struct detect_scratch *scratch;
    struct sources *sources;
    struct watch_cover cover;
    struct watch_correlate corr;
    struct jpos safe;      /* all findings of the records before it are in the batch */
    struct jpos committed; /* the note as it was written last */
    bool replays;          /* the record at hand has been found once already */
    struct buf bytes;      /* the frames of this batch, one behind the other */
    size_t frames_n;
    size_t ends[FRAMES_MAX];
    int64_t sources_ns, saved_ns;
    struct jpos saved;
    uint64_t lost; /* findings that found no room in the batch: counted, see take_finding */
    unsigned per_event;
};

static CHECKED bool commit(struct detect *d, struct jpos at);

static void add_finding(struct detect *d, const struct finding *f)
{
    size_t before = d->bytes.n;

    if (d->frames_n == FRAMES_MAX - 1 || finding_encode(f, &d->bytes) != ERR_NONE) {
        d->bytes.n = before;
        d->lost++;
        return;
    }
    d->ends[d->frames_n++] = d->bytes.n;
    metric_add(M_DETECT_FINDINGS, 1);
}

/* Many may come at once: what has no room behind them is committed before. */
static void take_correlation(void *arg, const struct finding *f)
{
    struct detect *d = arg;

    if (exceptions_hold(d->pipe.view->exceptions, f, &d->pipe.arena, clock_wall_ns())) {
        metric_add(M_DETECT_EXCEPTED, 1);
        return;
    }
    if ((d->frames_n >= FRAMES_MAX - FINDINGS_PER_EVENT - 2 || d->bytes.n > FINDINGS_BYTES / 2) &&
        !commit(d, d->safe))
        return; /* the role stops: it is found again from the checkpoint */
    add_finding(d, f);
}

static void take_finding(void *arg, const struct finding *f)
{
    struct detect *d = arg;

    if (exceptions_hold(d->pipe.view->exceptions, f, &d->pipe.arena, clock_wall_ns())) {
        if (!d->replays)
            metric_add(M_DETECT_EXCEPTED, 1);
        return;
    }
    if (!f->silent && !d->replays) {
        if (++d->per_event > FINDINGS_PER_EVENT)
            d->lost++;
        else
            add_finding(d, f);
    }
    watch_correlate_feed(&d->corr, d->scratch, f, take_correlation, d);
}

static void each_event(void *arg, struct event *ev)
{
    struct detect *d = arg;

    d->safe = d->pipe.last_at;
    d->replays = watch_correlate_replays(&d->corr, d->pipe.at);
    if (!d->replays) {
        metric_add(M_WATCH_EVENTS, 1);
        sources_count(d->sources, ev);
    }
    d->per_event = 0;
    /* For each event, so that replaying it is the same to the last nanosecond. */
    watch_correlate_advance(&d->corr, ev->ingested_ns, take_correlation, d);
    (void)detect_event(d->pipe.view->rules, d->scratch, ev, take_finding, d);
}

/* Room is kept for a whole event's findings and the sources frame: none is ever cut. */
static bool has_room(const struct detect *d)
{
    return d->frames_n < FRAMES_MAX - FINDINGS_PER_EVENT - 1 && d->bytes.n < FINDINGS_BYTES / 2;
}

static size_t take_frames(struct detect *d)
{
    size_t n = 0;

    while (n < WATCH_BATCH_FRAMES && has_room(d) && !atomic_load(&d->w->stop)) {
        if (watch_pipe_step(&d->pipe) != ERR_NONE)
            break;
        n++;
    }
    d->safe = d->pipe.at;
    return n;
}

/* With nothing to read the clock on the wall goes on for what waits to be judged. */
static void idle(struct detect *d)
{
    if (journal_reader_lag(d->pipe.reader) == 0)
        watch_correlate_advance(&d->corr, clock_wall_ns() - IDLE_SLACK, take_correlation, d);
}

static void add_frame(void *arg, struct slice frame)
{
    struct detect *d = arg;

    if (d->frames_n < FRAMES_MAX - 1 && buf_put(&d->bytes, frame) == ERR_NONE)
        d->ends[d->frames_n++] = d->bytes.n;
    else
        log_warn("alarm.lost", "no room in the batch: it is told again within the hour");
}

static void add_sources(struct detect *d, int64_t now)
{
    size_t before = d->bytes.n;

    if (now - d->sources_ns < SOURCES_EVERY || sources_n(d->sources) == 0)
        return;
    d->sources_ns = now;
    if (sources_flush(d->sources, &d->bytes) != ERR_NONE) {
        d->bytes.n = before;
        return;
    }
    d->ends[d->frames_n++] = d->bytes.n;
}

/* Frames and cursor, one durable group. Tries until it is in or the role stops. */
static bool commit(struct detect *d, struct jpos at)
{
    struct slice frames[FRAMES_MAX];
    char text[64];

    if (jpos_cmp(at, d->committed) < 0)
        at = d->committed; /* while replaying: the note never goes back */
    int n = snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)at.segment,
                     (unsigned long long)at.offset);
    const struct journal_note note = {SLICE("cursor:detect"), {text, (size_t)n}, 0};
    size_t from = 0;

    for (size_t i = 0; i < d->frames_n; from = d->ends[i++])
        frames[i] = (struct slice){d->bytes.p + from, d->ends[i] - from};
    for (;;) {
        enum err e = journal_append_wait(d->w->findings, frames, d->frames_n, &note, 1);
        if (e == ERR_NONE)
            break;
        log_err(LOG_ERROR, "findings.append", e, NULL, "frames=%zu", d->frames_n);
        if (atomic_load(&d->w->stop))
            return false;
        (void)journal_reader_wait(d->pipe.reader, IDLE_MS);
    }
    d->committed = at;
    d->frames_n = 0;
    buf_reset(&d->bytes);
    return true;
}

static bool due(const struct detect *d, int64_t now)
{
    return d->frames_n > 0 || (now - d->saved_ns > CURSOR_EVERY &&
                               (jpos_cmp(d->saved, d->pipe.at) != 0 || d->corr.changed));
}

/* Findings and note, then the checkpoint when it is time, then what intake may trim. */
static bool make_safe(struct detect *d, int64_t now, bool last)
{
    if (!commit(d, d->pipe.at))
        return false;
    if (watch_correlate_save(&d->corr, d->pipe.at, last) &&
        jcursor_save(d->w->cursor_detect, d->pipe.at, NULL) != ERR_NONE)
        log_warn("cursor.save", "path=%s", d->w->cursor_detect);
    d->saved = d->pipe.at;
    d->saved_ns = now;
    metric_set(M_WATCH_LAG_BYTES, journal_reader_lag(d->pipe.reader));
    return true;
}

static void run(struct detect *d)
{
    while (!atomic_load(&d->w->stop)) {
        watch_pipe_begin(&d->pipe);
        watch_correlate_fit(&d->corr, d->pipe.view->rules);
        size_t n = take_frames(d);
        if (n == 0)
            idle(d);
        watch_cover_step(&d->cover, d->pipe.view->rules, d->scratch, add_frame, d);
        watch_pipe_end(&d->pipe);
        int64_t now = clock_mono_ns();
        add_sources(d, now);
        if (due(d, now) && !make_safe(d, now, false))
            return;
        if (d->lost) {
            log_error("findings.lost", "n=%llu more than %d findings of one event",
                      (unsigned long long)d->lost, FINDINGS_PER_EVENT);
            d->lost = 0;
        }
        if (n == 0)
            (void)journal_reader_wait(d->pipe.reader, IDLE_MS);
    }
    (void)make_safe(d, clock_mono_ns(), true);
}

/* The note is the truth; an unreadable one begins at the oldest record. */
static struct jpos start_at(struct watch *w)
{
    char text[64] = "";
    size_t n = 0;
    uint64_t segment, offset;

    if (journal_note_get(w->findings, SLICE("cursor:detect"), text, sizeof(text), &n) != ERR_NONE)
        return (struct jpos){0, 0};
    struct slice s = {text, n};
    size_t colon = slice_find(s, ':');
    if (colon == n || !slice_to_u64(slice_cut(s, 0, colon), &segment) ||
        !slice_to_u64(slice_cut(s, colon + 1, n), &offset))
        return (struct jpos){0, 0};
    return (struct jpos){segment, offset};
}

void *watch_detect_main(void *arg)
{
    struct watch *w = arg;
    static struct detect d; /* one worker; too large for a stack */
    struct diag diag = {0};

    d = (struct detect){.w = w, .scratch = detect_scratch_new(), .sources = sources_new()};
    buf_init(&d.bytes, FINDINGS_BYTES);
    struct watch_view *view = watch_view_take(w);
    d.committed = start_at(w);
    struct jpos from = watch_correlate_open(&d.corr, w, view->rules, d.committed);
    watch_view_drop(view);
    enum err e = d.scratch && d.sources ? watch_pipe_open(&d.pipe, w, 0, from, &diag) : ERR_NOMEM;
    d.pipe.each = each_event;
    d.pipe.arg = &d;
    watch_cover_open(&d.cover, w);
    if (e == ERR_NONE)
        run(&d);
    else
        log_err(LOG_ERROR, "detect.start", e, &diag, "worker=detect");
    watch_cover_close(&d.cover);
    watch_correlate_close(&d.corr);
    watch_pipe_close(&d.pipe);
    detect_scratch_free(d.scratch);
    sources_free(d.sources);
    buf_done(&d.bytes);
    return NULL;
}
