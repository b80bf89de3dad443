/* The promise of POST /ingest under kill -9: what was answered is there, and a request repeated
 * with its Idempotency-Key after any outcome is there exactly once. */
#include "intake/kit_int.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"

enum { LINES = 20 };

static pid_t start(struct kit *k)
{
    int p[2];

    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        kit_start(k);
        if (write(p[1], &k->http, sizeof(k->http)) != (ssize_t)sizeof(k->http))
            _exit(2);
        for (;;)
            (void)pause();
    }
    (void)close(p[1]);
    assert_int_equal(read(p[0], &k->http, sizeof(k->http)), sizeof(k->http));
    (void)close(p[0]);
    return pid;
}

static int post(struct kit *k, unsigned request, char answer[static 256])
{
    char key[64], body[LINES * 40], *at = body;
    const char *const headers[] = {key, NULL};

    for (unsigned i = 0; i < LINES; i++)
        at += snprintf(at, 40, "{\"n\":%u}\n", request * LINES + i);
    (void)snprintf(key, sizeof(key), "Idempotency-Key: r-%u", request);
    return kit_post(k, "/ingest", (struct slice){body, (size_t)(at - body)}, headers, answer, 256);
}

static void check(struct kit *k, unsigned requests)
{
    size_t n = (size_t)requests * LINES;
    bool *seen = calloc(n, sizeof(*seen));

    assert_non_null(seen);
    kit_read(k);
    for (size_t i = 0; i < k->got_n; i++) {
        unsigned long v = strtoul(k->got[i].text + 5, NULL, 10);
        assert_true(v < n);
        if (seen[v])
            fail_msg("line %lu is there twice", v);
        seen[v] = true;
    }
    assert_int_equal(k->got_n, n);
    free(seen);
}

static void test_kill(void **state)
{
    struct kit k;
    char first[256], again[256];
    unsigned request = 0, broken = 0, seed = 11;

    (void)state;
    kit_new(&k);
    for (int round = 0; round < 12; round++) {
        pid_t pid = start(&k);
        pid_t killer = fork();
        assert_true(killer >= 0);
        if (killer == 0) {
            (void)usleep(20000 + (unsigned)rand_r(&seed) % 150000);
            (void)kill(pid, SIGKILL);
            _exit(0);
        }
        (void)rand_r(&seed);
        /* until it dies; the one that broke off is repeated in the next round */
        int status = 200;
        while (status == 200) {
            status = post(&k, request, first);
            request += status == 200;
        }
        broken++;
        assert_int_equal(status, 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
    }
    assert_int_equal(broken, 12);
    assert_true(request > 12);
    pid_t pid = start(&k);
    assert_int_equal(post(&k, request++, first), 200);
    assert_int_equal(post(&k, request - 1, again), 200);
    assert_string_equal(first, again);
    check(&k, request);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    kit_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
