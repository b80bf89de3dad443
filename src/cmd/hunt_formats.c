#include "cmd/hunt_formats.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parse/evtx.h"
#include "parse/winxml.h"

#define BROKEN_LONG "a record of more than 16 MiB is cut"

static struct slice rest_of(struct slice s, size_t from)
{
    return slice_cut(s, from < s.n ? from : s.n, s.n);
}

static bool ends(const char *path, const char *with)
{
    size_t n = strlen(path), m = strlen(with);

    return n >= m && strcasecmp(path + n - m, with) == 0;
}

struct hunt_layout *hunt_layout_new(void)
{
    struct hunt_layout *l = calloc(1, sizeof(*l));

    if (l) {
        atomic_init(&l->refs, 1);
        zeek_header_init(&l->zeek);
    }
    return l;
}

struct hunt_layout *hunt_layout_ref(struct hunt_layout *l)
{
    if (l)
        atomic_fetch_add(&l->refs, 1);
    return l;
}

void hunt_layout_unref(struct hunt_layout *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    csv_header_done(&l->csv);
    zeek_header_done(&l->zeek);
    free(l);
}

static size_t whole_lines(struct slice have, bool last, bool full, struct slice *broken)
{
    const char *lf = have.n ? memrchr(have.p, '\n', have.n) : NULL;

    if (last)
        return have.n;
    if (lf)
        return (size_t)(lf - have.p) + 1;
    if (full)
        *broken = SLICE(BROKEN_LONG);
    return full ? have.n : 0;
}

/* The line at the front of *left, without its end; moves on. */
static struct slice next_line(struct slice *left)
{
    size_t n = slice_find(*left, '\n');
    struct slice line = slice_cut(*left, 0, n);

    *left = rest_of(*left, n + 1);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* --- lines --- */

static bool lines_tells(struct slice head, const char *path)
{
    (void)head;
    (void)path;
    return true;
}

static size_t lines_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                        bool full)
{
    (void)b;
    return whole_lines(have, last, full, &c->broken);
}

static void lines_work(struct hunt_worker *w, struct hunt_batch *b)
{
    struct slice left = {b->p, b->n};

    for (uint64_t line = b->line; left.n; line++) {
        struct slice s = next_line(&left);
        if (s.n)
            hunt_feed(w, s, line, 0);
    }
}

/* --- json: anything but one object a line --- */

/* Whether the line is exactly one object. */
static bool one_object(struct slice line)
{
    struct json_split split;
    struct json_span span;

    line = slice_trim(line);
    json_split_init(&split);
    return json_split_run(&split, line, &span, 1) == 1 && span.at == 0 && span.n == line.n;
}

/* The first line may be damaged: when the next ones are objects, the file is one of lines. */
static bool lines_of_objects(struct slice s)
{
    unsigned whole = 0;

    (void)next_line(&s);
    for (unsigned i = 0; i < 2 && slice_find(s, '\n') < s.n; i++)
        whole += one_object(next_line(&s));
    return whole == 2;
}

/* Lines are the fast way; only what is not lines of objects is split by braces. */
static bool json_tells(struct slice head, const char *path)
{
    struct json_split split;
    struct json_span span;
    struct slice s = slice_trim(head);

    (void)path;
    if (s.n == 0 || (s.p[0] != '{' && s.p[0] != '['))
        return false;
    json_split_init(&split);
    size_t n = json_split_run(&split, s, &span, 1);
    if (split.levels > 0) /* an array, or an object that wraps one */
        return s.p[0] == '{' || n > 0 || split.open;
    if (s.p[0] != '{')
        return n > 0;
    size_t line = slice_find(s, '\n');
    bool one = n > 0 && line >= span.n && slice_trim(slice_cut(s, span.n, line)).n == 0;
    if (one || (n == 0 && line == s.n)) /* an object; or a line longer than the head */
        return false;
    return !lines_of_objects(s);
}

/* An object that does not end: first what is whole before it goes, then it is at the front. */
static size_t json_give_up(struct hunt_cut *c, struct slice have, bool last)
{
    size_t done = json_split_done(&c->split);

    if (done > 0)
        return done;
    c->broken = last ? SLICE("a JSON object does not end") : SLICE(BROKEN_LONG);
    c->broken_line = c->split.start_line;
    json_split_resync(&c->split, have);
    return json_split_done(&c->split);
}

static size_t json_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                       bool full)
{
    bool clean = c->split.stray == 0;

    if (!b->spans)
        b->spans = malloc(HUNT_SPANS_MAX * sizeof(*b->spans));
    if (!b->spans)
        return have.n;
    b->spans_n = json_split_run(&c->split, have, b->spans, HUNT_SPANS_MAX);
    size_t done = json_split_done(&c->split);
    if (clean && c->split.stray) {
        c->broken = SLICE("bytes that are no JSON object");
        c->broken_line = c->split.stray_line;
    }
    bool stuck = c->split.at == have.n && c->split.open && !c->split.wrapper &&
                 (last || (full && done == 0));
    if (stuck)
        done = json_give_up(c, have, last);
    json_split_dropped(&c->split, done);
    return done;
}

static void json_work(struct hunt_worker *w, struct hunt_batch *b)
{
    for (size_t i = 0; i < b->spans_n; i++)
        hunt_feed(w, (struct slice){b->p + b->spans[i].at, b->spans[i].n}, b->spans[i].line,
                  b->spans[i].ordinal);
}

/* --- csv --- */

static bool csv_tells(struct slice head, const char *path)
{
    return csv_guess(head, ends(path, ".csv") || ends(path, ".tsv") || ends(path, ".csv.gz"));
}

static size_t csv_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                      bool full)
{
    size_t at = 0, used = have.n;
    bool broken = false;
    struct diag d = {0};

    (void)b;
    if (!c->layout) {
        c->layout = hunt_layout_new();
        c->drop = true;
        if (!c->layout || csv_header_read(&c->layout->csv, have, &used, &d) != ERR_NONE)
            c->broken = SLICE("csv: no header row");
        return used;
    }
    if (!memchr(have.p, '"', have.n))
        return whole_lines(have, last, full, &c->broken);
    while (at < have.n) {
        used = csv_row(rest_of(have, at), c->layout->csv.separator, last, &broken);
        if (used == 0)
            break;
        at += used;
        if (broken) /* the batch ends here, so that the worker sees the same */
            return at;
    }
    return at;
}

static uint64_t line_feeds(struct slice s)
{
    uint64_t n = 0;

    for (size_t at = slice_find(s, '\n'); at < s.n;) {
        n++;
        s = rest_of(s, at + 1);
        at = slice_find(s, '\n');
    }
    return n;
}

static void csv_work(struct hunt_worker *w, struct hunt_batch *b)
{
    struct slice left = {b->p, b->n};
    uint64_t line = b->line;

    while (left.n) {
        bool broken;
        size_t n = csv_row(left, b->layout->csv.separator, true, &broken);
        struct slice row = slice_cut(left, 0, n);
        if (broken)
            hunt_bad(w, line, "csv: a quote is not closed");
        if (slice_trim(row).n) {
            struct pairs *p = hunt_pairs(w);
            p->module = "csv";
            p->content = true;
            if (csv_pairs(&b->layout->csv, row, hunt_arena(w), p) == ERR_NONE)
                hunt_feed_pairs(w, row, line);
            else
                hunt_bad(w, line, "csv: a row is too large");
        }
        line += line_feeds(row);
        left = rest_of(left, n);
    }
}

/* --- zeek --- */

static bool zeek_tells(struct slice head, const char *path)
{
    (void)path;
    return zeek_tsv_looks(head);
}

/* Header lines are the reader's: they are skipped, and a new layout goes with what follows. */
static size_t zeek_headers(struct hunt_cut *c, struct slice have, bool last)
{
    struct hunt_layout *next = NULL;
    size_t at = 0;

    while (at < have.n && have.p[at] == '#') {
        struct slice left = rest_of(have, at);
        size_t n = slice_find(left, '\n');
        struct diag d;
        if (n == left.n && !last)
            break;
        if (!next && !slice_starts(left, SLICE("#close")))
            next = hunt_layout_new();
        if (next && zeek_header_line(&next->zeek, slice_cut(left, 0, n), &d) != ERR_NONE)
            c->broken = SLICE("zeek: a header line that is none");
        at += n < left.n ? n + 1 : n;
    }
    if (next) {
        hunt_layout_unref(c->layout);
        c->layout = next;
    }
    c->drop = true;
    return at;
}

static size_t zeek_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                       bool full)
{
    (void)b;
    if (have.n && have.p[0] == '#')
        return zeek_headers(c, have, last);
    const char *header = memmem(have.p, have.n, "\n#", 2);
    if (header)
        return (size_t)(header - have.p) + 1;
    if (have.n && !last && have.p[have.n - 1] == '\n' && have.n > 1)
        return have.n; /* a '#' may follow: it is then at the front of the next */
    return whole_lines(have, last, full, &c->broken);
}

static void zeek_work(struct hunt_worker *w, struct hunt_batch *b)
{
    struct slice left = {b->p, b->n};

    for (uint64_t line = b->line; left.n; line++) {
        struct slice s = next_line(&left);
        struct diag d = {.text = "zeek: no header"};
        struct pairs *p = hunt_pairs(w);
        if (s.n == 0)
            continue;
        if (b->layout && zeek_pairs(&b->layout->zeek, s, hunt_arena(w), p, &d) == ERR_NONE)
            hunt_feed_pairs(w, s, line);
        else
            hunt_bad(w, line, d.text);
    }
}

/* --- xml --- */

static bool xml_tells(struct slice head, const char *path)
{
    (void)path;
    return winxml_looks(head);
}

static size_t xml_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                      bool full)
{
    size_t n = winxml_cut(have);

    (void)b;
    if (last)
        return have.n;
    if (n == 0 && full) {
        c->broken = SLICE("xml: no event ends within 16 MiB");
        c->drop = true;
        return have.n;
    }
    return n;
}

static void xml_work(struct hunt_worker *w, struct hunt_batch *b)
{
    struct slice all = {b->p, b->n}, event = {0};
    uint64_t line = b->line;
    size_t at = 0;
    bool broken = false;

    while (winxml_next(all, at, &event, &broken)) {
        size_t from = (size_t)(event.p - all.p);
        struct diag d = {.text = "xml: another event begins inside of this one"};
        line += line_feeds(slice_cut(all, at, from));
        struct pairs *p = hunt_pairs(w);
        if (!broken && winxml_pairs(event, hunt_arena(w), p, &d) == ERR_NONE) {
            p->module = "windows";
            hunt_feed_pairs(w, event, line);
        } else {
            hunt_bad(w, line, d.text);
        }
        line += line_feeds(event);
        at = from + event.n;
    }
    struct slice left = slice_trim(rest_of(all, at));
    if (memmem(left.p, left.n, "<Event>", 7) || memmem(left.p, left.n, "<Event ", 7))
        hunt_bad(w, line, "xml: an event does not end");
}

/* --- evtx: chunks of 64 KiB, each of which stands alone --- */

static bool evtx_tells(struct slice head, const char *path)
{
    (void)path;
    return evtx_looks(head);
}

static size_t evtx_cut(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                       bool full)
{
    struct evtx_file file;
    struct diag d = {0};

    (void)full;
    if (b->offset == 0) {
        c->drop = true;
        if (have.n < EVTX_HEADER_BYTES && !last)
            return 0;
        if (evtx_file_open(have, &file, &d) != ERR_NONE)
            hunt_note(b, "%s", d.text);
        return have.n < EVTX_HEADER_BYTES ? have.n : EVTX_HEADER_BYTES;
    }
    if (last)
        return have.n;
    return have.n - have.n % EVTX_CHUNK_BYTES;
}

static void evtx_work(struct hunt_worker *w, struct hunt_batch *b)
{
    for (size_t at = 0; at < b->n; at += EVTX_CHUNK_BYTES) {
        size_t n = b->n - at < EVTX_CHUNK_BYTES ? b->n - at : EVTX_CHUNK_BYTES;
        hunt_feed_chunk(w, (struct slice){b->p + at, n}, b->offset + at);
    }
}

static const struct hunt_format formats[] = {
#define FORMAT(name, summary) {#name, summary, name##_tells, name##_cut, name##_work},
#include "cmd/hunt_formats.def"
#undef FORMAT
};

const struct hunt_format *hunt_format_of(struct slice head, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].looks(head, path))
            return &formats[i];
    return NULL;
}
