/* Bytes of event logs a second of processor time, one core, to finished events:
 * `ninja src/parse/evtx_bench && build/src/parse/evtx_bench ROUNDS FILE...`; ROUNDS 0 prints what
 * the files hold instead. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parse/evtx.h"

enum { FILE_MAX = 64 << 20 };

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct total {
    uint64_t bytes, filled, events, fields, bad;
};

static void print(const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n; i++) {
        const struct value *v = &ev->fields[i].v;
        (void)printf("  %.*s", SLICE_ARG(ev->fields[i].name));
        if (v->type != VT_LIST)
            (void)printf("=%.*s (%d)", SLICE_ARG(v->text), v->type);
        for (uint32_t k = 0; v->type == VT_LIST && k < v->list_n; k++)
            (void)printf("[%.*s]", SLICE_ARG(v->list[k].text));
        (void)printf("\n");
    }
    (void)printf("\n");
}

static void all_chunks(struct evtx_reader *r, struct parse_ctx *ctx, const struct evtx_file *f,
                       bool show, struct total *t)
{
    struct record from = {.name = SLICE("bench")};
    struct event ev;
    struct diag d = {0};
    enum evtx_got got;

    for (uint32_t i = 0; i < f->chunks; i++) {
        arena_reset(ctx->arena);
        struct slice chunk = evtx_file_chunk(f, i);
        uint64_t before = evtx_reader_stats(r).chunks;
        evtx_reader_chunk(r, chunk);
        t->filled += evtx_reader_stats(r).chunks > before ? chunk.n : 0;
        while ((got = evtx_reader_next(r, ctx, &from, &ev, &d)) != EVTX_END) {
            t->events += got == EVTX_EVENT;
            t->bad += got == EVTX_BAD;
            t->fields += got == EVTX_EVENT ? ev.n : 0;
            if (show && got == EVTX_BAD)
                (void)printf("BAD at %u:%zu %s\n", i, d.at, d.text);
            else if (show)
                print(&ev);
        }
    }
}

int main(int argc, char **argv)
{
    struct evtx_reader *r = evtx_reader_new();
    struct arena arena;
    struct parse_ctx ctx = {.arena = &arena};
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    struct total t = {0};
    double spent = 0;

    arena_init(&arena, 256 << 20);
    char *p = malloc(FILE_MAX);
    evtx_reader_recover(r, getenv("RECOVER") != NULL);
    for (int i = 2; i < argc && r && p; i++) {
        FILE *in = fopen(argv[i], "rbe");
        struct evtx_file f;
        struct diag d = {0};
        if (!in)
            continue;
        size_t n = fread(p, 1, FILE_MAX, in);
        (void)fclose(in);
        if (evtx_file_open((struct slice){p, n}, &f, &d) != ERR_NONE) {
            (void)printf("%s: %s\n", argv[i], d.text);
            continue;
        }
        double start = now_s();
        for (unsigned long k = 0; k < (rounds ? rounds : 1); k++)
            all_chunks(r, &ctx, &f, rounds == 0, &t);
        spent += now_s() - start;
        t.bytes += n * (rounds ? rounds : 1);
    }
    struct evtx_stats s = evtx_reader_stats(r);
    (void)printf(
        "%llu events, %llu bad, %llu recovered, %.1f fields each; chunks %llu, empty %llu, "
        "magic %llu, checksum %llu; %.1f MB/s, of filled chunks %.1f MB/s, %.0f events/s\n",
        (unsigned long long)t.events, (unsigned long long)t.bad, (unsigned long long)s.recovered,
        t.events ? (double)t.fields / (double)t.events : 0.0, (unsigned long long)s.chunks,
        (unsigned long long)s.chunks_empty, (unsigned long long)s.chunks_magic,
        (unsigned long long)s.chunks_checksum, (double)t.bytes / spent / 1e6,
        (double)t.filled / spent / 1e6, (double)t.events / spent);
    free(p);
    arena_done(&arena);
    evtx_reader_free(r);
    return EXIT_SUCCESS;
}
