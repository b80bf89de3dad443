#include "parse/parse.h"

#include <stdlib.h>

#include "core/ip.h"
#include "core/metrics.h"
#include "parse/pairs_int.h"
#include "parse/put_int.h"

#define PARSER(name) extern const struct parser name##_parser;
#include "parse/parsers.def"
#undef PARSER

static const struct parser *const by_name[] = {
#define PARSER(name) &name##_parser,
#include "parse/parsers.def"
#undef PARSER
};

enum { PARSERS_N = ARRAY_LEN(by_name) };

static const struct parser *by_rank[PARSERS_N];

static int rank_cmp(const void *a, const void *b)
{
    const struct parser *const *x = a, *const *y = b;

    return ((*x)->rank > (*y)->rank) - ((*x)->rank < (*y)->rank);
}

/* Runs before main, so that every thread sees the finished table without a lock. */
__attribute__((constructor)) static void rank_all(void)
{
    memcpy(by_rank, by_name, sizeof(by_rank));
    qsort(by_rank, PARSERS_N, sizeof(by_rank[0]), rank_cmp);
}

const struct parser *const *parser_all(size_t *ret_n)
{
    *ret_n = PARSERS_N;
    return by_name;
}

const struct parser *parser_find(struct slice name)
{
    for (size_t i = 0; i < PARSERS_N; i++)
        if (slice_eq(name, slice_of(by_name[i]->name)))
            return by_name[i];
    return NULL;
}

uint8_t parser_number(const struct parser *p)
{
    for (size_t i = 0; i < PARSERS_N; i++)
        if (by_name[i] == p)
            return (uint8_t)(i + 1);
    return 0;
}

void put_content(struct parse_ctx *ctx, struct event *ev, struct slice msg, bool json)
{
    struct diag d = {0};
    struct slice why = SLICE("");

    for (size_t i = 0; i < PARSERS_N; i++) {
        const struct parser *p = by_rank[i];
        if (p->content && (json || !p->json) && p->looks(ev, msg) &&
            p->parse(ctx, msg, ev, &d) == ERR_NONE)
            return;
    }
    if (d.text[0] && arena_dup(ev->arena, slice_of(d.text), &why) == ERR_NONE)
        put_text(ev, F_COLOA_REASON, why);
}

static bool has_peer(const struct record *r)
{
    static const uint8_t none[16];

    return memcmp(r->peer, none, sizeof(none)) != 0 && r->input != INPUT_FILE &&
           r->input != INPUT_JOURNALD;
}

/* What every event of the record has before its text is read. */
static void begin(struct parse_ctx *ctx, struct record *r, unsigned ordinal, struct event *ev)
{
    event_init(ev, ctx->arena);
    ev->record = r;
    ev->id = id_event(r->id, ordinal);
    ev->ingested_ns = ev->timestamp_ns = r->received_ns;
    ev->clock_suspect = true;
    ev->org = r->org;
    ev->source = r->source;
    if (r->input == INPUT_FILE)
        put_text(ev, F_LOG_FILE_PATH, r->name);
}

static void finish(struct parse_ctx *ctx, struct record *r, struct slice line, struct event *ev)
{
    char text[IP_TEXT_BYTES + 1];
    struct slice peer = SLICE("");

    if (has_peer(r)) {
        ip_text(r->peer, text);
        if (arena_dup(ev->arena, slice_of(text), &peer) != ERR_NONE)
            ev->overflow = true;
        else
            put_add_text(ev, "log.source.address", peer);
    }
    put_text(ev, F_COLOA_SOURCE,
             r->name.n ? r->name
             : peer.n  ? peer
                       : slice_of(input_name(r->input)));
    if (!ev->message.n)
        ev->message = line;
    put_default(ev, F_EVENT_KIND, SLICE("event"));
    put_default(ev, F_HOST_NAME,
                peer.n              ? peer
                : ctx->local_host.n ? ctx->local_host
                                    : SLICE("localhost"));
}

/* Trailing line ends and NULs and a byte-order mark belong to the framing, not to the text. */
static struct slice line_of(struct slice s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == 0))
        s.n--;
    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_cut(s, 3, s.n);
    return s.p ? s : SLICE("");
}

/* A source's format names what its lines are about: a content format behind a syslog header (EVE or
 * key=value over syslog, sshd in auth.log) is reached through the header. */
static bool fits(const struct record *r, const struct parser *p, struct slice line)
{
    const struct parser *hint = r->format && r->format <= PARSERS_N ? by_name[r->format - 1] : NULL;

    if (hint && hint->content && syslog_parser.looks(NULL, line))
        return p == &syslog_parser;
    if (hint)
        return p == hint;
    return p->looks(NULL, line) || (p == &syslog_parser && line.n &&
                                    (r->input == INPUT_SYSLOG_UDP || r->input == INPUT_SYSLOG_TCP));
}

static void failed(struct parse_ctx *ctx, const struct diag *d, struct event *ev)
{
    struct slice why = SLICE("");

    if (arena_dup(ctx->arena, slice_of(d->text), &why) != ERR_NONE)
        ev->overflow = true;
    put_text(ev, F_EVENT_KIND, SLICE("pipeline_error"));
    put_text(ev, F_COLOA_REASON, why.n ? why : SLICE("no format fits"));
    put_module(ev, SLICE("coloa"), SLICE("coloa.unparsed"));
    metric_add(M_PARSE_ERRORS, 1);
}

unsigned parse_record(struct parse_ctx *ctx, struct record *r, parse_emit_fn *emit, void *arg)
{
    struct slice line = line_of(r->payload);
    struct diag d = {0}, last = {0};
    struct event ev;
    bool done = false;

    begin(ctx, r, 1, &ev);
    for (size_t i = 0; i < PARSERS_N && !done; i++) {
        if (!fits(r, by_rank[i], line))
            continue;
        if (last.text[0])
            begin(ctx, r, 1, &ev);
        last = d = (struct diag){0};
        done = by_rank[i]->parse(ctx, line, &ev, &d) == ERR_NONE;
        if (!done)
            last = d;
    }
    if (!done)
        failed(ctx, &last, &ev);
    finish(ctx, r, line, &ev);
    emit(arg, &ev);
    return 1;
}

unsigned parse_pairs(struct parse_ctx *ctx, struct record *r, const struct pairs *p,
                     parse_emit_fn *emit, void *arg)
{
    struct event ev;

    begin(ctx, r, 1, &ev);
    pairs_fill(ctx, &ev, p);
    finish(ctx, r, line_of(r->payload), &ev);
    emit(arg, &ev);
    return 1;
}
