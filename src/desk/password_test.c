#include "desk/password.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/test.h"
#include "desk/limit_int.h"
#include "core/clock.h"

static void what_is_accepted(void **state)
{
    static const struct {
        const char *password;
        enum err want;
    } cases[] = {
        {"", ERR_SYNTAX},
        {"123456789", ERR_SYNTAX},
        {"1234567890", ERR_NONE},
        {"mật khẩu", ERR_SYNTAX}, /* 8 characters in 12 bytes */
        {"mật khẩu đây", ERR_NONE},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ERR_SYNTAX},
        {"Login.Name.X", ERR_SYNTAX}, /* the login */
    };
    char hash[SECRET_HASH_BYTES] = "untouched", big[PASSWORD_BYTES_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum err e = password_hash(slice_of(cases[i].password), SLICE("login.name.x"), hash, NULL);
        if (e != cases[i].want)
            fail_msg("case %zu: %s", i, err_code(e));
        if (e != ERR_NONE)
            continue;
        assert_int_equal(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
        assert_false(secret_argon_outdated(hash));
        assert_int_equal(password_check(hash, slice_of(cases[i].password), NULL), ERR_NONE);
        assert_int_equal(password_check(hash, SLICE("something else"), NULL), ERR_AUTH);
        assert_int_equal(password_check(hash, SLICE(""), NULL), ERR_AUTH);
    }
    memset(big, 'x', sizeof(big));
    assert_int_equal(password_hash((struct slice){big, sizeof(big)}, SLICE("a"), hash, NULL),
                     ERR_SYNTAX);
    assert_int_equal(password_check(hash, (struct slice){big, sizeof(big)}, NULL), ERR_AUTH);
    assert_int_equal(password_check("", SLICE("1234567890"), NULL), ERR_AUTH);
}

static void composed_and_decomposed_are_one(void **state)
{
    char hash[SECRET_HASH_BYTES];

    (void)state;
    assert_int_equal(password_hash(SLICE("Tiếng Việt 2026"), SLICE("a"), hash, NULL), ERR_NONE);
    assert_int_equal(
        password_check(hash, SLICE("Tie\xcc\x82\xcc\x81ng Vie\xcc\xa3\xcc\x82t 2026"), NULL),
        ERR_NONE);
    assert_int_equal(password_check(hash, SLICE("Tieng Viet 2026"), NULL), ERR_AUTH);
}

/* An account that is not there must not be told by the time that it takes. */
static void nobody_takes_as_long(void **state)
{
    char hash[SECRET_HASH_BYTES];
    int64_t spent[2] = {0, 0};

    (void)state;
    assert_int_equal(password_hash(SLICE("1234567890"), SLICE("a"), hash, NULL), ERR_NONE);
    for (int i = 0; i < 6; i++) {
        int64_t from = clock_mono_ns();
        assert_int_equal(password_check(i % 2 ? "" : hash, SLICE("0987654321"), NULL), ERR_AUTH);
        spent[i % 2] += clock_mono_ns() - from;
    }
    assert_true(spent[1] > spent[0] / 4 && spent[0] > spent[1] / 4);
}

static char shared_hash[SECRET_HASH_BYTES];

static void *one_check(void *arg)
{
    *(enum err *)arg = password_check(shared_hash, SLICE("1234567890"), NULL);
    return NULL;
}

static void a_crowd_is_turned_away(void **state)
{
    enum { CROWD = 40 };
    enum err got[CROWD];
    pthread_t t[CROWD];
    unsigned ok = 0, busy = 0;
    struct rusage before, after;

    (void)state;
    assert_int_equal(password_hash(SLICE("1234567890"), SLICE("a"), shared_hash, NULL), ERR_NONE);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&t[i], NULL, one_check, &got[i]), 0);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        ok += got[i] == ERR_NONE;
        busy += got[i] == ERR_BUSY;
    }
    assert_int_equal(ok + busy, CROWD);
    assert_true(ok >= PASSWORD_CONCURRENT_MAX);
    assert_true(busy > 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    /* one more at a time than before, and room for the threads' stacks; never 64 MiB for each */
    assert_true(after.ru_maxrss - before.ru_maxrss < 3 * 65536);
}

static void limits_double_and_forget(void **state)
{
    struct limit_table *t = limit_new((struct limit_rate){3, 10, 8});
    static const unsigned waits[] = {1, 2, 4, 8, 8, 8};
    int64_t now = NS_PER_S;

    (void)state;
    assert_non_null(t);
    for (int i = 0; i < 4; i++) /* three, and the first of the slow ones */
        assert_int_equal(limit_take(t, SLICE("k"), now), 0);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_int_equal(limit_take(t, SLICE("k"), now), waits[i]);
        assert_int_equal(limit_take(t, SLICE("other"), now - 1), 0); /* nobody else waits */
        limit_forget(t, SLICE("other"));
        now += waits[i] * NS_PER_S;
        assert_int_equal(limit_take(t, SLICE("k"), now), 0);
    }
    now += INT64_C(3600) * NS_PER_S;
    for (int i = 0; i < 4; i++)
        assert_int_equal(limit_take(t, SLICE("k"), now), 0);
    assert_int_equal(limit_take(t, SLICE("k"), now), 1);
    limit_forget(t, SLICE("k"));
    assert_int_equal(limit_take(t, SLICE("k"), now), 0);
    for (unsigned i = 0; i < 100000; i++) { /* a flood of keys costs no more memory */
        char key[16];
        int n = snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(limit_take(t, (struct slice){key, (size_t)n}, now + i), 0);
    }
    limit_free(t);
    limit_free(NULL);
}

static int init(void **state)
{
    (void)state;
    return secret_init(NULL) == ERR_NONE ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted),
        cmocka_unit_test(composed_and_decomposed_are_one),
        cmocka_unit_test(nobody_takes_as_long),
        cmocka_unit_test(a_crowd_is_turned_away),
        cmocka_unit_test(limits_double_and_forget),
    };

    return cmocka_run_group_tests(tests, init, NULL);
}
