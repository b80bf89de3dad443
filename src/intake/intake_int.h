/* intake/intake_int.h - what the inputs of this room share. */
#ifndef INTAKE_INTAKE_INT_H
#define INTAKE_INTAKE_INT_H

#include <pthread.h>

#include "core/jsonw.h"
#include "intake/access.h"
#include "intake/batch.h"
#include "intake/intake.h"
#include "intake/quarantine.h"
#include "intake/sink.h"
#include "net/loop.h"

enum intake_input {
#define INPUT(id, name) INTAKE_INPUT_##id,
#include "intake/inputs.def"
#undef INPUT
    INTAKE_INPUTS_N
};

/* An input lives between start and stop, both on the thread of intake_start and intake_stop. While
 * stop runs, the loop does not: handles may be stopped, no callback comes. */
struct input_ops {
    /* *ret stays NULL when the input is not configured. Takes over its descriptor, also on failure.
     */
    CHECKED enum err (*start)(struct intake *in, const struct intake_options *o, void **ret,
                              struct diag *diag);
    void (*stop)(void *self);
    /* Members of the input's object in the status: at least "state". Any thread. */
    void (*status)(void *self, struct jsonw *w);
};

#define INPUT(id, name) extern const struct input_ops input_##id;
#include "intake/inputs.def"
#undef INPUT

/* Sleeps on the condition until *stop or wait_ms; true = stop. The lock guards *stop. */
struct intake_stopper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
};

struct intake {
    struct journal *journal; /* borrowed */
    char *data_dir;          /* owned */
    struct loop *loop;
    struct sink *sink;
    struct quarantine *quarantine;
    struct access *access;
    void *input[INTAKE_INPUTS_N]; /* NULL = not configured */

    _Atomic uint32_t record_bytes;
    _Atomic bool token_required;

    pthread_mutex_t ids_lock; /* guards ids */
    struct id_gen ids;

    pthread_t loop_thread, keeper;
    bool loop_runs, keeper_runs;
    struct intake_stopper stopper;
    unsigned ticks;
    struct buf status, status_was; /* of the keeper */
};

/* A new record of an input: id and receive time filled in. Thread-safe. */
struct record intake_record(struct intake *in, enum input_kind input, enum framing framing);

/* Quarantines and counts (once, with the last piece). Failures are logged and counted: what could
 * not be kept in quarantine is told there, since nobody can be answered. */
void intake_quarantine(struct intake *in, const struct record *r, const char *reason, unsigned part,
                       bool last);

/* "sudo usermod -aG adm,systemd-journal USER": how this process gets to read `gid`'s files. */
void intake_mend_group(const char *groups, char *out, size_t cap);

void intake_stopper_init(struct intake_stopper *s);
void intake_stopper_done(struct intake_stopper *s);
void intake_stopper_stop(struct intake_stopper *s);
bool intake_stopper_wait(struct intake_stopper *s, int wait_ms);

#endif
