/* The correlations of the detect worker, and their checkpoint: DIR/state/correlate holds the state
 * with the position in the journal of records that it stands for. After a start the records behind
 * that position are read again; what they find again has the same ids, so that the desk keeps
 * it once. Format: docs/formats/correlation.md. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crc32c.h"
#include "core/log.h"
#include "serve/datadir.h"
#include "serve/watch_int.h"

enum { FILE_VERSION = 1, HEAD_BYTES = 4 + 4 + 8 + 8, CRC_BYTES = 4, SAVE_SHARE = 20 };
#define STATE_BYTES_MAX ((size_t)2 << 30)
#define EPOCH_NS (5 * NS_PER_S)
#define MAGIC SLICE("CLWC")

static void path_of(const struct watch *w, char *to, size_t n)
{
    (void)snprintf(to, n, "%s/correlate", w->state_dir);
}

static CHECKED enum err read_file(const char *path, struct buf *to, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *room = NULL;

    if (fd < 0)
        return errno == ENOENT ? ERR_NOENT : FAIL(diag, ERR_SYS, 0, "%s", strerror(errno));
    enum err e = fstat(fd, &st) == 0 && st.st_size >= 0 ? ERR_NONE : ERR_SYS;
    if (e == ERR_NONE)
        e = buf_reserve(to, (size_t)st.st_size + 1, &room);
    for (ssize_t n = 1; e == ERR_NONE && n > 0;) {
        n = read(fd, room + to->n, (size_t)st.st_size - to->n);
        if (n < 0)
            e = ERR_SYS;
        else
            to->n += (size_t)n;
    }
    (void)close(fd);
    return e == ERR_NONE ? e : FAIL(diag, e, 0, "can't read it");
}

CHECKED enum err watch_correlate_decode(struct slice file, struct jpos *ret_at,
                                        struct slice *ret_state, struct diag *diag)
{
    if (file.n < HEAD_BYTES + CRC_BYTES || !slice_starts(file, MAGIC))
        return FAIL(diag, ERR_SYNTAX, 0, "not a checkpoint of correlations");
    struct bytes tail = bytes_of(slice_cut(file, file.n - CRC_BYTES, file.n));
    struct bytes b = bytes_of(slice_cut(file, MAGIC.n, file.n - CRC_BYTES));
    if (bytes_u32(&tail) != crc32c(0, slice_cut(file, 0, file.n - CRC_BYTES)))
        return FAIL(diag, ERR_CORRUPT, 0, "its checksum is wrong");
    if (bytes_u32(&b) != FILE_VERSION)
        return FAIL(diag, ERR_VERSION, 4, "of another version");
    ret_at->segment = bytes_u64(&b);
    ret_at->offset = bytes_u64(&b);
    *ret_state = bytes_get(&b, bytes_left(&b));
    return ERR_NONE;
}

static struct correlator_options options(const struct watch *w)
{
    return (struct correlator_options){
        .lateness_ns = config_int(w->ctx->cfg, OPT_DETECT_LATENESS_S) * NS_PER_S,
        .rule_bytes = (size_t)config_int(w->ctx->cfg, OPT_DETECT_CORRELATION_BYTES),
    };
}

/* A state for these rules; without one nothing is correlated, and that is said. */
static void renew(struct watch_correlate *x, struct ruleset *rs, struct slice state)
{
    const struct correlator_options o = options(x->w);
    struct correlator *c = NULL;
    struct diag d = {0};
    enum err e = correlator_new(rs, &o, &c);

    if (e == ERR_NONE && state.n && correlator_load(c, state, &d) != ERR_NONE)
        log_err(LOG_ERROR, "correlate.load", d.code, &d, "what was being correlated is forgotten");
    if (e != ERR_NONE)
        log_err(LOG_ERROR, "correlate.new", e, NULL, "nothing is correlated");
    correlator_free(x->c);
    x->c = c;
    x->rules = rs; /* its reference is the correlator's */
}

struct jpos watch_correlate_open(struct watch_correlate *x, struct watch *w, struct ruleset *rs,
                                 struct jpos committed)
{
    char path[4200];
    struct jpos at = committed, saved;
    struct slice state = SLICE("");
    struct diag d = {0};

    *x = (struct watch_correlate){.w = w, .replay_until = committed};
    buf_init(&x->bytes, STATE_BYTES_MAX);
    path_of(w, path, sizeof(path));
    enum err e = correlate_n(rs) ? read_file(path, &x->bytes, &d) : ERR_NOENT;
    if (e == ERR_NONE)
        e = watch_correlate_decode(buf_slice(&x->bytes), &saved, &state, &d);
    /* One that is ahead of the findings would keep quiet about what they lack. */
    if (e == ERR_NONE && jpos_cmp(saved, committed) > 0)
        e = FAIL(&d, ERR_CONFLICT, 0, "it is ahead of the findings journal");
    if (e == ERR_NONE)
        at = saved;
    else if (e != ERR_NOENT)
        log_err(LOG_ERROR, "correlate.open", e, &d, "path=%s what was correlated is forgotten",
                path);
    renew(x, rs, e == ERR_NONE ? state : SLICE(""));
    buf_reset(&x->bytes);
    return at;
}

void watch_correlate_close(struct watch_correlate *x)
{
    correlator_free(x->c);
    buf_done(&x->bytes);
}

void watch_correlate_fit(struct watch_correlate *x, struct ruleset *rs)
{
    if (x->rules == rs)
        return;
    buf_reset(&x->bytes);
    if (x->c && correlator_save(x->c, &x->bytes) != ERR_NONE) {
        log_error("correlate.carry", "no memory: what was being correlated is forgotten");
        buf_reset(&x->bytes);
    }
    renew(x, rs, buf_slice(&x->bytes));
    buf_reset(&x->bytes);
    x->changed = true;
}

static CHECKED enum err encode(struct watch_correlate *x, struct jpos at)
{
    struct buf *b = &x->bytes;

    buf_reset(b);
    enum err e = buf_put(b, MAGIC);
    if (e == ERR_NONE)
        e = bytes_put_uint(b, FILE_VERSION, 4);
    if (e == ERR_NONE)
        e = bytes_put_uint(b, at.segment, 8);
    if (e == ERR_NONE)
        e = bytes_put_uint(b, at.offset, 8);
    if (e == ERR_NONE)
        e = correlator_save(x->c, b);
    return e == ERR_NONE ? bytes_put_uint(b, crc32c(0, buf_slice(b)), CRC_BYTES) : e;
}

bool watch_correlate_save(struct watch_correlate *x, struct jpos at, bool now)
{
    char path[4200];
    struct diag d = {0};
    int64_t start = clock_mono_ns();

    if (!x->c || correlate_n(x->rules) == 0)
        return true;
    if (!now && start < x->next_ns)
        return false;
    if (!x->changed && jpos_cmp(x->saved, at) == 0)
        return true;
    path_of(x->w, path, sizeof(path));
    enum err e = encode(x, at);
    if (e == ERR_NONE)
        e = datadir_write_file(path, x->bytes.p, x->bytes.n, 0600, true, &d);
    int64_t took = clock_mono_ns() - start;
    x->next_ns = start + (took * SAVE_SHARE > EPOCH_NS ? took * SAVE_SHARE : EPOCH_NS);
    if (e != ERR_NONE) {
        log_err(LOG_ERROR, "correlate.save", e, &d, "path=%s", path);
        /* What is too large to be kept must not hold the journal too. */
        return e == ERR_LIMIT || e == ERR_NOMEM;
    }
    x->saved = at;
    x->changed = false;
    return true;
}

bool watch_correlate_replays(const struct watch_correlate *x, struct jpos at)
{
    return jpos_cmp(at, x->replay_until) <= 0;
}

void watch_correlate_advance(struct watch_correlate *x, int64_t clock_ns, detect_emit_fn *emit,
                             void *arg)
{
    if (x->c)
        correlator_advance(x->c, clock_ns, emit, arg);
}

void watch_correlate_feed(struct watch_correlate *x, struct detect_scratch *s,
                          const struct finding *f, detect_emit_fn *emit, void *arg)
{
    if (!x->c)
        return;
    x->changed = true;
    enum err e = correlator_feed(x->c, s, f, emit, arg);
    if (e != ERR_NONE)
        log_err(LOG_ERROR, "correlate.feed", e, NULL, "rule=%s a match is not correlated",
                f->rule->id);
}
