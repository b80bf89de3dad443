/* Lets the Nth allocation fail, for every N, until the work succeeds: each failure must be an
 * ERR_NOMEM (or NULL), with nothing leaked. Under sanitizers `operator new` is theirs and never
 * fails: simdjson's own allocations are tried in the other builds alone. */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/config.h"
#include "core/event.h"
#include "core/fold.h"
#include "core/json.h"
#include "core/jsonw.h"

/* Sanitizers bring an allocator of their own, whose entries have names of their own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define OWNED_BY_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWNED_BY_SANITIZER 1
#endif

#ifdef OWNED_BY_SANITIZER
#define REAL(f) __interceptor_##f
enum { JSON_LEAST = 1, COUNTED = 0 }; /* strdup passes us by; leaks are the sanitizer's to find */
#else
enum { JSON_LEAST = 5, COUNTED = 1 };
#define REAL(f) __libc_##f
#endif

void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void REAL(free)(void *p);

/* simdjson, libyaml and libstdc++ must call these too. */
#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

static long until = -1; /* allocations that still succeed; negative: all */
static long alive;

static bool refuse(void)
{
    if (until < 0)
        return false;
    if (until == 0)
        return true;
    until--;
    return false;
}

SEEN_BY_LIBRARIES void *malloc(size_t n)
{
    void *p = refuse() ? NULL : REAL(malloc)(n);

    alive += p != NULL;
    return p;
}

SEEN_BY_LIBRARIES void *calloc(size_t n, size_t size)
{
    void *p = refuse() ? NULL : REAL(calloc)(n, size);

    alive += p != NULL;
    return p;
}

SEEN_BY_LIBRARIES void *realloc(void *old, size_t n)
{
    void *p = refuse() ? NULL : REAL(realloc)(old, n);

    alive += p != NULL && !old;
    return p;
}

SEEN_BY_LIBRARIES void free(void *p)
{
    alive -= p != NULL;
    REAL(free)(p);
}

/* Runs `work` with 0, 1, 2... allocations allowed. Returns how many it took. */
static long exhaust(enum err (*work)(void))
{
    for (long n = 0; n < 2000; n++) {
        long before = alive;
        until = n;
        enum err e = work();
        until = -1;
        if (COUNTED && alive != before)
            fail_msg("%ld blocks leaked after failure %ld", alive - before, n);
        if (e == ERR_NONE)
            return n;
        if (e != ERR_NOMEM)
            fail_msg("failure %ld gives %s", n, err_code(e));
    }
    fail_msg("never succeeds");
    return 0;
}

static const char object[] = "{\"a\":[1,2,\"x\"],\"b\":1.5}";
static const char hostile[] = "{\"a\":[1,2,\"\\ud800\"],\"b\":1e999}";

static enum err do_json(void)
{
    const struct json_node *n;
    struct json_reader *r = json_reader_new(1000, 1000);
    enum err e = r ? json_read(r, slice_of(object), &n, NULL, NULL) : ERR_NOMEM;

    if (e == ERR_NONE)
        e = json_read(r, slice_of(hostile), &n, NULL, NULL);
    if (e == ERR_NONE)
        e = json_read_strict(r, slice_of(object), &n, NULL);
    json_reader_free(r);
    return e;
}

static enum err do_yaml(void)
{
    const struct json_node *n;
    struct json_reader *r = json_reader_new(1000, 1000);
    enum err e = r ? yaml_read(r, SLICE("a: [1, 'x', {b: c}]\nd: |\n  e\n"), &n, NULL) : ERR_NOMEM;

    json_reader_free(r);
    return e;
}

static enum err do_config(void)
{
    struct config *c = config_new(), *back = NULL;
    struct buf b;
    enum err e = ERR_NOMEM;

    buf_init(&b, 10000);
    if (c)
        e = config_set(c, SLICE("intake.files"), SLICE("/a,/b"), NULL);
    if (e == ERR_NONE)
        e = config_read_yaml(c, SLICE("rules: {dirs: [x, y]}\n"), NULL);
    if (e == ERR_NONE)
        e = config_encode_for(c, ROLE_WATCH, &b);
    if (e == ERR_NONE)
        e = config_decode(buf_slice(&b), &back, NULL);
    config_free(c);
    config_free(back);
    buf_done(&b);
    return e;
}

static enum err do_event(void)
{
    struct arena a;
    struct event ev;
    struct slice s;
    struct buf b;
    struct jsonw w;

    arena_init(&a, 1 << 20);
    buf_init(&b, 1000);
    event_init(&ev, &a);
    enum err e = event_set(&ev, F_USER_NAME, SLICE("x"));
    if (e == ERR_NONE)
        e = event_push(&ev, F_USER_NAME, SLICE("y"));
    if (e == ERR_NONE)
        e = fold_case_dup(&a, SLICE("ABC"), &s);
    if (e == ERR_NONE) {
        jsonw_init(&w, &b);
        jsonw_str(&w, SLICE("x"));
        e = jsonw_end(&w);
    }
    buf_done(&b);
    arena_done(&a);
    return e;
}

static void test_all(void **state)
{
    (void)state;
    assert_true(exhaust(do_json) > JSON_LEAST);
    assert_true(exhaust(do_yaml) > 5);
    assert_true(exhaust(do_config) > 20);
    assert_true(exhaust(do_event) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
