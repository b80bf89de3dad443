#include "core/test.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/snapshot.h"
#include "desk/audit.h"
#include "desk/desk_fixture.h"
#include "desk/exception.h"

static const struct desk_actor tester = {.name = "tester", .role = "admin"};
static const int64_t noon = INT64_C(1800000000) * NS_PER_S;
#define DAY (86400 * NS_PER_S)

static struct exception sample(void)
{
    return (struct exception){.org = ORG_DEFAULT,
                              .rule_id = SLICE("r1"),
                              .field = SLICE("user.name"),
                              .value = SLICE("backup"),
                              .reason = SLICE("the nightly backup"),
                              .ends_ns = noon + 30 * DAY};
}

static size_t in_force(struct fixture *f, struct desk_scope scope)
{
    struct exception *list;
    size_t n;

    OK(exception_list(f->desk, scope, SLICE(""), false, &f->arena, &list, &n, &diag));
    return n;
}

static void test_life(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct exception in = sample(), *list;
    const uint32_t own = ORG_DEFAULT, other = 1;
    uint64_t id, second;
    size_t n;

    desk_fixture_freeze(noon);
    OK(exception_add(f->desk, &tester, &in, &id, &diag));
    in.rule_id = SLICE("r2");
    in.org = 0;
    in.ends_ns = noon + DAY;
    OK(exception_add(f->desk, &tester, &in, &second, &diag));
    assert_int_equal(in_force(f, DESK_SCOPE_ALL), 2);
    assert_int_equal(in_force(f, (struct desk_scope){.orgs = &own, .n = 1}), 1);
    assert_int_equal(in_force(f, (struct desk_scope){.orgs = &other, .n = 1}), 0);
    OK(exception_list(f->desk, DESK_SCOPE_ALL, SLICE("r1"), true, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].id, id);
    assert_slice(list[0].author, "tester");
    assert_slice(list[0].reason, "the nightly backup");
    assert_int_equal(list[0].created_ns, noon);
    /* out of scope is not there; ended once only */
    FAILS(ERR_NOENT,
          exception_end(f->desk, &tester, (struct desk_scope){.orgs = &other, .n = 1}, id, &diag));
    OK(exception_end(f->desk, &tester, DESK_SCOPE_ALL, id, &diag));
    FAILS(ERR_NOENT, exception_end(f->desk, &tester, DESK_SCOPE_ALL, id, &diag));
    assert_int_equal(in_force(f, DESK_SCOPE_ALL), 1);
    desk_fixture_pass(DAY);
    assert_int_equal(in_force(f, DESK_SCOPE_ALL), 0); /* the other ended by itself */
    FAILS(ERR_NOENT, exception_end(f->desk, &tester, DESK_SCOPE_ALL, second, &diag));
    OK(exception_list(f->desk, DESK_SCOPE_ALL, SLICE(""), true, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 2);
    assert_int_equal(list[0].id, second); /* newest first */
}

static void test_refused(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct exception in;
    uint64_t id = 0;

    desk_fixture_freeze(noon);
#define BAD(change)                                                                                \
    do {                                                                                           \
        in = sample();                                                                             \
        change;                                                                                    \
        FAILS(ERR_SYNTAX, exception_add(f->desk, &tester, &in, &id, &diag));                       \
    } while (0)
    BAD(in.rule_id = SLICE(""));
    BAD(in.reason = SLICE(""));
    BAD(in.value = SLICE(""));
    BAD(in.field = SLICE(""));
    BAD(in.field = SLICE(""); in.value = SLICE("")); /* neither field nor source */
    BAD(in.ends_ns = noon);
    BAD(in.ends_ns = noon + 367 * DAY);
    assert_int_equal(id, 0);
    assert_int_equal(in_force(f, DESK_SCOPE_ALL), 0);
    in = sample();
    in.org = 99;
    FAILS(ERR_CONFLICT, exception_add(f->desk, &tester, &in, &id, &diag));
}

static const struct json_node *published(struct fixture *f, struct json_reader *r, struct buf *b)
{
    const struct json_node *doc = NULL;
    char dir[96];
    uint64_t seq;

    (void)snprintf(dir, sizeof(dir), "%s/snapshots", f->dir);
    buf_reset(b);
    OK(snapshot_load(dir, "exceptions", b, &seq, &diag));
    OK(json_read_strict(r, buf_slice(b), &doc, &diag));
    return json_get(doc, "exceptions");
}

static void test_snapshot(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct json_reader *r = json_reader_new(1 << 20, 1000);
    struct exception in = sample();
    struct buf b;
    uint64_t id;

    buf_init(&b, 1 << 20);
    desk_fixture_freeze(noon);
    assert_int_equal(published(f, r, &b)->n, 0);
    OK(exception_add(f->desk, &tester, &in, &id, &diag));
    const struct json_node *x = published(f, r, &b)->child;
    assert_non_null(x);
    assert_int_equal(json_get_int(x, "id", 0), (int64_t)id);
    assert_int_equal(json_get_int(x, "org", 0), ORG_DEFAULT);
    assert_slice(json_get_str(x, "rule"), "r1");
    assert_slice(json_get_str(x, "field"), "user.name");
    assert_slice(json_get_str(x, "value"), "backup");
    assert_slice(json_get_str(x, "ends"), "2027-02-14T08:00:00.000Z");
    OK(exception_end(f->desk, &tester, DESK_SCOPE_ALL, id, &diag));
    assert_int_equal(published(f, r, &b)->n, 0);
    buf_done(&b);
    json_reader_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(test_life), ON_BOTH(test_refused),
                                       ON_BOTH(test_snapshot)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
