#include <stdlib.h>

#include "core/clock.h"
#include "parse/evtx_int.h"
#include "parse/put_int.h"

enum {
    CHUNK_HEADER_BYTES = 512,
    CHUNK_FREE_AT = 0x30,
    CHUNK_CHECKSUM_AT = 0x34,
    CHUNK_HEADER_CHECKSUM_AT = 0x7c,
    CHUNK_TABLES_AT = 0x80,
    RECORD_HEADER_BYTES = 24,
    RECORD_LEAST_BYTES = 28, /* with the size at its end */
    NAMES_BYTES = 2 << 20,
    PROGRAMS_BYTES = 16 << 20,
};

static const char chunk_magic[8] = "ElfChnk";
static const char record_magic[4] = {0x2a, 0x2a, 0, 0};

struct record_head {
    size_t size;
    uint64_t id, filetime;
};

struct evtx_reader *evtx_reader_new(void)
{
    struct evtx_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    arena_init(&r->names, NAMES_BYTES);
    arena_init(&r->programs, PROGRAMS_BYTES);
    r->chunk = SLICE("");
    return r;
}

void evtx_reader_free(struct evtx_reader *r)
{
    if (!r)
        return;
    arena_done(&r->names);
    arena_done(&r->programs);
    free(r);
}

void evtx_reader_recover(struct evtx_reader *r, bool on)
{
    r->recover = on;
}

struct evtx_stats evtx_reader_stats(const struct evtx_reader *r)
{
    return r->stats;
}

static bool zeroes(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            return false;
    return true;
}

/* Over the header, and over the records up to the free space. */
static bool checksums_hold(struct slice c, size_t end)
{
    struct bytes b = bytes_of(c);

    b.at = CHUNK_CHECKSUM_AT;
    uint32_t records = bytes_u32(&b);
    b.at = CHUNK_HEADER_CHECKSUM_AT;
    uint32_t header = bytes_u32(&b);
    uint32_t sum = evtx_file_checksum(0, slice_cut(c, 0, CHUNK_HEADER_CHECKSUM_AT - 4));
    sum = evtx_file_checksum(sum, slice_cut(c, CHUNK_TABLES_AT, CHUNK_HEADER_BYTES));
    return header == sum && records == evtx_file_checksum(0, slice_cut(c, CHUNK_HEADER_BYTES, end));
}

static void begin_stated(struct evtx_reader *r)
{
    struct bytes b = bytes_of(r->chunk);

    b.at = CHUNK_FREE_AT;
    size_t end = bytes_u32(&b);
    if (end < CHUNK_HEADER_BYTES || end > r->chunk.n)
        end = r->chunk.n;
    r->at = CHUNK_HEADER_BYTES;
    r->end = end;
    r->stats.chunks++;
    if (!checksums_hold(r->chunk, end))
        r->stats.chunks_checksum++;
}

void evtx_reader_chunk(struct evtx_reader *r, struct slice chunk)
{
    if (chunk.n > EVTX_CHUNK_BYTES)
        chunk.n = EVTX_CHUNK_BYTES;
    r->chunk = chunk.p ? chunk : SLICE("");
    r->compiled = r->out_chunk = r->work = 0;
    r->first_id = r->last_id = 0;
    r->slack = true;
    r->torn = false;
    r->at = r->end = 0;
    arena_reset(&r->programs);
    memset(r->program_table, 0, sizeof(r->program_table));
    if (r->crowded || r->names_bytes > NAMES_BYTES / 2)
        evtx_name_clear(r);
    if (chunk.p && chunk.n >= CHUNK_HEADER_BYTES &&
        memcmp(chunk.p, chunk_magic, sizeof(chunk_magic)) == 0) {
        r->slack = false;
        begin_stated(r);
    } else if (zeroes(r->chunk)) {
        r->stats.chunks_empty += chunk.n > 0;
        r->at = r->chunk.n;
    } else {
        r->stats.chunks_magic++;
    }
}

/* Whether a record stands at `at`; `whole`: with its size at its end too. */
static bool record_at(const struct evtx_reader *r, size_t at, bool whole, struct record_head *ret)
{
    struct bytes b = bytes_of(r->chunk);

    if (r->chunk.n < RECORD_LEAST_BYTES || at > r->chunk.n - RECORD_LEAST_BYTES ||
        memcmp(r->chunk.p + at, record_magic, sizeof(record_magic)) != 0)
        return false;
    b.at = at + sizeof(record_magic);
    size_t size = bytes_u32(&b);
    uint64_t id = bytes_u64(&b), filetime = bytes_u64(&b);
    if (size < RECORD_LEAST_BYTES || size > r->chunk.n - at)
        return false;
    b.at = at + size - 4;
    if (whole && bytes_u32(&b) != size)
        return false;
    *ret = (struct record_head){size, id, filetime};
    return true;
}

/* The next place from `at` on where a whole record stands, or the chunk's end. */
static size_t search(const struct evtx_reader *r, size_t at, struct record_head *ret)
{
    while (at < r->chunk.n) {
        const char *hit = memchr(r->chunk.p + at, record_magic[0], r->chunk.n - at);
        if (!hit)
            break;
        at = (size_t)(hit - r->chunk.p);
        if (record_at(r, at, true, ret))
            return at;
        at++;
    }
    return r->chunk.n;
}

static void begin(struct evtx_reader *r, const struct parse_ctx *ctx, const struct record *from,
                  struct event *ev)
{
    event_init(ev, ctx->arena);
    ev->id = from->id;
    ev->ingested_ns = ev->timestamp_ns = from->received_ns;
    ev->clock_suspect = true;
    ev->org = from->org;
    ev->source = from->source;
    ev->message = SLICE("");
    r->ev = ev;
    r->epoch++;
    r->pool = NULL;
    r->pool_left = r->out_record = r->values_n = 0;
    r->nested = 0;
    r->win = (struct winlog){SLICE(""), SLICE(""), SLICE(""), SLICE(""), -1};
    r->hashes = SLICE("");
    r->has_time = false;
    r->broken = NULL;
}

static void finish(struct evtx_reader *r, const struct record *from, const struct record_head *h)
{
    struct event *ev = r->ev;
    uint32_t n = ev->n;
    enum winlog_kind kind = winlog_kind(&r->win);

    if (!r->has_time)
        r->has_time = evtx_value_filetime(h->filetime, &r->time_ns);
    if (r->has_time) {
        ev->timestamp_ns = r->time_ns;
        ev->clock_suspect = false;
    }
    winlog_begin(ev, &r->win, kind);
    for (uint32_t i = 0; i < n; i++)
        if (r->field_names[i]->row)
            winlog_put(ev, r->field_names[i]->row, kind, &ev->fields[i].v);
    winlog_end(ev, r->hashes);
    put_text(ev, F_COLOA_SOURCE, from->name);
    if (r->broken)
        put_text(ev, F_COLOA_REASON, slice_of(r->broken));
    if (r->slack || r->torn)
        put_add(ev, SLICE("winlog.recovered"),
                (struct value){.type = VT_BOOL, .text = SLICE("true"), .i = 1});
}

/* An event when what a log is about could be read: without channel and number it says nothing. */
static bool read_record(struct evtx_reader *r, const struct parse_ctx *ctx,
                        const struct record *from, size_t at, const struct record_head *h,
                        struct event *ev)
{
    struct evtx_place top = {EVTX_IN_ROOT, SLICE("")};

    begin(r, ctx, from, ev);
    evtx_walk(r, at + RECORD_HEADER_BYTES, at + h->size - 4, top);
    if (r->win.id < 0 && !r->win.channel.n)
        return false;
    if (r->slack && (r->broken || r->win.id < 0 || !r->win.channel.n))
        return false;
    finish(r, from, h);
    return true;
}

static bool was_read(const struct evtx_reader *r, uint64_t id)
{
    return r->last_id && id >= r->first_id && id <= r->last_id;
}

static enum evtx_got next_slack(struct evtx_reader *r, const struct parse_ctx *ctx,
                                const struct record *from, struct event *ev)
{
    struct record_head h;

    while (r->recover && r->at < r->chunk.n && r->work <= EVTX_WORK_MAX) {
        size_t at = search(r, r->at, &h);
        if (at >= r->chunk.n)
            break;
        r->at = at + 1;
        if (was_read(r, h.id) || !read_record(r, ctx, from, at, &h, ev))
            continue;
        r->at = at + h.size;
        r->stats.recovered++;
        return EVTX_EVENT;
    }
    r->at = r->chunk.n;
    return EVTX_END;
}

static enum evtx_got bad(struct evtx_reader *r, size_t at, const char *why, struct diag *diag)
{
    r->stats.bad++;
    diag_set(diag, ERR_SYNTAX, at, "%s", why);
    return EVTX_BAD;
}

CHECKED enum evtx_got evtx_reader_next(struct evtx_reader *r, struct parse_ctx *ctx,
                                       const struct record *from, struct event *ret_ev,
                                       struct diag *diag)
{
    struct record_head h;
    size_t at = r->at;

    if (r->slack)
        return next_slack(r, ctx, from, ret_ev);
    bool whole = record_at(r, at, true, &h);
    /* A log that was in use has more records than its header says. */
    if (at >= r->end && !(whole && h.id == r->last_id + 1)) {
        r->slack = true;
        return next_slack(r, ctx, from, ret_ev);
    }
    if (!whole && !record_at(r, at, false, &h)) {
        r->torn = true;
        r->at = search(r, at + 1, &h);
        return bad(r, at, "evtx: no record where one should be", diag);
    }
    r->at = at + h.size;
    if (!whole) {
        struct record_head next;
        r->torn = true;
        if (!record_at(r, r->at, true, &next))
            r->at = search(r, at + 1, &next);
    }
    if (!r->last_id)
        r->first_id = h.id;
    if (!r->torn)
        r->last_id = h.id;
    if (!read_record(r, ctx, from, at, &h, ret_ev))
        return bad(r, at, r->broken ? r->broken : "evtx: a record without a number", diag);
    if (r->torn)
        r->stats.recovered++;
    else
        r->stats.records++;
    return EVTX_EVENT;
}
