#include "serve/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/event_json.h"
#include "parse/evtx.h"
#include "serve/seal.h"

enum { LINE_BYTES_MAX = 1 << 20, OUT_BYTES_MAX = 16 << 20, ARENA_BYTES = 128 << 20 };

struct lab {
    struct parse_ctx parse;
    struct arena arena;
    struct id_gen ids;
    struct buf out;
    uint8_t format;
    bool failed;
};

static void emit(void *arg, struct event *ev)
{
    struct lab *l = arg;
    struct jsonw w;

    buf_reset(&l->out);
    jsonw_init(&w, &l->out);
    if (event_json(ev, &w) != ERR_NONE || jsonw_end(&w) != ERR_NONE ||
        buf_putc(&l->out, '\n') != ERR_NONE || fwrite(l->out.p, 1, l->out.n, stdout) != l->out.n)
        l->failed = true;
}

static void one_line(struct lab *l, struct slice line)
{
    struct record r = {
        .id = id_next(&l->ids, clock_wall_ns()),
        .received_ns = clock_wall_ns(),
        .input = INPUT_FILE,
        .framing = FRAMING_LF,
        .format = l->format,
        .name = SLICE("(decode)"),
        .payload = line,
    };

    arena_reset(&l->arena);
    (void)parse_record(&l->parse, &r, emit, l);
}

/* Up to `want` bytes: first those that were read already, then from standard input. */
static size_t take(struct slice *first, char *to, size_t want)
{
    size_t n = first->n < want ? first->n : want;

    if (n)
        memcpy(to, first->p, n);
    *first = slice_cut(*first, n, first->n);
    return n < want ? n + fread(to + n, 1, want - n, stdin) : n;
}

static void chunk_events(struct lab *l, struct evtx_reader *r, struct slice chunk)
{
    struct record from = {
        .received_ns = clock_wall_ns(), .input = INPUT_FILE, .name = SLICE("(decode)")};
    struct event ev;
    struct diag d = {0};
    enum evtx_got got;

    arena_reset(&l->arena);
    evtx_reader_chunk(r, chunk);
    do {
        from.id = id_next(&l->ids, from.received_ns);
        got = evtx_reader_next(r, &l->parse, &from, &ev, &d);
        if (got == EVTX_EVENT)
            emit(l, &ev);
        else if (got == EVTX_BAD)
            (void)fprintf(stderr, "coloa decode: %s\n", d.text);
    } while (got != EVTX_END && !l->failed);
}

/* A Windows event log; `first` is what was read of it. */
static int event_log(struct lab *l, struct slice first)
{
    static char buf[EVTX_CHUNK_BYTES];
    struct evtx_reader *r = evtx_reader_new();
    struct evtx_file file;
    struct diag d = {0};
    size_t n = take(&first, buf, EVTX_HEADER_BYTES);
    enum err e = evtx_file_open((struct slice){buf, n}, &file, &d);

    if (!r || e != ERR_NONE) {
        (void)fprintf(stderr, "coloa decode: %s\n", r ? d.text : "out of memory");
        evtx_reader_free(r);
        return 3;
    }
    while (!l->failed && (n = take(&first, buf, sizeof(buf))) > 0)
        chunk_events(l, r, (struct slice){buf, n});
    evtx_reader_free(r);
    return l->failed || fflush(stdout) != 0 ? 3 : 0;
}

static int lines(struct lab *l)
{
    bool begun = false;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0 && !l->failed) {
        if (!begun && evtx_looks((struct slice){line, (size_t)n})) {
            int rc = event_log(l, (struct slice){line, (size_t)n});
            free(line);
            return rc;
        }
        begun = true;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        if (n == 0)
            continue;
        if (n > LINE_BYTES_MAX) {
            (void)fprintf(stderr, "coloa decode: a line of more than 1 MiB is passed over\n");
            continue;
        }
        one_line(l, (struct slice){line, (size_t)n});
    }
    free(line);
    return l->failed || fflush(stdout) != 0 ? 3 : 0;
}

int lab_main(int argc, char **argv)
{
    struct lab l = {0};
    struct diag d = {0};
    int abi;

    arena_init(&l.arena, ARENA_BYTES);
    buf_init(&l.out, OUT_BYTES_MAX);
    l.parse = (struct parse_ctx){.arena = &l.arena, .json = json_reader_new(4 << 20, 200000)};
    for (int i = 1; i + 1 < argc; i += 2) {
        int64_t zone;
        const struct parser *p = parser_find(slice_of(argv[i + 1]));
        if (strcmp(argv[i], "--format") == 0 && p) {
            l.format = parser_number(p);
        } else if (strcmp(argv[i], "--zone") == 0 && slice_to_i64(slice_of(argv[i + 1]), &zone)) {
            l.parse.zone_s = (int32_t)zone;
        } else {
            (void)fprintf(stderr, "coloa decode: unknown format '%s'\n", argv[i + 1]);
            return 2;
        }
    }
    if (!l.parse.json || id_gen_init(&l.ids) != ERR_NONE)
        return 3;
    if (role_confine(ROLE_LAB, NULL, NULL, &abi, &d) != ERR_NONE ||
        role_seal(ROLE_LAB, &d) != ERR_NONE) {
        (void)fprintf(stderr, "coloa decode: %s\n", d.text);
        return 3;
    }
    int rc = lines(&l);
    json_reader_free(l.parse.json);
    arena_done(&l.arena);
    buf_done(&l.out);
    return rc;
}
