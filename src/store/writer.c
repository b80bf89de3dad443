#include "store/writer.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "store/native.h"
#include "store/schema.h"

enum {
    PAUSE_MS_FIRST = 50,
    PAUSE_MS_MOST = 5000,
    STEP_MS = 20,
    ASK_IDS = 4000, /* 39 bytes each: below the engine's max_query_size of 256 KiB */
    STATEMENT_BYTES = 8192,
    TOKEN_BYTES = 160,
};

#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

struct id_row {
    struct id128 id;
    uint32_t row;
};

struct store_writer {
    struct store_writer_options o;
    char plans[PATH_MAX], name[PLAN_NAME_MAX + 1];
    struct store_client *client; /* owned */
    struct native *block;        /* owned */
    struct buf sql, body, answer;
    struct store_pos from;
    struct plan plan; /* being carried out, or found at start */
    bool pending;     /* `plan` was found at start and is not yet passed */
    bool doubt; /* ask about every block: a damaged plan was found, or a replay was asked for */
    struct id_row *sorted; /* owned, NATIVE_ROWS_MAX; made when first needed */
    uint8_t *drop;         /* owned, NATIVE_ROWS_MAX */
};

static CHECKED enum err writer_init(struct store_writer *w, const struct store_writer_options *o,
                                    struct diag *diag)
{
    struct store_client_options co = {.unix_socket = o->unix_socket, .timeout_ms = 120000};
    int n = snprintf(w->plans, sizeof(w->plans), "%s/plans", o->state_dir);

    w->o = *o;
    if (n < 0 || (size_t)n >= sizeof(w->plans))
        return FAIL(diag, ERR_LIMIT, 0, "path too long: %s", o->state_dir);
    n = snprintf(w->name, sizeof(w->name), "%s", o->name ? o->name : "store");
    if (n < 1 || (size_t)n >= sizeof(w->name))
        return FAIL(diag, ERR_LIMIT, 0, "the inserter's name is too long");
    if (!w->o.block_rows || w->o.block_rows > NATIVE_ROWS_MAX)
        w->o.block_rows = NATIVE_ROWS_MAX;
    if (!w->o.block_bytes)
        w->o.block_bytes = 96U << 20;
    w->client = store_client_new(&co);
    w->block = native_new(w->o.block_bytes);
    buf_init(&w->sql, 512U << 10);
    buf_init(&w->body, w->o.block_bytes + (1U << 20));
    buf_init(&w->answer, 1U << 20);
    if (!w->client || !w->block)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    enum err e = plan_load(w->plans, w->name, &w->plan, diag);
    w->pending = e == ERR_NONE;
    w->doubt = e == ERR_CORRUPT || o->replay;
    return e == ERR_NOENT || e == ERR_CORRUPT ? ERR_NONE : e;
}

CHECKED enum err store_writer_open(const struct store_writer_options *o, struct store_writer **ret,
                                   struct diag *diag)
{
    struct store_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    enum err e = writer_init(w, o, diag);
    if (e != ERR_NONE) {
        store_writer_close(w);
        return e;
    }
    *ret = w;
    return ERR_NONE;
}

void store_writer_close(struct store_writer *w)
{
    if (!w)
        return;
    store_client_free(w->client);
    native_free(w->block);
    buf_done(&w->sql);
    buf_done(&w->body);
    buf_done(&w->answer);
    free(w->sorted);
    free(w->drop);
    free(w);
}

bool store_writer_pending(const struct store_writer *w, struct store_pos *ret_from,
                          struct store_pos *ret_to)
{
    if (w->pending) {
        *ret_from = w->plan.from;
        *ret_to = w->plan.to;
    }
    return w->pending;
}

void store_writer_begin(struct store_writer *w, struct store_pos from)
{
    w->from = from;
    native_reset(w->block);
    if (w->pending && store_pos_cmp(from, w->plan.to) >= 0) {
        w->pending = false; /* the cursor was saved before the plan could be forgotten */
        plan_remove(w->plans, w->name);
    }
}

CHECKED enum err store_writer_add(struct store_writer *w, const struct event *ev)
{
    struct slice class = w->o.retention ? w->o.retention(w->o.arg, ev) : SLICE("default");

    if (native_rows(w->block) >= w->o.block_rows)
        return ERR_LIMIT;
    return native_add(w->block, ev, class);
}

size_t store_writer_rows(const struct store_writer *w)
{
    return native_rows(w->block);
}

static bool stopped(const struct store_writer *w)
{
    return w->o.stop && atomic_load(w->o.stop);
}

static bool pause_ms(const struct store_writer *w, int ms)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

    for (int i = 0; i < ms && !stopped(w); i += STEP_MS)
        (void)nanosleep(&step, NULL);
    return !stopped(w);
}

/* ---- the plan ---- */

static void count_days(struct store_writer *w)
{
    struct plan *p = &w->plan;

    p->rows = (uint32_t)native_rows(w->block);
    p->days_n = 0;
    for (size_t i = 0; i < native_rows(w->block); i++) {
        int64_t ns = native_ingested(w->block, i);
        int64_t day = ns / NS_PER_DAY - (ns % NS_PER_DAY < 0);
        uint32_t at = 0;
        while (at < p->days_n && p->days[at].day != day)
            at++;
        if (at == PLAN_DAYS_MAX)
            continue;
        if (at == p->days_n) {
            p->days[at].day = day;
            p->days[at].rows = 0;
            p->days_n++;
        }
        p->days[at].rows++;
    }
}

static CHECKED enum err plan_write(struct store_writer *w, struct diag *diag)
{
    return plan_save(w->plans, w->name, &w->plan, diag);
}

/* ---- what is stored already ---- */

static int by_id(const void *a, const void *b)
{
    const struct id_row *x = a, *y = b;

    return id_cmp(x->id, y->id);
}

static CHECKED enum err ask_room(struct store_writer *w, struct diag *diag)
{
    if (!w->sorted)
        w->sorted = malloc(NATIVE_ROWS_MAX * sizeof(*w->sorted));
    if (!w->drop)
        w->drop = malloc(NATIVE_ROWS_MAX);
    if (!w->sorted || !w->drop)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    size_t rows = native_rows(w->block);
    memset(w->drop, 0, NATIVE_ROWS_MAX);
    for (size_t i = 0; i < rows; i++)
        w->sorted[i] = (struct id_row){native_id(w->block, i), (uint32_t)i};
    qsort(w->sorted, rows, sizeof(*w->sorted), by_id);
    return ERR_NONE;
}

static CHECKED enum err ask_sql(struct store_writer *w, size_t from, size_t to)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    char text[ID_TEXT_BYTES + 1];

    for (size_t i = from; i < to; i++) {
        int64_t ns = native_ingested(w->block, w->sorted[i].row);
        least = ns < least ? ns : least;
        most = ns > most ? ns : most;
    }
    buf_reset(&w->sql);
    enum err e =
        buf_printf(&w->sql,
                   STORE_AFTER_INSERTS
                   "SELECT DISTINCT id FROM " SCHEMA_TABLE
                   " WHERE ingested >= fromUnixTimestamp64Nano(toInt64(%" PRId64 "), 'UTC')"
                   " AND ingested <= fromUnixTimestamp64Nano(toInt64(%" PRId64 "), 'UTC')"
                   " AND id IN (",
                   least, most);
    for (size_t i = from; e == ERR_NONE && i < to; i++) {
        id_text(w->sorted[i].id, text);
        e = buf_printf(&w->sql, "%s'%s'", i > from ? "," : "", text);
    }
    return e == ERR_NONE ? buf_putc(&w->sql, ')') : e;
}

static void mark_stored(struct store_writer *w, struct slice ids, size_t *ret_n)
{
    for (size_t at = 0; at + 16 <= ids.n; at += 16) {
        struct id_row key = {.row = 0};
        for (size_t i = 0; i < 8; i++) {
            key.id.b[i] = (uint8_t)ids.p[at + 7 - i];
            key.id.b[8 + i] = (uint8_t)ids.p[at + 15 - i];
        }
        struct id_row *hit =
            bsearch(&key, w->sorted, native_rows(w->block), sizeof(*w->sorted), by_id);
        if (hit && !w->drop[hit->row]) {
            w->drop[hit->row] = 1;
            ++*ret_n;
        }
    }
}

/* Fills `drop`; *ret_n = rows that are stored. */
static CHECKED enum err ask_stored(struct store_writer *w, size_t *ret_n, struct diag *diag)
{
    size_t rows = native_rows(w->block);
    enum err e = ask_room(w, diag);

    *ret_n = 0;
    for (size_t from = 0; e == ERR_NONE && from < rows; from += ASK_IDS) {
        size_t to = from + ASK_IDS < rows ? from + ASK_IDS : rows;
        e = ask_sql(w, from, to);
        buf_reset(&w->answer);
        if (e == ERR_NONE)
            e = store_select(w->client, buf_slice(&w->sql), NULL, "RowBinary", &w->answer, diag);
        if (e == ERR_NONE)
            mark_stored(w, buf_slice(&w->answer), ret_n);
    }
    return e;
}

/* ---- the insert ---- */

static CHECKED enum err insert_once(struct store_writer *w, const uint8_t *drop, bool *ret_unknown,
                                    struct diag *diag)
{
    char token[TOKEN_BYTES], first[ID_TEXT_BYTES + 1];
    size_t rows = 0;
    const struct plan *p = &w->plan;

    /* The first id is there for the day when somebody starts a new journal beside an old store:
     * its positions begin again, and the engine would drop the blocks as known. */
    id_text(native_id(w->block, 0), first);
    (void)snprintf(token, sizeof(token),
                   "%s:%" PRIu64 ".%" PRIu64 "-%" PRIu64 ".%" PRIu64 ":%" PRIu32 ":%s", w->name,
                   p->from.segment, p->from.offset, p->to.segment, p->to.offset, p->attempt, first);
    buf_reset(&w->sql);
    buf_reset(&w->body);
    enum err e = buf_puts(&w->sql, "INSERT INTO " SCHEMA_TABLE " (");
    if (e == ERR_NONE)
        e = schema_column_list(&w->sql);
    if (e == ERR_NONE)
        e = buf_puts(&w->sql, ") FORMAT Native");
    if (e == ERR_NONE)
        e = native_encode(w->block, drop, &w->body, &rows);
    const char *sql = e == ERR_NONE ? buf_cstr(&w->sql) : NULL;
    if (!sql)
        return FAIL(diag, e == ERR_NONE ? ERR_NOMEM : e, 0, "no room for a block");
    e = store_insert(w->client, sql, token, buf_slice(&w->body), ret_unknown, diag);
    if (e == ERR_NONE) {
        metric_add(M_STORE_INSERTS, 1);
        metric_add(M_STORE_ROWS, rows);
    }
    return e;
}

static bool hopeless(enum err e)
{
    return e == ERR_SYNTAX || e == ERR_LIMIT || e == ERR_UNSUPPORTED || e == ERR_DENIED;
}

/* Until the block's rows are all stored. `ask`: some may be stored already. */
static CHECKED enum err insert_all(struct store_writer *w, bool ask, struct diag *diag)
{
    int pause = PAUSE_MS_FIRST;

    for (;;) {
        bool unknown = false;
        size_t stored = 0;
        enum err e = ask ? ask_stored(w, &stored, diag) : ERR_NONE;
        if (e == ERR_NONE && stored == native_rows(w->block))
            return ERR_NONE;
        if (e == ERR_NONE)
            e = insert_once(w, ask ? w->drop : NULL, &unknown, diag);
        if (e == ERR_NONE)
            return ERR_NONE;
        if (hopeless(e) && !unknown)
            return e;
        metric_add(M_STORE_RETRIES, 1);
        if (unknown) {
            ask = true;
            w->plan.attempt++;
            e = plan_write(w, diag);
            if (e != ERR_NONE)
                return e;
        }
        if (!pause_ms(w, pause))
            return FAIL(diag, ERR_BUSY, 0, "asked to stop while the event store did not answer");
        pause = pause * 2 < PAUSE_MS_MOST ? pause * 2 : PAUSE_MS_MOST;
    }
}

CHECKED enum err store_writer_commit(struct store_writer *w, struct store_pos to, struct diag *diag)
{
    enum err e = ERR_NONE;
    bool ask = w->pending || w->doubt;
    /* Blocks of a replay may end before the plan that was found does: it then stays in force. */
    struct store_pos end = w->pending && store_pos_cmp(w->plan.to, to) > 0 ? w->plan.to : to;

    if (native_rows(w->block)) {
        w->plan.attempt = w->pending ? w->plan.attempt + 1 : 1;
        w->plan.from = w->from;
        w->plan.to = end;
        count_days(w);
        e = plan_write(w, diag);
        if (e == ERR_NONE)
            e = insert_all(w, ask, diag);
        if (e != ERR_NONE) {
            w->pending = true;
            return e;
        }
    }
    if (w->o.save)
        e = w->o.save(w->o.arg, to, diag);
    if (e != ERR_NONE) {
        w->pending = native_rows(w->block) > 0 || w->pending;
        return e;
    }
    if (store_pos_cmp(end, to) <= 0) {
        plan_remove(w->plans, w->name);
        w->pending = false;
    }
    w->from = to;
    native_reset(w->block);
    return ERR_NONE;
}
