/* A worker: batches of records to findings. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/hunt_formats.h"
#include "parse/evtx.h"

enum {
    JSON_BYTES_MAX = HUNT_RECORD_BYTES_MAX + 4096,
    JSON_NODES_MAX = 2000000,
    ARENA_BYTES_MAX = 192 << 20,
};

struct hunt_worker {
    struct hunt *h;
    struct hunt_batch *b; /* at hand */
    struct arena arena;   /* of the record */
    struct parse_ctx parse;
    struct detect_scratch *scratch; /* owned */
    struct evtx_reader *evtx;       /* owned; NULL until needed */
    struct hunt_place at;
    uint64_t ordinal;
    void (*each)(void *arg, struct event *ev); /* --explain */
    void *each_arg;
    struct pairs pairs;
};

void hunt_worker_free(struct hunt_worker *w)
{
    if (!w)
        return;
    json_reader_free(w->parse.json);
    evtx_reader_free(w->evtx);
    detect_scratch_free(w->scratch);
    arena_done(&w->arena);
    free(w);
}

struct hunt_worker *hunt_worker_new(struct hunt *h)
{
    struct hunt_worker *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->h = h;
    arena_init(&w->arena, ARENA_BYTES_MAX);
    w->scratch = detect_scratch_new();
    w->parse = (struct parse_ctx){
        .arena = &w->arena,
        .json = json_reader_new(JSON_BYTES_MAX, JSON_NODES_MAX),
        .zone_s = h->o.zone_s,
        .future_limit_ns = INT64_MAX,
        .past_limit_ns = INT64_MAX,
        .local_host = SLICE("-"), /* nobody: the lines are from elsewhere */
    };
    if (w->scratch && w->parse.json)
        return w;
    hunt_worker_free(w);
    return NULL;
}

struct detect_scratch *hunt_worker_scratch(struct hunt_worker *w)
{
    return w->scratch;
}

void hunt_worker_watch(struct hunt_worker *w, void (*each)(void *arg, struct event *ev), void *arg)
{
    w->each = each;
    w->each_arg = arg;
}

struct arena *hunt_arena(struct hunt_worker *w)
{
    return &w->arena;
}

struct pairs *hunt_pairs(struct hunt_worker *w)
{
    arena_reset(&w->arena);
    w->pairs.n = 0;
    w->pairs.over = w->pairs.content = false;
    w->pairs.module = w->pairs.dataset = NULL;
    return &w->pairs;
}

struct id128 hunt_id(struct hunt_place at, uint64_t ordinal)
{
    struct id128 id;

    for (unsigned i = 0; i < 4; i++)
        id.b[i] = (uint8_t)(at.file >> (24 - 8 * i));
    for (unsigned i = 0; i < 5; i++)
        id.b[4 + i] = (uint8_t)(at.record >> (32 - 8 * i));
    for (unsigned i = 0; i < 5; i++)
        id.b[9 + i] = (uint8_t)(ordinal >> (32 - 8 * i));
    id.b[14] = id.b[15] = 0;
    return id;
}

struct hunt_place hunt_id_place(struct id128 id)
{
    struct hunt_place at = {0};

    for (unsigned i = 0; i < 4; i++)
        at.file = at.file << 8 | id.b[i];
    for (unsigned i = 0; i < 5; i++)
        at.record = at.record << 8 | id.b[4 + i];
    return at;
}

static struct slice keep(struct hunt_batch *b, struct slice s)
{
    struct slice own = SLICE("");

    if (arena_dup(&b->arena, s, &own) != ERR_NONE)
        b->lost++;
    return own;
}

static bool wanted(const struct hunt *h, const struct rule_info *r)
{
    if (r->level < h->o.least)
        return false;
    for (size_t i = 0; i < h->o.rule_ids.n; i++)
        if (strcmp(h->o.rule_ids.at[i], r->id) == 0)
            return true;
    return h->o.rule_ids.n == 0;
}

static void note_finding(struct hunt_worker *w, const struct finding *f)
{
    struct hunt_batch *b = w->b;
    struct hunt_found *to = arena_calloc(&b->arena, 1, sizeof(*to));
    struct match_field *m = arena_calloc(&b->arena, f->matched_n + 1, sizeof(*m));

    if (!to || !m) {
        b->lost++;
        return;
    }
    for (size_t i = 0; i < f->matched_n; i++)
        m[i] = (struct match_field){keep(b, f->matched[i].name), keep(b, f->matched[i].value)};
    to->rule = f->rule;
    to->at = w->at;
    to->ordinal = w->ordinal;
    to->has_time = !f->event->clock_suspect;
    to->time_ns = f->event->timestamp_ns;
    to->host = keep(b, pairs_host(f->event));
    to->matched_n = f->matched_n;
    to->matched = m;
    *b->tail = to;
    b->tail = &to->next;
}

static void on_finding(void *arg, const struct finding *f)
{
    struct hunt_worker *w = arg;

    if (w->h->corr && correlate_gather(w->h->rules, w->scratch, f, &w->b->gathered) != ERR_NONE)
        w->b->lost++;
    if (!f->silent && wanted(w->h, f->rule))
        note_finding(w, f);
}

static bool in_range(struct hunt_worker *w, const struct event *ev)
{
    const struct hunt_options *o = &w->h->o;

    if (o->from_ns == INT64_MIN && o->to_ns == INT64_MAX)
        return true;
    if (ev->clock_suspect) {
        w->b->untimed++;
        return false;
    }
    return ev->timestamp_ns >= o->from_ns && ev->timestamp_ns <= o->to_ns;
}

/* Zeek's JSON does not always say which log it is: the file's name does. */
static void name_dataset(struct hunt_worker *w, struct event *ev)
{
    const struct value *v = event_get(ev, F_EVENT_MODULE);

    if (!w->b->file->dataset || !v || !slice_eq(v->text, SLICE("json")))
        return;
    if (!event_get_name(ev, SLICE("ts")) && !event_get_name(ev, SLICE("uid")))
        return;
    if (event_set(ev, F_EVENT_MODULE, SLICE("zeek")) != ERR_NONE ||
        event_set(ev, F_EVENT_DATASET, slice_of(w->b->file->dataset)) != ERR_NONE)
        ev->overflow = true;
}

/* Text of a format that nobody knows is no damage: it is searched as it is. */
static void unreadable(struct hunt_worker *w, const struct value *why)
{
    if (!why || slice_eq(why->text, SLICE("no format fits")))
        return;
    if (w->b->bad++ < 3)
        hunt_note(w->b, "line %llu: %.*s", (unsigned long long)w->at.record, SLICE_ARG(why->text));
}

static void on_event(void *arg, struct event *ev)
{
    struct hunt_worker *w = arg;
    const struct value *kind = event_get(ev, F_EVENT_KIND);

    w->b->events++;
    if (kind && slice_eq(kind->text, SLICE("pipeline_error")))
        unreadable(w, event_get(ev, F_COLOA_REASON));
    if (ev->clock_suspect)
        pairs_claim_time(&w->parse, ev);
    if (w->b->file->dataset)
        name_dataset(w, ev);
    if (!in_range(w, ev))
        return;
    if (w->each)
        w->each(w->each_arg, ev);
    else
        (void)detect_event(w->h->rules, w->scratch, ev, on_finding, w);
}

static struct record record_of(struct hunt_worker *w, struct slice payload, uint64_t line,
                               uint64_t ordinal)
{
    w->at = (struct hunt_place){w->b->file->index, line};
    w->ordinal = ordinal;
    return (struct record){
        .id = hunt_id(w->at, ordinal),
        .received_ns = w->h->now_ns,
        .org = ORG_UNASSIGNED,
        .input = INPUT_FILE,
        .framing = FRAMING_LF,
        .name = slice_of(w->b->file->name),
        .payload = payload,
    };
}

void hunt_feed(struct hunt_worker *w, struct slice payload, uint64_t line, uint64_t ordinal)
{
    struct record r = record_of(w, payload, line, ordinal);

    arena_reset(&w->arena);
    (void)parse_record(&w->parse, &r, on_event, w);
}

void hunt_feed_pairs(struct hunt_worker *w, struct slice payload, uint64_t line)
{
    struct record r = record_of(w, payload, line, 0);

    (void)parse_pairs(&w->parse, &r, &w->pairs, on_event, w);
}

static uint64_t record_number(const struct event *ev)
{
    const struct value *v = event_get_name(ev, SLICE("EventRecordID"));
    uint64_t n = 0;

    if (!v)
        return 0;
    return slice_to_u64(v->text, &n) ? n : v->type == VT_INT ? (uint64_t)v->i : 0;
}

void hunt_feed_chunk(struct hunt_worker *w, struct slice chunk, uint64_t offset)
{
    struct record from = record_of(w, SLICE(""), 0, offset);
    struct event ev;
    struct diag d = {0};
    enum evtx_got got;

    if (!w->evtx && !(w->evtx = evtx_reader_new())) {
        w->b->lost++;
        return;
    }
    evtx_reader_recover(w->evtx, w->h->o.recover);
    struct evtx_stats before = evtx_reader_stats(w->evtx);
    evtx_reader_chunk(w->evtx, chunk);
    while (arena_reset(&w->arena),
           (got = evtx_reader_next(w->evtx, &w->parse, &from, &ev, &d)) != EVTX_END) {
        if (got == EVTX_BAD) {
            if (w->b->bad++ < 3)
                hunt_note(w->b, "chunk at byte %llu: %s", (unsigned long long)offset, d.text);
            continue;
        }
        w->at.record = record_number(&ev);
        w->ordinal = 0;
        ev.id = id_event(hunt_id(w->at, offset), 1);
        on_event(w, &ev);
    }
    struct evtx_stats after = evtx_reader_stats(w->evtx);
    if (after.chunks_magic > before.chunks_magic) {
        w->b->bad++;
        hunt_note(w->b, "at byte %llu: no chunk begins here", (unsigned long long)offset);
    }
    if (after.chunks_checksum > before.chunks_checksum)
        hunt_note(w->b, "chunk at byte %llu: the checksum is wrong, read all the same",
                  (unsigned long long)offset);
}

void hunt_bad(struct hunt_worker *w, uint64_t line, const char *why)
{
    if (w->b->bad++ < 3)
        hunt_note(w->b, "line %llu: %s", (unsigned long long)line, why);
}

void hunt_note(struct hunt_batch *b, const char *fmt, ...)
{
    size_t before = b->notes.n;
    va_list ap;

    va_start(ap, fmt);
    if (buf_vprintf(&b->notes, fmt, ap) != ERR_NONE || buf_putc(&b->notes, '\n') != ERR_NONE)
        b->notes.n = before;
    va_end(ap);
}

void hunt_worker_batch(struct hunt_worker *w, struct hunt_batch *b)
{
    w->b = b;
    if (b->format && b->n > 0 && !atomic_load(&w->h->stop))
        b->format->work(w, b);
}

void *hunt_work_main(void *arg)
{
    struct hunt_worker *w = arg;
    struct hunt *h = w->h;

    for (;;) {
        struct hunt_batch *b = queue_take(&h->work, 60000);
        if (!b) {
            (void)pthread_mutex_lock(&h->lock);
            bool over = h->read_all;
            (void)pthread_mutex_unlock(&h->lock);
            if (over && queue_len(&h->work) == 0)
                return NULL;
            continue;
        }
        hunt_worker_batch(w, b);
        (void)pthread_mutex_lock(&h->lock);
        b->done = true;
        (void)pthread_cond_signal(&h->changed);
        (void)pthread_mutex_unlock(&h->lock);
    }
}
