/* intake/tail_int.h - followed files: tail.c finds and reads them, tail_file.c opens them at the
 * right place and lets them go, tail_next.c holds those that came to the path meanwhile. Everything
 * runs on the one thread of tail.c; what the status
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
    TAIL_NEXT_MAX = 16,         /* files held open for one path beside the one being read */
    TAIL_PATH_BYTES = 4000,
};

struct tail_shown {
    const char *state; /* static: ok, waiting, denied, failed */
    char detail[200], mend[300];
    uint64_t offset, size, records;
};

/* A file that came to the path after the one being read. It may have been renamed as well. */
struct tail_next {
    int fd;
    struct stat st;   /* when opened; st_size is kept up */
    int64_t born_ns;  /* wall clock */
    int64_t grown_ns; /* monotonic: when it last grew, was renamed or made */
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
    uint64_t size;    /* as last seen */
    int64_t grown_ns; /* monotonic: when it last grew, or was found renamed */
    bool renamed;
    struct tail_next next[TAIL_NEXT_MAX]; /* in the order of reading */
    size_t next_n;
    bool crowded;            /* there are more than could be opened */
    int64_t born_ns;         /* the youngest file ever read or held for this path */
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

/* false: not there (any more), to be forgotten. */
bool tail_file_open(struct tail_file *f);
/* The renamed or deleted file has been read to its end: its last line without LF becomes a record,
 * and the oldest follower is read next (fd is -1 if there is none). The note that says so also
 * names that follower: after a kill it is found again under any name in its folder, and those
 * younger than it by theirs. false: told to stop. */
bool tail_file_leave(struct tail_file *f);

void tail_file_show(struct tail_file *f, const char *state, const char *detail, const char *mend);

/* When the file was made; when last written on file systems that do not know that. Wall clock. */
int64_t tail_next_born(int fd);
/* Monotonic time of the file's last write or rename, at most a little over TAIL_ROTATE_MS ago. */
int64_t tail_next_quiet_since(const struct stat *st);
/* Being read, or held to be read, for another path. */
bool tail_next_is_elsewhere(const struct tail_file *me, const struct stat *st);
/* Sees whether f was renamed and holds what has come to the path since. */
void tail_next_look(struct tail_file *f);
/* Holds the files younger than f->born_ns with rotated names, oldest first, then the path's own.
 * A file that was renamed between two looks is found so. */
void tail_next_gather(struct tail_file *f);
/* The oldest follower becomes the file being read. The former fd must be closed. */
void tail_next_take(struct tail_file *f, const struct tail_mark *at);
void tail_next_drop(struct tail_file *f);

/* Appends t->batch and the notes, however long it takes. false: told to stop, nothing is known to
 * be stored. */
bool tail_commit(struct tail *t, const struct journal_note *notes, size_t n);
void tail_note_key(char out[static TAIL_PATH_BYTES + 16], const char *path);

#endif
