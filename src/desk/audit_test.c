#include "desk/desk_fixture.h"

#include <stdio.h>

#include "desk/audit.h"

static const struct desk_actor tester = {
    .user = 7, .name = "tester", .role = "admin", .address = "10.0.0.1"};

static void fill(struct desk *d, unsigned n)
{
    OK(desk_begin(d, &diag));
    for (unsigned i = 0; i < n; i++) {
        char object[16];
        (void)snprintf(object, sizeof(object), "q%u", i);
        OK(audit_add(d, &tester, i % 2 ? 2 : 0, "search.run", slice_of(object), SLICE("{}"),
                     &diag));
    }
    OK(desk_end(d, ERR_NONE, &diag));
}

static void rows_are_listed_by_scope(void **state)
{
    struct fixture *f = desk_fixture(state);
    const uint32_t own = 2;
    struct desk_scope scope = {.orgs = &own, .n = 1};
    struct audit *list;
    struct audit_filter flt = {.limit = 4};
    size_t n;

    fill(f->desk, 10);
    OK(audit_add(f->desk, &tester, 2, "export.csv", SLICE(""), SLICE(""), &diag));
    OK(audit_list(f->desk, DESK_SCOPE_ALL, &flt, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 4);
    assert_int_equal(list[0].seq, 11);
    assert_slice(list[0].action, "export.csv");
    assert_slice(list[0].address, "10.0.0.1");
    flt = (struct audit_filter){.before = 8, .action = SLICE("search.")};
    OK(audit_list(f->desk, DESK_SCOPE_ALL, &flt, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 7);
    OK(audit_list(f->desk, scope, &(struct audit_filter){.user = 7}, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 6);
    OK(audit_list(f->desk, scope, &(struct audit_filter){.user = 8}, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 0);
}

static void verify(struct fixture *f, enum err want, uint64_t want_bad)
{
    uint64_t rows = 0, bad = 0;

    FAILS(want, audit_verify(f->desk, &rows, &bad, &diag));
    assert_int_equal(bad, want_bad);
}

static void tamper(struct fixture *f, const char *sql)
{
    struct db *db = desk_fixture_db(f);

    FAILS(ERR_DENIED, db_exec(db, sql, &diag)); /* the triggers refuse */
    if (f->kind == DB_PG)
        OK(db_exec(db, "ALTER TABLE audit DISABLE TRIGGER ALL", &diag));
    else
        OK(db_exec(db, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete", &diag));
    OK(db_exec(db, sql, &diag));
    db_close(db);
}

static void whole_chain(void **state)
{
    struct fixture *f = desk_fixture(state);
    char long_text[9000];

    verify(f, ERR_NONE, 0);
    fill(f->desk, 2500); /* more than two pages */
    verify(f, ERR_NONE, 0);
    memset(long_text, 'x', sizeof(long_text));
    OK(audit_add(f->desk, &tester, 0, "search.run", (struct slice){long_text, sizeof(long_text)},
                 SLICE("bytes \xff\x00 that are not text"), &diag));
    verify(f, ERR_NONE, 0);
    desk_fixture_reopen(f);
    fill(f->desk, 1);
    verify(f, ERR_NONE, 0);
}

static void an_edit_is_found(void **state)
{
    struct fixture *f = desk_fixture(state);

    fill(f->desk, 20);
    tamper(f, "UPDATE audit SET object = 'nothing' WHERE seq = 13");
    verify(f, ERR_CORRUPT, 13);
}

static void a_moved_text_is_found(void **state)
{
    struct fixture *f = desk_fixture(state);

    fill(f->desk, 3); /* the same bytes, another field */
    tamper(f, "UPDATE audit SET action = 'search.runq', object = '1' WHERE seq = 2");
    verify(f, ERR_CORRUPT, 2);
}

static void a_removed_row_is_found(void **state)
{
    struct fixture *f = desk_fixture(state);

    fill(f->desk, 20);
    tamper(f, "DELETE FROM audit WHERE seq = 5");
    verify(f, ERR_CORRUPT, 5);
}

static void a_cut_tail_is_found(void **state)
{
    struct fixture *f = desk_fixture(state);

    fill(f->desk, 20);
    tamper(f, "DELETE FROM audit WHERE seq > 17");
    verify(f, ERR_CORRUPT, 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(rows_are_listed_by_scope), ON_BOTH(whole_chain),
        ON_BOTH(an_edit_is_found),         ON_BOTH(a_moved_text_is_found),
        ON_BOTH(a_removed_row_is_found),   ON_BOTH(a_cut_tail_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
