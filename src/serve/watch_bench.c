/* What one record costs the watch role, stage by stage, on one core: `ninja src/serve/watch_bench
 * && build/src/serve/watch_bench LINES RULES...`. LINES: a file of syslog lines, one a record;
 * RULES: files or folders. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "detect/detect.h"
#include "enrich/enrich.h"
#include "parse/parse.h"
#include "store/native.h"

enum { ROUNDS = 8, LINES_MAX = 1 << 20, BLOCK_BYTES = 96 << 20, ARENA_BYTES = 256 << 20 };
enum { FILE_BYTES_MAX = 1 << 30 };

enum stage { DECODE, PARSE, ENRICH, DETECT, STORE, STAGES };
static const char *const names[] = {"decode", "parse", "enrich", "detect", "block"};

struct bench {
    struct buf text, frames;
    size_t n, *ends; /* of the frames */
    struct arena arena;
    struct parse_ctx parse;
    struct inventory *inv;
    struct ruleset *rules;
    struct detect_scratch *scratch;
    struct native *block;
    enum stage last; /* stages behind it are left out */
    uint64_t events, fields, findings, refused;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_all(const char *path, struct buf *to)
{
    char *room;
    FILE *f = fopen(path, "rb");

    if (!f)
        return false;
    for (size_t n = 1; n > 0; to->n += n)
        n = buf_reserve(to, 1 << 16, &room) == ERR_NONE ? fread(room, 1, 1 << 16, f) : 0;
    return fclose(f) == 0 && to->n > 0;
}

static bool make_frames(struct bench *b)
{
    struct slice rest = buf_slice(&b->text);
    struct record r = {.received_ns = INT64_C(1795593600000000000),
                       .input = INPUT_SYSLOG_TCP,
                       .framing = FRAMING_LF,
                       .peer = {[10] = 0xff, 0xff, 10, 1, 2, 3}};

    b->ends = calloc(LINES_MAX, sizeof(*b->ends));
    while (b->ends && rest.n && b->n < LINES_MAX) {
        size_t n = slice_find(rest, '\n');
        r.payload = slice_cut(rest, 0, n);
        r.id.b[0] = (uint8_t)b->n;
        if (n && record_encode(&r, &b->frames) != ERR_NONE)
            return false;
        if (n)
            b->ends[b->n++] = b->frames.n;
        rest = slice_cut(rest, n < rest.n ? n + 1 : n, rest.n);
    }
    return b->n > 0;
}

static void found(void *arg, const struct finding *f)
{
    (void)f;
    ((struct bench *)arg)->findings++;
}

static void each_event(void *arg, struct event *ev)
{
    struct bench *b = arg;

    b->events++;
    b->fields += ev->n;
    if (b->last >= ENRICH)
        enrich_event(b->inv, NULL, ev);
    if (b->last == DETECT)
        (void)detect_event(b->rules, b->scratch, ev, found, b);
    if (b->last == STORE && native_add(b->block, ev, SLICE("default")) != ERR_NONE) {
        native_reset(b->block);
        b->refused += native_add(b->block, ev, SLICE("default")) != ERR_NONE;
    }
}

/* Nanoseconds a record for all stages up to `last`; detect and block each without the other. */
static double run(struct bench *b, enum stage last)
{
    double start = now_s();

    b->last = last;
    b->events = b->fields = b->findings = b->refused = 0;
    for (size_t k = 0; k < ROUNDS; k++)
        for (size_t i = 0, at = 0; i < b->n; at = b->ends[i++]) {
            struct record r;
            arena_reset(&b->arena);
            if (record_decode(slice_cut(buf_slice(&b->frames), at, b->ends[i]), &r, NULL) ==
                    ERR_NONE &&
                last >= PARSE)
                (void)parse_record(&b->parse, &r, each_event, b);
        }
    return (now_s() - start) * 1e9 / (double)(b->n * ROUNDS);
}

static bool set_up(struct bench *b, int argc, char **argv)
{
    struct diag d = {0};

    buf_init(&b->text, FILE_BYTES_MAX);
    buf_init(&b->frames, FILE_BYTES_MAX);
    arena_init(&b->arena, ARENA_BYTES);
    b->parse = (struct parse_ctx){
        .arena = &b->arena, .json = json_reader_new(4 << 20, 200000), .local_host = SLICE("here")};
    b->scratch = detect_scratch_new();
    b->block = native_new(BLOCK_BYTES);
    return argc > 2 && b->parse.json && b->scratch && b->block && read_all(argv[1], &b->text) &&
           make_frames(b) && inventory_read(SLICE(""), &b->inv, &d) == ERR_NONE &&
           ruleset_load((const char *const *)(argv + 2), (size_t)argc - 2, &b->rules, &d) ==
               ERR_NONE;
}

int main(int argc, char **argv)
{
    static struct bench b;
    double ns[STAGES];

    if (!set_up(&b, argc, argv)) {
        (void)fprintf(stderr, "usage: watch_bench LINES RULES...\n");
        return EXIT_FAILURE;
    }
    for (enum stage s = DECODE; s < STAGES; s++) {
        ns[s] = run(&b, s);
        (void)printf("%-8s %8.0f ns a record\n", names[s],
                     ns[s] - (s == DECODE ? 0 : ns[s < DETECT ? s - 1 : ENRICH]));
        if (s == DETECT)
            (void)printf("         %8.3f findings a record, %zu rules\n",
                         (double)b.findings / (double)b.events, ruleset_n(b.rules));
    }
    (void)printf("%zu records, %.1f fields a record, refused %llu\n", b.n,
                 (double)b.fields / (double)b.events, (unsigned long long)b.refused);
    (void)printf("detect worker %.0f, store worker %.0f records a second\n", 1e9 / ns[DETECT],
                 1e9 / ns[STORE]);
    return EXIT_SUCCESS;
}
