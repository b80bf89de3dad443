/* The store worker: frames to blocks, blocks into the store exactly once (store/writer.h), then the
 * cursor. A block that the store refuses is read again record by record, and only the refused
 * records go to quarantine. */
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "serve/watch_int.h"
#include "store/writer.h"

/* A block holds a record about twice (original and fields): this stays well below its ceiling. */
enum { IDLE_MS = 100, FULL_IDLE_MS = 20, BLOCK_FRAME_BYTES = 24 << 20, PATIENCE = 4 };

struct storing {
    struct watch *w;
    struct watch_pipe pipe;
    struct store_writer *writer;
    struct jpos begun;     /* where the block begins */
    struct jpos single_to; /* up to here one record a block; {0,0} = ordinary blocks */
    int64_t first_ns;      /* when the block's first row was added; 0 = empty */
    size_t bytes;          /* of the frames in the block */
    bool behind;           /* the journal holds more than one batch */
    enum err add_err;      /* of the step under way */
};

static struct store_pos to_store(struct jpos p)
{
    return (struct store_pos){p.segment, p.offset};
}

static enum err save_cursor(void *arg, struct store_pos to, struct diag *diag)
{
    const struct storing *s = arg;

    return jcursor_save(s->w->cursor_store, (struct jpos){to.segment, to.offset}, diag);
}

static struct slice retention(void *arg, const struct event *ev)
{
    const struct storing *s = arg;

    return s->pipe.view && ev->org && ev->org == s->pipe.view->demo_org ? SLICE("demo")
                                                                        : SLICE("default");
}

static void each_event(void *arg, struct event *ev)
{
    struct storing *s = arg;
    enum err e = store_writer_add(s->writer, ev);

    if (s->add_err == ERR_NONE)
        s->add_err = e;
    if (s->first_ns == 0)
        s->first_ns = clock_mono_ns();
}

/* The reader stands at `at` again and the block is empty. */
static bool begin_at(struct storing *s, struct jpos at)
{
    struct diag d = {0};
    struct journal_reader *r;
    enum err e = journal_reader_open(s->w->journal_dir, at, &r, NULL, &d);

    if (e != ERR_NONE) {
        log_err(LOG_ERROR, "store.reader", e, &d, "cannot go back");
        return false;
    }
    journal_reader_close(s->pipe.reader);
    s->pipe.reader = r;
    s->pipe.at = at;
    s->begun = at;
    s->first_ns = 0;
    s->bytes = 0;
    store_writer_begin(s->writer, to_store(at));
    return true;
}

/* Returns false when the role stops. */
static bool commit(struct storing *s)
{
    struct diag d = {0};
    size_t rows = store_writer_rows(s->writer);
    enum err e = store_writer_commit(s->writer, to_store(s->pipe.at), &d);

    if (e == ERR_NONE) {
        s->begun = s->pipe.at;
        s->first_ns = 0;
        s->bytes = 0;
        return true;
    }
    if (e == ERR_BUSY && atomic_load(&s->w->stop))
        return false;
    log_err(LOG_ERROR, "store.refused", e, &d, "rows=%zu", rows);
    if (e != ERR_SYNTAX && e != ERR_LIMIT) {
        (void)journal_reader_wait(s->pipe.reader, IDLE_MS);
        return begin_at(s, s->begun);
    }
    if (jpos_cmp(s->pipe.at, s->single_to) > 0) { /* a whole block: find out which record it is */
        s->single_to = s->pipe.at;
        return begin_at(s, s->begun);
    }
    watch_pipe_quarantine(&s->pipe, "the store refuses it");
    store_writer_begin(s->writer, to_store(s->pipe.at));
    s->begun = s->pipe.at;
    s->first_ns = 0;
    s->bytes = 0;
    return save_cursor(s, to_store(s->pipe.at), NULL) == ERR_NONE || !atomic_load(&s->w->stop);
}

static bool due(const struct storing *s, bool more)
{
    /* Who is behind gains more from blocks that the engine need not merge than from haste. */
    int64_t wait =
        config_int(s->w->ctx->cfg, OPT_WATCH_BATCH_MS) * NS_PER_MS * (s->behind ? PATIENCE : 1);

    if (jpos_cmp(s->pipe.at, s->single_to) <= 0 && jpos_cmp(s->begun, s->pipe.at) != 0)
        return true;
    if (store_writer_rows(s->writer) >= (size_t)config_int(s->w->ctx->cfg, OPT_WATCH_BATCH_ROWS) ||
        s->bytes >= BLOCK_FRAME_BYTES)
        return true;
    if (s->first_ns == 0) /* nothing but passed-over frames: let the cursor follow while idle */
        return !more && jpos_cmp(s->begun, s->pipe.at) != 0;
    return clock_mono_ns() - s->first_ns >= wait;
}

/* Takes frames until the block is due. Returns false when there was none. */
static bool fill(struct storing *s)
{
    size_t n = 0;

    while (n < WATCH_BATCH_FRAMES && !atomic_load(&s->w->stop)) {
        struct jpos before = s->pipe.at;
        s->add_err = ERR_NONE;
        enum err e = watch_pipe_step(&s->pipe);
        if (e == ERR_NOENT) {
            s->behind = false;
            break;
        }
        n++;
        s->behind = s->behind || n == WATCH_BATCH_FRAMES;
        s->bytes += s->pipe.last.n;
        if (s->add_err == ERR_LIMIT && jpos_cmp(before, s->begun) != 0) {
            /* full in the middle of a record, in spite of BLOCK_FRAME_BYTES: small blocks then */
            s->single_to = s->pipe.at;
            if (!begin_at(s, s->begun))
                break;
            return true;
        }
        if (due(s, true))
            break;
    }
    return n > 0;
}

static void run(struct storing *s)
{
    while (!atomic_load(&s->w->stop)) {
        watch_pipe_begin(&s->pipe);
        bool some = fill(s);
        watch_pipe_end(&s->pipe);
        if (due(s, some)) {
            if (!commit(s))
                return;
        } else if (!some) {
            (void)journal_reader_wait(s->pipe.reader, s->first_ns ? FULL_IDLE_MS : IDLE_MS);
        }
    }
}

void *watch_store_main(void *arg)
{
    struct watch *w = arg;
    static struct storing s; /* one worker */
    struct diag d = {0};
    struct jpos from = {0, 0};
    struct store_pos a, b;

    s = (struct storing){.w = w};
    const struct store_writer_options o = {
        .unix_socket = w->store_socket,
        .state_dir = w->state_dir,
        .block_rows = (size_t)config_int(w->ctx->cfg, OPT_WATCH_BATCH_ROWS) + WATCH_BATCH_FRAMES,
        .stop = &w->stop,
        .save = save_cursor,
        .retention = retention,
        .arg = &s,
    };
    enum err e = jcursor_load(w->cursor_store, &from, &d);
    if (e == ERR_NONE)
        e = watch_pipe_open(&s.pipe, w, 1, from, &d);
    if (e == ERR_NONE)
        e = store_writer_open(&o, &s.writer, &d);
    s.pipe.each = each_event;
    s.pipe.arg = &s;
    s.begun = from;
    if (e == ERR_NONE && store_writer_pending(s.writer, &a, &b))
        log_info("store.replay", "from=%llu:%llu", (unsigned long long)a.segment,
                 (unsigned long long)a.offset);
    if (e == ERR_NONE) {
        store_writer_begin(s.writer, to_store(from));
        run(&s);
    } else {
        log_err(LOG_ERROR, "store.start", e, &d, "worker=store");
    }
    store_writer_close(s.writer);
    watch_pipe_close(&s.pipe);
    return NULL;
}
