#include "core/test.h"

#include "parse/try_int.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct json_reader *reader;
static struct event last;
static struct record record;
static char text[1 << 20];

static void keep(void *arg, struct event *ev)
{
    (void)arg;
    last = *ev;
}

struct event *try_one(struct slice payload, enum input_kind input, const char *format)
{
    if (!arena.max_bytes) {
        arena_init(&arena, 64 << 20);
        reader = json_reader_new(4 << 20, 200000);
        assert_non_null(reader);
    }
    arena_reset(&arena);
    struct parse_ctx ctx = {.arena = &arena, .json = reader};
    record = (struct record){.received_ns = TRY_RECEIVED_NS, .input = input, .payload = payload};
    record.id.b[6] = 0x70;
    if (format) {
        const struct parser *p = parser_find(slice_of(format));
        assert_non_null(p);
        record.format = parser_number(p);
    }
    assert_int_equal(parse_record(&ctx, &record, keep, NULL), 1);
    return &last;
}

static size_t put(size_t at, struct slice s)
{
    size_t n = s.n < sizeof(text) - 2 - at ? s.n : sizeof(text) - 2 - at;

    memcpy(text + at, s.p, n);
    text[at + n] = 0;
    return at + n;
}

const char *try_field(struct event *ev, const char *name)
{
    struct value base;
    const struct value *v = event_get_name(ev, slice_of(name));
    size_t at = 0;

    if (strcmp(name, "clock_suspect") == 0)
        return ev->clock_suspect ? "true" : "false";
    if (!v && event_base(ev, field_find(slice_of(name)), &base))
        v = &base;
    if (!v)
        return NULL;
    assert_non_null(v->text.p);
    if (v->type != VT_LIST) {
        (void)put(0, v->text);
        return text;
    }
    text[0] = 0;
    for (uint32_t i = 0; i < v->list_n; i++) {
        at = i ? put(at, SLICE("|")) : at;
        at = put(at, v->list[i].text);
    }
    return text;
}

void try_all(const struct try_case *cases, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        struct event *ev = try_one(slice_of(cases[c].line), cases[c].input, cases[c].format);
        for (size_t i = 0; i < TRY_EXPECT_MAX && cases[c].expect[i]; i++) {
            const char *want = cases[c].expect[i];
            char name[128];
            if (want[0] == '!') {
                const char *has = try_field(ev, want + 1);
                if (has)
                    fail_msg("%s\n  %s is '%s', should be absent", cases[c].line, want + 1, has);
                continue;
            }
            size_t eq = strcspn(want, "=");
            assert_true(eq < sizeof(name) && want[eq] == '=');
            memcpy(name, want, eq);
            name[eq] = 0;
            const char *got = try_field(ev, name);
            if (!got || strcmp(got, want + eq + 1) != 0)
                fail_msg("%s\n  wanted %s\n  got    %s", cases[c].line, want,
                         got ? got : "nothing");
        }
    }
}

char *try_data(const char *path, size_t *ret_n)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    char full[4096], *p = NULL;
    FILE *f = NULL;

    (void)snprintf(full, sizeof(full), "%s/../shared/data/%s", root ? root : ".", path);
    f = fopen(full, "rbe");
    if (!f) {
        print_message("skipped: no %s\n", full);
        return NULL;
    }
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    p = malloc((size_t)n + 1);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, (size_t)n, f), (size_t)n);
    (void)fclose(f);
    p[n] = 0;
    *ret_n = (size_t)n;
    return p;
}

void try_done(void)
{
    json_reader_free(reader);
    reader = NULL;
    arena_done(&arena);
    arena = (struct arena){0};
}
