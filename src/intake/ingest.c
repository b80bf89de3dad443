/* The HTTP door: POST /ingest takes newline-delimited JSON, GET /healthz answers 200.
 *
 *   HTTP thread: token, coding ─→ queue ─→ worker: idempotency, inflate, lines, quarantine, append
 *                                                      journal's thread: answer after the sync ←┘
 *
 * Nobody waits for a disk on the HTTP thread. One request is one group of the journal, with its
 * Idempotency-Key and answer as a note, so that a repeated request is either wholly known or not
 * at all. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/ip.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/queue.h"
#include "intake/decompress.h"
#include "intake/ingest_lines.h"
#include "intake/intake_int.h"
#include "net/http_server.h"

enum {
    QUEUE_JOBS = 64,
    CONNECTIONS = 256,
    STRANGER_BODY = 64 << 10, /* of a request without a good token: enough to answer 401 */
    GROUP_BYTES = 60 << 20,   /* the journal takes at most 64 MiB that wait for their sync */
    KEEP_BYTES = 4 << 20,     /* memory that an idle worker keeps */
    KEY_MAX = 128,
    NOTE_KEY_BYTES = 256,
    ANSWER_BYTES = 160,
    STOP_MS = 2000,
    IDLE_MS = 1000,
    LOOK_AGAIN_MS = 20,
};
#define IDEMPOTENCY_NS (24 * 3600 * NS_PER_S)

struct job {
    struct ingest *ingest;
    struct http_call *call;
    enum decompress_coding coding;
    struct access_grant grant;
    uint8_t peer[16];
    uint16_t port;
    char note[NOTE_KEY_BYTES]; /* key of the journal's note, "" without an Idempotency-Key */
    struct job *next_with_key; /* in ingest->keys while under way */

    size_t accepted, quarantined;
    uint64_t payload;
    char answer[ANSWER_BYTES];
};

struct worker {
    struct ingest *ingest;
    pthread_t thread;
    struct buf inflated;
    struct batch batch;
};

struct ingest {
    struct intake *in;
    struct http_server *server;
    struct queue queue; /* of struct job */
    struct worker worker[INTAKE_WORKERS];
    size_t workers_n;
    _Atomic bool stopping;
    _Atomic size_t under_way; /* jobs not yet answered */
    _Atomic uint64_t requests, records, refused;
    pthread_mutex_t keys_lock; /* guards keys */
    struct job *keys;
    int64_t looked_ns; /* monotonic; of the server's thread alone */
};

static const char json_type[] = "application/json";

/* ---- answering ---- */

static void refuse(struct ingest *g, struct http_call *c, enum err e, const struct diag *d)
{
    if (e == ERR_BUSY || e == ERR_FULL) {
        http_add_header(c, "Retry-After", e == ERR_BUSY ? "1" : "5");
        g->refused++;
        metric_add(M_INTAKE_REFUSED, 1);
    }
    if (e == ERR_AUTH)
        http_add_header(c, "WWW-Authenticate", "Bearer");
    http_reply_err(c, e, d);
}

static void forget_key(struct job *j)
{
    struct ingest *g = j->ingest;

    if (j->note[0] == 0)
        return;
    (void)pthread_mutex_lock(&g->keys_lock);
    for (struct job **p = &g->keys; *p; p = &(*p)->next_with_key)
        if (*p == j) {
            *p = j->next_with_key;
            break;
        }
    (void)pthread_mutex_unlock(&g->keys_lock);
}

static void job_end(struct job *j, enum err e, const struct diag *d)
{
    struct ingest *g = j->ingest;

    forget_key(j);
    if (e == ERR_NONE) {
        g->records += j->accepted;
        metric_add(M_INTAKE_RECORDS, j->accepted);
        metric_add(M_INTAKE_BYTES, j->payload);
        metric_add(M_INTAKE_QUARANTINED, j->quarantined);
        http_reply(j->call, 200, json_type, slice_of(j->answer));
    } else {
        refuse(g, j->call, e, d);
    }
    free(j);
    g->under_way--;
}

static void on_durable(void *arg, enum err e)
{
    struct diag d = {.code = e};

    if (e != ERR_NONE)
        diag_set(&d, e, 0, "the records could not be stored: %s", err_text(e));
    job_end(arg, e, &d);
}

/* ---- idempotency ---- */

static enum err note_key(struct job *j, const char *key, struct diag *diag)
{
    char who[IP_TEXT_BYTES + 1];
    size_t n = strlen(key);

    if (n == 0 || n > KEY_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "an Idempotency-Key has 1 to %d characters", KEY_MAX);
    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return FAIL(diag, ERR_SYNTAX, i, "an Idempotency-Key is visible ASCII");
    if (j->grant.id[0])
        (void)snprintf(who, sizeof(who), "%s", j->grant.id);
    else
        ip_text(j->peer, who);
    (void)snprintf(j->note, sizeof(j->note), "idem:%s:%s", who, key);
    return ERR_NONE;
}

/* ERR_NONE: go on, the key is ours. ERR_CONFLICT: the same key is under way. *ret_n > 0: answered
 * before, the answer is in j->answer. Looked up under the lock, and a key is let go only after its
 * note is committed: there is no moment at which a known key looks new. */
static enum err begin_key(struct job *j, size_t *ret_n)
{
    struct ingest *g = j->ingest;
    enum err e = ERR_NONE;

    *ret_n = 0;
    (void)pthread_mutex_lock(&g->keys_lock);
    for (const struct job *k = g->keys; k; k = k->next_with_key)
        if (strcmp(k->note, j->note) == 0)
            e = ERR_CONFLICT;
    if (e == ERR_NONE) {
        e = journal_note_get(g->in->journal, slice_of(j->note), j->answer, sizeof(j->answer) - 1,
                             ret_n);
        if (e == ERR_NOENT) {
            e = ERR_NONE;
            *ret_n = 0;
            j->next_with_key = g->keys;
            g->keys = j;
        } else if (e == ERR_NONE) {
            j->answer[*ret_n] = 0;
        }
    }
    (void)pthread_mutex_unlock(&g->keys_lock);
    return e;
}

/* True when the request has been dealt with. */
static bool answered_by_key(struct job *j)
{
    struct diag d = {0};
    size_t n;

    if (j->note[0] == 0)
        return false;
    enum err e = begin_key(j, &n);
    if (e == ERR_NONE && n == 0)
        return false;
    if (e == ERR_NONE) {
        http_add_header(j->call, "Idempotency-Replayed", "true");
        http_reply(j->call, 200, json_type, slice_of(j->answer));
    } else {
        if (e == ERR_CONFLICT)
            http_add_header(j->call, "Retry-After", "1");
        diag_set(&d, e, 0, "a request with this Idempotency-Key is under way");
        http_reply_err(j->call, e, &d);
    }
    struct ingest *g = j->ingest;
    free(j);
    g->under_way--;
    return true;
}

/* ---- the work ---- */

static struct record new_record(const struct job *j, struct slice line)
{
    struct record r = intake_record(j->ingest->in, INPUT_HTTP, FRAMING_LF);

    memcpy(r.peer, j->peer, sizeof(r.peer));
    r.peer_port = j->port;
    r.org = j->grant.org;
    r.source = j->grant.source;
    r.name = slice_of(j->grant.name);
    r.payload = line;
    return r;
}

static enum err add_records(struct worker *w, struct job *j, struct slice body, struct id128 *batch,
                            struct diag *diag)
{
    uint32_t max = j->ingest->in->record_bytes;
    struct slice rest = body, line;
    enum ingest_line k;

    while ((k = ingest_lines_next(&rest, max, &line)) != INGEST_END) {
        if (k != INGEST_RECORD) {
            j->quarantined++;
            continue;
        }
        struct record r = new_record(j, line);
        if (w->batch.n == 0)
            *batch = r.id;
        enum err e = batch_add(&w->batch, &r);
        if (e != ERR_NONE)
            return FAIL(diag, e, (size_t)(line.p - body.p), "too many lines in one request");
    }
    if (w->batch.n == 0)
        *batch = new_record(j, (struct slice){"", 0}).id;
    j->accepted = w->batch.n;
    j->payload = w->batch.payload;
    return ERR_NONE;
}

static enum err keep_bad_lines(struct job *j, struct slice body, struct diag *diag)
{
    struct quarantine *q = j->ingest->in->quarantine;
    uint32_t max = j->ingest->in->record_bytes;
    struct slice rest = body, line;
    enum ingest_line k;
    enum err e = ERR_NONE;

    if (j->quarantined == 0)
        return ERR_NONE;
    while (e == ERR_NONE && (k = ingest_lines_next(&rest, max, &line)) != INGEST_END) {
        if (k == INGEST_RECORD)
            continue;
        struct record r = new_record(j, line);
        e = quarantine_add(q, &r, k == INGEST_LONG ? "too long" : "not a JSON object", 0, true,
                           NULL);
    }
    if (e == ERR_NONE)
        e = quarantine_sync(q);
    return e == ERR_NONE ? e : FAIL(diag, e, 0, "the quarantine could not take the bad lines");
}

static enum err append(struct worker *w, struct job *j)
{
    struct journal_note note = {.key = slice_of(j->note),
                                .value = slice_of(j->answer),
                                .expires_ns = clock_wall_ns() + IDEMPOTENCY_NS};
    size_t notes_n = j->note[0] ? 1 : 0;

    if (w->batch.n == 0 && notes_n == 0) {
        on_durable(j, ERR_NONE);
        return ERR_NONE;
    }
    return batch_append(&w->batch, j->ingest->in->journal, &note, notes_n, on_durable, j);
}

/* After success the job belongs to on_durable. */
static enum err work(struct worker *w, struct job *j, struct diag *diag)
{
    struct slice body = http_body(j->call);
    char id[ID_TEXT_BYTES + 1];
    struct id128 batch = {{0}};
    enum err e = ERR_NONE;

    if (j->coding != DECOMPRESS_NONE) {
        e = decompress(j->coding, body, &w->inflated, diag);
        body = buf_slice(&w->inflated);
    }
    if (e == ERR_NONE)
        e = add_records(w, j, body, &batch, diag);
    if (e == ERR_NONE && j->grant.id[0])
        e = access_spend(j->ingest->in->access, j->grant.id, j->accepted + j->quarantined,
                         clock_mono_ns());
    if (e == ERR_NONE)
        e = keep_bad_lines(j, body, diag);
    if (e != ERR_NONE)
        return e;
    id_text(batch, id);
    (void)snprintf(j->answer, sizeof(j->answer),
                   "{\"accepted\":%zu,\"quarantined\":%zu,\"batch\":\"%s\"}", j->accepted,
                   j->quarantined, id);
    return append(w, j);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct job *j;

    while ((j = queue_take(&w->ingest->queue, IDLE_MS)) || !w->ingest->stopping) {
        struct diag d = {0};
        if (!j || answered_by_key(j))
            continue;
        enum err e = work(w, j, &d);
        if (e != ERR_NONE)
            job_end(j, e, d.text[0] ? &d : NULL);
        batch_reset(&w->batch);
        buf_reset(&w->inflated);
        if (w->inflated.cap > KEEP_BYTES)
            buf_done(&w->inflated);
        if (w->batch.bytes.cap > KEEP_BYTES)
            batch_done(&w->batch);
    }
    return NULL;
}

/* ---- the HTTP thread ---- */

static bool is_loopback(const uint8_t ip[static 16])
{
    static const uint8_t six[16] = {[15] = 1};

    return memcmp(ip, six, sizeof(six)) == 0 || (ip_is_v4(ip) && ip[12] == 127);
}

/* A token that is sent must be good, even where none is needed. Without one a web page in a browser
 * of this machine could send as well: what carries an Origin does not count as local. */
static enum err check_access(struct ingest *g, const struct http_call *c, struct access_grant *ret)
{
    const char *header = http_header(c, "Authorization");
    uint8_t ip[16];
    uint16_t port;

    http_peer(c, ip, &port);
    if (!header && !g->in->token_required && is_loopback(ip))
        return http_header(c, "Origin") ? ERR_DENIED : ERR_NONE;
    enum err e = access_check(g->in->access, header, clock_wall_ns(), ret);
    /* A token may be younger than the snapshot in force: its maker uses it at once. Strangers make
     * us look no oftener than that. */
    int64_t now = clock_mono_ns();
    if (e != ERR_AUTH || !header || now - g->looked_ns < LOOK_AGAIN_MS * NS_PER_MS)
        return e;
    g->looked_ns = now;
    intake_snapshot_changed(g->in);
    return access_check(g->in->access, header, clock_wall_ns(), ret);
}

static size_t body_limit(void *arg, const struct http_call *c)
{
    struct access_grant grant;

    if (strcmp(http_path(c), "/ingest") != 0 || strcmp(http_method(c), "POST") != 0)
        return STRANGER_BODY;
    return check_access(arg, c, &grant) == ERR_NONE ? INTAKE_BODY_MAX : STRANGER_BODY;
}

static void take_request(struct ingest *g, struct http_call *c)
{
    struct diag d = {0};
    const char *key = http_header(c, "Idempotency-Key");
    struct job *j = calloc(1, sizeof(*j));
    enum err e = j ? check_access(g, c, &j->grant) : ERR_NOMEM;

    if (e != ERR_NONE) {
        refuse(g, c, e, NULL);
        free(j);
        return;
    }
    http_peer(c, j->peer, &j->port);
    j->ingest = g;
    j->call = c;
    if (!decompress_coding(http_header(c, "Content-Encoding"), &j->coding)) {
        http_add_header(c, "Accept-Encoding", "gzip, zstd");
        http_reply(c, 415, json_type,
                   SLICE("{\"code\":\"unsupported\",\"detail\":\"Content-Encoding is gzip, zstd or "
                         "none\"}"));
        free(j);
        return;
    }
    if (key)
        e = note_key(j, key, &d);
    if (e == ERR_NONE) {
        g->under_way++;
        e = queue_try_put(&g->queue, j);
        if (e == ERR_NONE)
            return;
        g->under_way--;
        e = ERR_BUSY; /* full, or closed because we are shutting down */
    }
    refuse(g, c, e, d.text[0] ? &d : NULL);
    free(j);
}

static void handle(void *arg, struct http_call *c)
{
    struct ingest *g = arg;
    const char *path = http_path(c), *method = http_method(c);

    g->requests++;
    if (strcmp(path, "/ingest") == 0) {
        if (strcmp(method, "POST") == 0) {
            take_request(g, c);
            return;
        }
        http_add_header(c, "Allow", "POST");
        http_reply(c, 405, NULL, (struct slice){"", 0});
    } else if (strcmp(path, "/healthz") == 0) {
        http_reply(c, 200, json_type, SLICE("{\"status\":\"ok\"}"));
    } else {
        http_reply_err(c, ERR_NOENT, NULL);
    }
}

/* ---- life ---- */

static void ingest_stop(void *self)
{
    struct ingest *g = self;

    if (g->server)
        http_server_stop(g->server, STOP_MS);
    g->stopping = true;
    queue_close(&g->queue);
    for (size_t i = 0; i < g->workers_n; i++) {
        (void)pthread_join(g->worker[i].thread, NULL);
        buf_done(&g->worker[i].inflated);
        batch_done(&g->worker[i].batch);
    }
    /* the journal's thread still holds pointers to jobs */
    while (g->under_way > 0)
        (void)usleep(1000);
    queue_done(&g->queue);
    (void)pthread_mutex_destroy(&g->keys_lock);
    free(g);
}

static enum err start_workers(struct ingest *g)
{
    for (size_t i = 0; i < INTAKE_WORKERS; i++) {
        struct worker *w = &g->worker[i];
        w->ingest = g;
        buf_init(&w->inflated, INTAKE_INFLATED_MAX);
        batch_init(&w->batch, GROUP_BYTES);
        if (pthread_create(&w->thread, NULL, run, w) != 0)
            return ERR_SYS;
        g->workers_n++;
    }
    return ERR_NONE;
}

static CHECKED enum err ingest_start(struct intake *in, const struct intake_options *o, void **ret,
                                     struct diag *diag)
{
    if (o->ingest_fd < 0)
        return ERR_NONE;
    struct ingest *g = calloc(1, sizeof(*g));
    if (!g || queue_init(&g->queue, QUEUE_JOBS) != ERR_NONE) {
        free(g);
        (void)close(o->ingest_fd);
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the ingest door");
    }
    g->in = in;
    (void)pthread_mutex_init(&g->keys_lock, NULL);
    struct http_server_options so = {.listen_fd = o->ingest_fd,
                                     .certificate_pem = o->certificate_pem,
                                     .key_pem = o->key_pem,
                                     .max_body = INTAKE_BODY_MAX,
                                     .max_connections = CONNECTIONS,
                                     .handle = handle,
                                     .body_limit = body_limit,
                                     .arg = g};
    enum err e = start_workers(g);
    if (e != ERR_NONE) {
        (void)close(o->ingest_fd);
        diag_set(diag, e, 0, "no threads for the ingest door");
    } else {
        e = http_server_start(&so, &g->server, diag);
    }
    if (e != ERR_NONE) {
        ingest_stop(g);
        return e;
    }
    *ret = g;
    return ERR_NONE;
}

static void ingest_status(void *self, struct jsonw *w)
{
    struct ingest *g = self;

    jsonw_kcstr(w, "state", "ok");
    jsonw_kint(w, "requests", (int64_t)g->requests);
    jsonw_kint(w, "records", (int64_t)g->records);
    jsonw_kint(w, "refused", (int64_t)g->refused);
}

const struct input_ops input_ingest = {ingest_start, ingest_stop, ingest_status};
