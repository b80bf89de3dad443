#include "core/test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/metrics.h"
#include "serve/msg.h"

static int ends[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_pair(void **state)
{
    (void)state;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static void carries_kind_and_payload(void **state)
{
    struct buf in;
    enum msg_kind kind;
    (void)state;

    buf_init(&in, MSG_BYTES_MAX + 64);
    assert_int_equal(msg_send(ends[0], MSG_SNAPSHOT, SLICE("access")), ERR_NONE);
    assert_int_equal(msg_send(ends[0], MSG_STOP, (struct slice){0}), ERR_NONE);
    assert_int_equal(msg_take(ends[1], ROLE_PARENT, ROLE_INTAKE, &kind, &in), ERR_NONE);
    assert_int_equal(kind, MSG_SNAPSHOT);
    assert_true(slice_eq(buf_slice(&in), SLICE("access")));
    assert_int_equal(msg_take(ends[1], ROLE_PARENT, ROLE_INTAKE, &kind, &in), ERR_NONE);
    assert_int_equal(kind, MSG_STOP);
    assert_int_equal(in.n, 0);
    assert_int_equal(msg_take(ends[1], ROLE_PARENT, ROLE_INTAKE, &kind, &in), ERR_NOENT);
    buf_done(&in);
}

/* Who may send and take what: rows of core/messages.def, looked at from outside. */
static void rows_are_the_law(void **state)
{
    static const struct {
        enum msg_kind kind;
        enum role from, me;
        bool passes;
    } t[] = {
        {MSG_READY, ROLE_WATCH, ROLE_PARENT, true},
        {MSG_READY, ROLE_PARENT, ROLE_WATCH, false},
        {MSG_CONFIG, ROLE_PARENT, ROLE_STORE, true},
        {MSG_CONFIG, ROLE_INTAKE, ROLE_PARENT, false}, /* a role may not configure anybody */
        {MSG_STOP, ROLE_WATCH, ROLE_PARENT, false},
        {MSG_SNAPSHOT, ROLE_DESK, ROLE_PARENT, true},
        {MSG_SNAPSHOT, ROLE_WATCH, ROLE_PARENT, false},
        {MSG_SNAPSHOT, ROLE_PARENT, ROLE_STORE, false},
        {MSG_RULES_RELOAD, ROLE_INTAKE, ROLE_PARENT, false},
        {MSG_FIRST_LOGIN, ROLE_WATCH, ROLE_PARENT, false},
        {(enum msg_kind)4711, ROLE_DESK, ROLE_PARENT, false},
    };
    struct buf in;
    enum msg_kind kind;
    (void)state;

    buf_init(&in, MSG_BYTES_MAX + 64);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        uint64_t dropped = metric_get(M_MESSAGES_DROPPED);
        assert_int_equal(msg_send(ends[0], t[i].kind, SLICE("x")), ERR_NONE);
        assert_int_equal(msg_take(ends[1], t[i].from, t[i].me, &kind, &in),
                         t[i].passes ? ERR_NONE : ERR_NOENT);
        assert_int_equal(metric_get(M_MESSAGES_DROPPED) - dropped, t[i].passes ? 0 : 1);
    }
    buf_done(&in);
}

static void hostile_sizes(void **state)
{
    static char big[MSG_BYTES_MAX + 1];
    struct buf in;
    enum msg_kind kind;
    (void)state;

    buf_init(&in, MSG_BYTES_MAX + 64);
    assert_int_equal(msg_send(ends[0], MSG_FAILED, (struct slice){big, sizeof(big)}), ERR_LIMIT);
    assert_int_equal(send(ends[0], "ab", 2, 0), 2); /* shorter than a kind */
    assert_int_equal(msg_take(ends[1], ROLE_WATCH, ROLE_PARENT, &kind, &in), ERR_NOENT);
    (void)close(ends[0]);
    assert_int_equal(msg_take(ends[1], ROLE_WATCH, ROLE_PARENT, &kind, &in), ERR_PEER);
    ends[0] = dup(ends[1]);
    buf_done(&in);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carries_kind_and_payload, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(rows_are_the_law, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(hostile_sizes, open_pair, close_pair),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
