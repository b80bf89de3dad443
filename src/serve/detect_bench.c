/* What JSON records cost on one core on the way to their matches: `ninja src/serve/detect_bench
 * && build/src/serve/detect_bench [-f | -c | -s ID] LINES RULES...`. LINES: one JSON object a line;
 * RULES: files or folders. -f: by full scan, without the index. -c: both ways, and the matches must
 * be the same. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "core/buf.h"
#include "detect/detect.h"
#include "parse/parse.h"

enum { ROUNDS = 5, ARENA_BYTES = 256 << 20 };
enum { FILE_BYTES_MAX = INT32_MAX };

struct bench {
    struct buf text;
    struct arena arena;
    struct parse_ctx parse;
    struct ruleset *rules;
    struct detect_scratch *scratch;
    bool match;
    uint64_t n, fields, findings, sum;
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
        n = buf_reserve(to, 1 << 20, &room) == ERR_NONE ? fread(room, 1, 1 << 20, f) : 0;
    return fclose(f) == 0 && to->n > 0;
}

static void found(void *arg, const struct finding *f)
{
    struct bench *b = arg;

    b->findings++;
    for (const char *c = f->rule->id; *c; c++)
        b->sum = (b->sum ^ (uint8_t)*c ^ b->n << 8) * UINT64_C(0x100000001b3);
}

static void each_event(void *arg, struct event *ev)
{
    struct bench *b = arg;

    b->n++;
    b->fields += ev->n;
    if (b->match)
        (void)detect_event(b->rules, b->scratch, ev, found, b);
}

/* Nanoseconds a record. */
static double run(struct bench *b, bool match, unsigned rounds)
{
    double start = now_s();

    b->match = match;
    b->n = b->fields = b->findings = b->sum = 0;
    for (unsigned k = 0; k < rounds; k++)
        for (struct slice rest = buf_slice(&b->text); rest.n;) {
            size_t n = slice_find(rest, '\n');
            struct record r = {.received_ns = INT64_C(1795593600000000000),
                               .input = INPUT_HTTP,
                               .payload = slice_cut(rest, 0, n)};
            arena_reset(&b->arena);
            if (n)
                (void)parse_record(&b->parse, &r, each_event, b);
            rest = slice_cut(rest, n < rest.n ? n + 1 : n, rest.n);
        }
    return (now_s() - start) * 1e9 / (double)(b->n ? b->n : 1);
}

static double rss_mib(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static void costs(struct bench *b)
{
    uint64_t evaluated = 0, ns = 0;

    detect_profile_start(b->scratch);
    (void)run(b, true, 1);
    for (size_t i = 0; i < ruleset_n(b->rules); i++) {
        struct rule_cost c = detect_profile_of(b->scratch, b->rules, i);
        evaluated += c.evaluated;
        ns += c.ns;
    }
    (void)printf("candidates %.2f an event, %.0f ns (the clock counted in)\n",
                 (double)evaluated / (double)b->n, (double)ns / (double)b->n);
    detect_profile_stop(b->scratch);
}

static int check(struct bench *b)
{
    (void)run(b, true, 1);
    uint64_t findings = b->findings, sum = b->sum;
    ruleset_full_scan(b->rules, true);
    (void)run(b, true, 1);
    bool same = findings == b->findings && sum == b->sum;
    (void)printf("%llu events, %llu findings by index, %llu by full scan: %s\n",
                 (unsigned long long)b->n, (unsigned long long)findings,
                 (unsigned long long)b->findings, same ? "the same" : "DIFFERENT");
    return same ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void measure(struct bench *b, double load_s, double load_mib)
{
    (void)run(b, true, 1);
    double parse = run(b, false, ROUNDS), all = run(b, true, ROUNDS);

    (void)printf("rules %zu, loaded in %.2f s, %.0f MiB\n", ruleset_n(b->rules), load_s, load_mib);
    (void)printf("events %llu, %.0f bytes, %.1f fields, %.4f findings each\n",
                 (unsigned long long)b->n / ROUNDS, (double)b->text.n * ROUNDS / (double)b->n,
                 (double)b->fields / (double)b->n, (double)b->findings / (double)b->n);
    (void)printf("JSON to event %.0f ns, matching %.0f ns, together %.0f ns: %.0f events/s\n",
                 parse, all - parse, all, 1e9 / all);
    costs(b);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct diag d = {0};
    bool scan = argc > 1 && strcmp(argv[1], "-f") == 0,
         both = argc > 1 && strcmp(argv[1], "-c") == 0;
    int at = scan || both ? 2 : 1;

    buf_init(&b.text, FILE_BYTES_MAX);
    arena_init(&b.arena, ARENA_BYTES);
    b.parse = (struct parse_ctx){
        .arena = &b.arena, .json = json_reader_new(4 << 20, 200000), .local_host = SLICE("here")};
    b.scratch = detect_scratch_new();
    ruleset_cache(getenv("COLOA_RULES_CACHE"));
    double before_mib = rss_mib(), start = now_s();
    if (argc < at + 2 || !b.parse.json || !b.scratch ||
        ruleset_load((const char *const *)(argv + at + 1), (size_t)(argc - at - 1), &b.rules, &d) !=
            ERR_NONE) {
        (void)fprintf(stderr, "usage: detect_bench [-f|-c] LINES RULES...\n%s\n", d.text);
        return EXIT_FAILURE;
    }
    double load_s = now_s() - start, load_mib = rss_mib() - before_mib;
    if (!read_all(argv[at], &b.text)) {
        (void)fprintf(stderr, "detect_bench: can't read %s\n", argv[at]);
        return EXIT_FAILURE;
    }
    ruleset_full_scan(b.rules, scan);
    if (both)
        return check(&b);
    measure(&b, load_s, load_mib);
    return EXIT_SUCCESS;
}
