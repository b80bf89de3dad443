/* intake/tail_int.h - followed files: tail.c finds and reads them, tail_file.c opens them at the
 * right place and lets them go. Everything runs on the one thread of tail.c; what the status
 * shows is copied under the lock.
 */
#ifndef INTAKE_TAIL_INT_H
#define INTAKE_TAIL_INT_H

#include "intake/intake_int.h"
#include "intake/tail_mark.h"

enum {
    TAIL_FILES_MAX = 256,
    TAIL_POLL_MS = 200,
    TAIL_SCAN_MS = 500,
    TAIL_CHUNK = 256 << 10,
    TAIL_FIRST_BYTES = 1 << 20, /* of a file that was there at the very first start */
    TAIL_ROTATE_MS = 3000,      /* a file that was renamed is quiet for so long before it is left */
    TAIL_PATH_BYTES = 4000,
    TAIL_NEXT_MAX = 16, /* files of one path that wait while an older one lingers */
};

struct tail_shown {
    const char *state; /* static: ok, waiting, denied, failed */
    char detail[200], mend[300];
    uint64_t offset, size, records;
};

struct tail_next {
    int fd; /* owned */
    uint64_t dev, ino;
};

struct tail_file {
    struct tail *tail;
    struct tail_file *next_in_list;
    char *path; /* owned */
    bool first; /* found by the first scan of a pattern never followed before */
    int fd;     /* -1 = not open */
    struct tail_mark at;
    struct buf buf;     /* bytes from at.offset on that are no whole line yet */
    bool skip_line;     /* began in mid-line: pass over the rest of it */
    unsigned long_part; /* pieces of the long line in quarantine */
    struct record long_record;
    int64_t grown_ns; /* monotonic: when it last grew, or was found renamed */
    bool renamed;
    struct tail_next next[TAIL_NEXT_MAX]; /* the path's newer files, oldest first, held open */
    size_t next_n;
    struct tail_shown shown; /* lock */
};

struct tail_pattern {
    char *text; /* owned */
    bool first;
    bool matched, denied; /* lock */
};

struct tail {
    struct intake *in;
    struct tail_pattern *pattern; /* owned */
    size_t patterns_n;
    struct tail_file *files; /* list: lock */
    size_t files_n;
    struct batch batch;
    pthread_t thread;
    bool running;
    struct intake_stopper stopper;
    pthread_mutex_t lock;
};

struct tail_file *tail_file_new(struct tail *t, const char *path, bool first);
void tail_file_free(struct tail_file *f);

/* While a renamed file lingers its path may be renamed again: holds the path's file open, so that
 * no file between two rotations is passed over. */
void tail_file_hold_next(struct tail_file *f);

/* The oldest file held, else the path's. false: not there (any more), to be forgotten. */
bool tail_file_open(struct tail_file *f);
/* The renamed or deleted file has been read to its end: its last line without LF becomes a record,
 * and the path is free for the next file. false: told to stop. */
bool tail_file_leave(struct tail_file *f);

void tail_file_show(struct tail_file *f, const char *state, const char *detail, const char *mend);

/* Appends t->batch and the notes, however long it takes. false: told to stop, nothing is known to
 * be stored. */
bool tail_commit(struct tail *t, const struct journal_note *notes, size_t n);
void tail_note_key(char out[static TAIL_PATH_BYTES + 16], const char *path);

#endif
