/* serve/watch_int.h - the watch role: two workers over the journal of records.
 *
 *   journal ─┬→ detect worker: parse, enrich, detect ─→ findings journal (+ its cursor, one commit)
 *            └→ store worker:  parse, enrich, block  ─→ store role       (+ insert plan, then
 * cursor)
 *
 * Each has a reader, a cursor and an arena of its own and waits for nobody: detection goes on while
 * the store is down, and the other way round, until the journal's ceiling. What they share is
 * immutable (rules, inventory, geography) and swapped whole.
 */
#ifndef SERVE_WATCH_INT_H
#define SERVE_WATCH_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/arena.h"
#include "detect/correlate.h"
#include "detect/exception.h"
#include "enrich/enrich.h"
#include "journal/journal.h"
#include "parse/parse.h"
#include "serve/cover.h"
#include "serve/mark.h"
#include "serve/role.h"

enum { WATCH_ARENA_BYTES = 256 << 20, WATCH_BATCH_FRAMES = 4096 };

/* Immutable once made; both workers hold a reference per batch. */
struct watch_view {
    _Atomic unsigned refs;
    struct ruleset *rules;         /* one reference */
    struct inventory *inv;         /* owned */
    struct exceptions *exceptions; /* owned */
    uint32_t demo_org;             /* the organisation of the demo, 0 if there is none */
};

struct watch {
    struct role_ctx *ctx;
    struct geo *geo;           /* owned; NULL = none */
    struct mark *mark;         /* owned */
    struct journal *findings;  /* owned */
    pthread_mutex_t view_lock; /* guards the pointer `view`, taken once a batch */
    struct watch_view *view;
    _Atomic bool stop;
    pthread_t detect_thread, store_thread;
    bool detect_runs, store_runs;
    char journal_dir[4096], state_dir[4096], quarantine_dir[4096], store_socket[4096];
    char cursor_detect[4096], cursor_store[4096];
};

/* ---- watch_view.c ---- */
struct watch_view *watch_view_take(struct watch *w);
void watch_view_drop(struct watch_view *v);
/* Loads rules, inventory and exceptions anew and swaps; writes DIR/run/rules.json. */
CHECKED enum err watch_view_load(struct watch *w, struct diag *diag);
/* The same with the rules that are loaded already: for the desk's snapshots. */
CHECKED enum err watch_view_refresh(struct watch *w, struct diag *diag);

/* ---- watch_pipe.c: frames to enriched events ---- */
struct watch_pipe {
    struct watch *w;
    unsigned slot; /* of the marks */
    struct arena arena;
    struct parse_ctx parse;
    int32_t zone_s; /* of senders whose source names none */
    char host[256]; /* this machine's name */
    struct journal_reader *reader;
    struct jpos at; /* behind the last frame taken */
    struct watch_view *view;
    void (*each)(void *arg, struct event *ev);
    void *arg;
    uint64_t damaged;  /* stretches of the journal that could not be read */
    struct slice last; /* the frame of the last step, until the next one */
    struct jpos last_at;
};
CHECKED enum err watch_pipe_open(struct watch_pipe *p, struct watch *w, unsigned slot,
                                 struct jpos from, struct diag *diag);
void watch_pipe_close(struct watch_pipe *p);
void watch_pipe_begin(struct watch_pipe *p); /* a new batch: takes the view */
void watch_pipe_end(struct watch_pipe *p);
/* Takes one frame and calls each() for its events, which end with that call. ERR_NOENT when there
 * is none. */
CHECKED enum err watch_pipe_step(struct watch_pipe *p);
/* Keeps the last frame in DIR/quarantine/watch/. */
void watch_pipe_quarantine(struct watch_pipe *p, const char *why);

/* ---- watch_cover.c: log sources that send, rules that are blind; the detect worker's ---- */
struct watch_cover {
    struct watch *w;
    struct ruleset *rules; /* one reference: what `blind` is about */
    bool *blind;           /* owned; by rule */
    size_t blind_n;
    int64_t looked_ns, saved_ns, alarmed_ns; /* monotonic; 0 = not yet */
    char path[4200];
    struct cover cover;
};
typedef void watch_cover_frame(void *arg, struct slice frame);
void watch_cover_open(struct watch_cover *c, struct watch *w);
void watch_cover_close(struct watch_cover *c);
/* Between events; does something every 2 s and when the rules changed. Alarms go to frame(). */
void watch_cover_step(struct watch_cover *c, struct ruleset *rs, struct detect_scratch *s,
                      watch_cover_frame *frame, void *arg);

/* ---- watch_correlate.c: matches over time, and their checkpoint ---- */
struct watch_correlate {
    struct watch *w;
    struct correlator *c; /* owned; NULL: no memory for it */
    const struct ruleset *rules;
    struct jpos replay_until; /* what is at or before it has been found once already */
    struct jpos saved;
    int64_t next_ns; /* of the next checkpoint */
    bool changed;
    struct buf bytes;
};
/* Where reading begins: at the checkpoint, else at `committed`. */
struct jpos watch_correlate_open(struct watch_correlate *x, struct watch *w, struct ruleset *rs,
                                 struct jpos committed);
void watch_correlate_close(struct watch_correlate *x);
void watch_correlate_fit(struct watch_correlate *x, struct ruleset *rs);
/* Whether everything up to `at` is safe now: records before it are needed no more. Not every call
 * writes, unless `now`. */
bool watch_correlate_save(struct watch_correlate *x, struct jpos at, bool now);
bool watch_correlate_replays(const struct watch_correlate *x, struct jpos at);
void watch_correlate_advance(struct watch_correlate *x, int64_t clock_ns, detect_emit_fn *emit,
                             void *arg);
void watch_correlate_feed(struct watch_correlate *x, struct detect_scratch *s,
                          const struct finding *f, detect_emit_fn *emit, void *arg);
/* The file's parts; `ret_state` lies in it. */
CHECKED enum err watch_correlate_decode(struct slice file, struct jpos *ret_at,
                                        struct slice *ret_state, struct diag *diag);

/* ---- the workers ---- */
void *watch_detect_main(void *arg);
void *watch_store_main(void *arg);

#endif
