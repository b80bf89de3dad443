/* store/fixture.h - tests only: a store in a child process, and events out of thin air. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <sys/types.h>

#include "core/event.h"
#include "store/client.h"

struct fixture {
    char dir[64];    /* temporary, removed by fixture_done */
    char socket[96]; /* of the store */
    pid_t pid;
    int in; /* its standard input: closing it ends it */
    struct store_client *client;
};

/* false with *ret_why when this machine or this build cannot host the engine: skip, saying so. */
bool fixture_init(struct fixture *f, const char **ret_why);
bool fixture_start(struct fixture *f); /* again, on the same folder */
void fixture_kill(struct fixture *f);  /* SIGKILL, waited for */
bool fixture_stop(struct fixture *f);  /* as the role is stopped; false unless it exits with 0 */
void fixture_done(struct fixture *f);

/* The answer's first line as a number; fails the test on an error. */
uint64_t fixture_count(struct fixture *f, const char *sql);
/* The answer as text without its last newline, in out. */
const char *fixture_text(struct fixture *f, const char *sql, struct buf *out);

/* A record and an event whose id is a function of n alone; both in the arena. */
struct event *fixture_event(struct arena *a, uint64_t n, const char *payload);

/* One block through a writer, under the retention class. */
void fixture_insert(struct fixture *f, struct event *const *ev, size_t n, const char *class);

#endif
