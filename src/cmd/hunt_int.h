/* cmd/hunt_int.h - rules over files: what the parts of `coloa hunt` share.
 *
 *   reader (one thread)   opens, decompresses, tells the format, cuts batches of whole records
 *   workers (N threads)   parse, match, gather for correlations; findings into the batch's arena
 *   collector (main)      takes the batches in the order in which they were read, writes
 *
 * Batches come from a fixed pool, so memory does not grow with the input. The order of output is
 * the order of reading: the same for any number of threads.
 */
#ifndef CMD_HUNT_INT_H
#define CMD_HUNT_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cmd/args.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/queue.h"
#include "detect/correlate.h"
#include "detect/detect.h"
#include "parse/csv.h"
#include "parse/json_split.h"
#include "parse/pairs.h"
#include "parse/zeek_tsv.h"

enum {
    HUNT_THREADS_MAX = 64,
    HUNT_BATCH_BYTES = 1 << 20,
    HUNT_RECORD_BYTES_MAX = 16 << 20, /* a longer record is reported and cut */
    HUNT_SPANS_MAX = 8192,
    HUNT_FILES_MAX = 1 << 22,
    HUNT_FOUND_BYTES_MAX = 256 << 20, /* findings of one batch */
    HUNT_NOTE_BYTES_MAX = 4096,       /* of one batch */
};

struct hunt_file {
    uint32_t index;
    char *name;          /* owned; "path", or "path!member" */
    const char *dataset; /* of Zeek's JSON, told by the file's name, or NULL */
};

/* What a format knows from a file's beginning; shared by its batches. */
struct hunt_layout {
    atomic_uint refs;
    struct csv_header csv;
    struct zeek_header zeek;
};

struct hunt_place {
    uint32_t file;
    uint64_t record;
};

struct hunt_found {
    struct hunt_found *next;
    const struct rule_info *rule;
    struct hunt_place at;
    uint64_t ordinal; /* element of a JSON stream, 0: none */
    bool has_time;
    int64_t time_ns;
    struct slice host; /* may be empty */
    size_t matched_n;
    const struct match_field *matched;
    bool correlation; /* matched is the group then */
    double count;
    size_t records_n;
    const struct hunt_place *records;
};

struct hunt_format;

struct hunt_batch {
    uint64_t seq;
    struct hunt_file *file;
    const struct hunt_format *format; /* NULL: only notes */
    struct hunt_layout *layout;       /* a reference, or NULL */
    char *p;                          /* owned */
    size_t n, cap;
    uint64_t line;   /* of the first byte, from 1 */
    uint64_t offset; /* of the first byte, in the decompressed file */
    size_t spans_n;
    struct json_span *spans; /* owned, HUNT_SPANS_MAX; NULL until needed */
    uint64_t bytes;          /* for the sum */
    /* the worker's results */
    struct arena arena;
    struct hunt_found *first, **tail;
    struct buf gathered; /* for correlations */
    struct buf notes;    /* lines for stderr, without the file's name */
    uint64_t events, bad, untimed, lost;
    bool damaged; /* the file could not be read to its end */
    bool done;    /* under hunt.lock */
};

struct hunt_options {
    struct ruleset_options lists;
    struct arg_many pipelines, rules, rule_ids, paths;
    const char *output, *lang, *explain, *from, *to, *level, *zone;
    int64_t threads, correlation_mib;
    enum rule_level least;
    int64_t from_ns, to_ns; /* INT64_MIN / INT64_MAX: none */
    int32_t zone_s;
    bool recover, verbose, quiet, profile, no_progress;
};

struct hunt_totals {
    uint64_t events, bytes, findings, correlated, bad, untimed, lost, files, damaged;
    double seconds;
};

struct hunt_corr;
struct hunt_out;

struct hunt {
    struct hunt_options o;
    struct ruleset *rules;
    int64_t now_ns; /* of the start: the time of receiving of everything */
    struct queue free, work;
    struct hunt_batch *pool; /* owned */
    size_t pool_n;
    pthread_mutex_t lock; /* guards the rest of this block */
    pthread_cond_t changed;
    struct hunt_batch **ring; /* by seq % pool_n */
    uint64_t made;            /* batches given out by the reader */
    bool read_all;
    struct hunt_file **files; /* owned; grows */
    size_t files_n, files_cap;
    /* progress */
    atomic_ullong raw_done, raw_total;
    atomic_bool stop;
    atomic_uint damaged;       /* files that could not be opened or read */
    struct hunt_totals totals; /* collector */
    struct hunt_corr *corr;    /* collector; NULL without correlations */
    struct hunt_out *out;      /* collector */
};

/* hunt_list.c: the files under the paths, folders walked in sorted order, patterns expanded. each()
 * is called with a path ("-" for standard input) and may stop the walk with false. Paths that do
 * not exist are given too: opening them says why. */
void hunt_list(const struct arg_many *paths, bool (*each)(void *arg, const char *path), void *arg);

/* hunt.c: the reader's half */
struct hunt_batch *hunt_take(struct hunt *h); /* an empty batch; waits */
void hunt_submit(struct hunt *h, struct hunt_batch *b);
struct hunt_file *hunt_file_new(struct hunt *h, const char *path, const char *member);
const char *hunt_file_name(struct hunt *h, uint32_t index);
void hunt_note(struct hunt_batch *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool hunt_pool_make(struct hunt *h);
void hunt_pool_free(struct hunt *h);
int hunt_run(struct hunt *h); /* the exit code */

/* hunt_read.c */
void *hunt_read_main(void *arg); /* struct hunt */

/* hunt_work.c */
struct hunt_worker;
void hunt_worker_free(struct hunt_worker *w);
struct hunt_worker *hunt_worker_new(struct hunt *h);
void *hunt_work_main(void *arg); /* struct hunt_worker */
void hunt_worker_batch(struct hunt_worker *w, struct hunt_batch *b);
struct detect_scratch *hunt_worker_scratch(struct hunt_worker *w);
/* One record of text for parse_record. */
void hunt_feed(struct hunt_worker *w, struct slice payload, uint64_t line, uint64_t ordinal);
/* One record that the format has taken apart: fills the worker's pairs first. */
struct pairs *hunt_pairs(struct hunt_worker *w); /* emptied */
struct arena *hunt_arena(struct hunt_worker *w); /* of the record */
void hunt_feed_pairs(struct hunt_worker *w, struct slice payload, uint64_t line);
/* A chunk of EVTX at this byte of the file. */
void hunt_feed_chunk(struct hunt_worker *w, struct slice chunk, uint64_t offset);
/* A record that could not be read. */
void hunt_bad(struct hunt_worker *w, uint64_t line, const char *why);
/* Instead of matching, for --explain. NULL: match. */
void hunt_worker_watch(struct hunt_worker *w, void (*each)(void *arg, struct event *ev), void *arg);

/* hunt_explain.c: the exit code */
int hunt_explain(struct hunt *h);
void hunt_profile(struct hunt *h, struct hunt_worker **w, size_t n);

/* hunt_correlate.c */
void hunt_corr_free(struct hunt_corr *c);
struct hunt_corr *hunt_corr_new(struct hunt *h);
CHECKED enum err hunt_corr_add(struct hunt_corr *c, struct slice gathered);
/* Sorts, correlates, tells. */
CHECKED enum err hunt_corr_run(struct hunt_corr *c, void (*found)(void *arg, struct hunt_found *f),
                               void *arg);
/* The place of a record in its id, so that a correlation names its records without a table. */
struct id128 hunt_id(struct hunt_place at, uint64_t ordinal);
struct hunt_place hunt_id_place(struct id128 id);

#endif
