#include "desk/desk_fixture.h"

#include <pthread.h>
#include <stdio.h>

#include "core/clock.h"
#include "desk/audit.h"
#include "desk/org.h"
#include "desk/source.h"
#include "desk/system.h"

static const struct desk_actor tester = {.name = "tester", .role = "admin"};

static uint32_t add_org(struct desk *d, const char *slug, uint32_t parent)
{
    struct org in = {.slug = slice_of(slug), .name = slice_of(slug), .parent = parent};
    uint32_t id = 0;

    OK(org_add(d, &tester, &in, &id, &diag));
    return id;
}

static void starts_with_two_organisations(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct org o, *list;
    size_t n;

    for (int round = 0; round < 2; round++) {
        OK(org_list(f->desk, DESK_SCOPE_ALL, &f->arena, &list, &n, &diag));
        assert_int_equal(n, 2);
        OK(org_get(f->desk, DESK_SCOPE_ALL, ORG_UNASSIGNED, &f->arena, &o, &diag));
        assert_slice(o.name, "Chưa phân loại");
        OK(org_get(f->desk, DESK_SCOPE_ALL, ORG_DEFAULT, &f->arena, &o, &diag));
        assert_slice(o.name_en, "Centre");
        desk_fixture_reopen(f);
    }
}

static void numbers_are_never_reused(void **state)
{
    struct fixture *f = desk_fixture(state);
    uint32_t first = add_org(f->desk, "one", 0);

    assert_int_equal(first, 3);
    OK(org_remove(f->desk, &tester, first, &diag));
    desk_fixture_reopen(f);
    assert_int_equal(add_org(f->desk, "one", 0), 4);
    FAILS(ERR_NOENT, org_remove(f->desk, &tester, first, &diag));
    FAILS(ERR_DENIED, org_remove(f->desk, &tester, ORG_UNASSIGNED, &diag));
    FAILS(ERR_DENIED, org_remove(f->desk, &tester, ORG_DEFAULT, &diag));
}

static void the_tree_stays_a_tree(void **state)
{
    struct fixture *f = desk_fixture(state);
    uint32_t city = add_org(f->desk, "city", 0), ward = add_org(f->desk, "ward", city),
             unit = add_org(f->desk, "unit", ward), other = add_org(f->desk, "other", 0);
    struct org in = {.id = city, .slug = SLICE("city"), .name = SLICE("City"), .parent = unit};
    struct desk_scope scope;

    FAILS(ERR_CONFLICT, org_change(f->desk, &tester, &in, &diag));
    in.parent = city;
    FAILS(ERR_CONFLICT, org_change(f->desk, &tester, &in, &diag));
    FAILS(ERR_CONFLICT, org_remove(f->desk, &tester, ward, &diag));
    OK(org_scope(f->desk, ward, &f->arena, &scope, &diag));
    assert_int_equal(scope.n, 2);
    assert_true(desk_scope_has(scope, ward) && desk_scope_has(scope, unit));
    assert_false(desk_scope_has(scope, city) || desk_scope_has(scope, other));
    OK(org_scope(f->desk, 99, &f->arena, &scope, &diag));
    assert_false(scope.all);
    assert_int_equal(scope.n, 0);
    uint32_t deep = unit;
    for (int i = 0; i < 4; i++) {
        char slug[8];
        (void)snprintf(slug, sizeof(slug), "d%d", i);
        deep = add_org(f->desk, slug, deep);
    }
    deep = add_org(f->desk, "d7", deep);
    in = (struct org){.slug = SLICE("d8"), .name = SLICE("x"), .parent = deep};
    FAILS(ERR_LIMIT, org_add(f->desk, &tester, &in, &deep, &diag));
}

static void organisations_refuse(void **state)
{
    struct fixture *f = desk_fixture(state);
    static const struct {
        const char *slug, *name;
        uint32_t parent;
        enum err want;
    } cases[] = {
        {"centre", "x", 0, ERR_CONFLICT}, {"", "x", 0, ERR_SYNTAX},
        {"Upper", "x", 0, ERR_SYNTAX},    {"a b", "x", 0, ERR_SYNTAX},
        {"123", "x", 0, ERR_SYNTAX},      {"ok", "", 0, ERR_SYNTAX},
        {"ok", "x", 77, ERR_NOENT},       {"ok", "x", 1, ERR_LIMIT},
    };
    uint32_t id = 12345;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct org in = {.slug = slice_of(cases[i].slug),
                         .name = slice_of(cases[i].name),
                         .parent = cases[i].parent};
        FAILS(cases[i].want, org_add(f->desk, &tester, &in, &id, &diag));
        assert_int_equal(id, 12345);
    }
    struct org in = {.id = 2, .slug = SLICE("centre"), .name = SLICE("C"), .version = 9};
    FAILS(ERR_PRECOND, org_change(f->desk, &tester, &in, &diag));
    in.version = 1;
    OK(org_change(f->desk, &tester, &in, &diag));
    FAILS(ERR_PRECOND, org_change(f->desk, &tester, &in, &diag));
    in.id = 99;
    FAILS(ERR_NOENT, org_change(f->desk, &tester, &in, &diag));
    OK(org_find(f->desk, SLICE("centre"), &id, &diag));
    assert_int_equal(id, 2);
    OK(org_find(f->desk, SLICE("1"), &id, &diag));
    assert_int_equal(id, 1);
    FAILS(ERR_NOENT, org_find(f->desk, SLICE("nowhere"), &id, &diag));
    FAILS(ERR_NOENT, org_find(f->desk, SLICE("' OR 1=1 --"), &id, &diag));
}

static void systems_and_sources(void **state)
{
    struct fixture *f = desk_fixture(state);
    uint32_t a = add_org(f->desk, "a", 0), b = add_org(f->desk, "b", 0), id, src;
    struct desk_scope only_b = {.orgs = &b, .n = 1}, only_a = {.orgs = &a, .n = 1};
    struct system s = {.org = a, .level = 3, .name = SLICE("Cổng")}, got;
    struct source in = {.org = a,
                        .name = SLICE("web"),
                        .input = SLICE("syslog"),
                        .match = SLICE("10.0.0.0/8"),
                        .status = SOURCE_REGISTERED},
                  sgot, *list;
    size_t n;

    OK(system_add(f->desk, &tester, &s, &id, &diag));
    FAILS(ERR_CONFLICT, system_add(f->desk, &tester, &s, &id, &diag));
    s.level = 6;
    FAILS(ERR_SYNTAX, system_add(f->desk, &tester, &s, &id, &diag));
    FAILS(ERR_NOENT, system_get(f->desk, only_b, id, &f->arena, &got, &diag));
    s = (struct system){.id = id, .level = 4, .name = SLICE("Cổng")};
    FAILS(ERR_NOENT, system_change(f->desk, &tester, only_b, &s, &diag));
    OK(system_change(f->desk, &tester, only_a, &s, &diag));
    OK(system_get(f->desk, only_a, id, &f->arena, &got, &diag));
    assert_int_equal(got.level, 4);
    in.system = id;
    OK(source_add(f->desk, &tester, &in, &src, &diag));
    in.org = b; /* its system is another tenant's */
    FAILS(ERR_SYNTAX, source_add(f->desk, &tester, &in, &src, &diag));
    in.org = 99;
    in.system = 0;
    FAILS(ERR_CONFLICT, source_add(f->desk, &tester, &in, &src, &diag));
    FAILS(ERR_NOENT, source_get(f->desk, only_b, src, &f->arena, &sgot, &diag));
    FAILS(ERR_NOENT, source_remove(f->desk, &tester, only_b, src, &diag));
    FAILS(ERR_NOENT, system_remove(f->desk, &tester, only_b, id, &diag));
    OK(system_remove(f->desk, &tester, only_a, id, &diag));
    OK(source_get(f->desk, only_a, src, &f->arena, &sgot, &diag));
    assert_int_equal(sgot.system, 0);
    struct source_filter all = {.status = -1, .text = SLICE("WE")};
    OK(source_list(f->desk, only_a, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    all.text = SLICE("w%");
    OK(source_list(f->desk, only_a, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 0);
}

static void sources_are_discovered_and_counted(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct source seen = {.org = ORG_DEFAULT,
                          .name = SLICE("fw1"),
                          .input = SLICE("syslog"),
                          .events = 10,
                          .errors = 1,
                          .last_ns = 1000},
                  got, *list;
    struct source_filter all = {.status = -1};
    size_t n;

    OK(source_count(f->desk, &seen, &diag));
    seen.last_ns = 500; /* late */
    OK(source_count(f->desk, &seen, &diag));
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    got = list[0];
    assert_int_equal(got.events, 20);
    assert_int_equal(got.errors, 2);
    assert_int_equal(got.last_ns, 1000);
    assert_int_equal(got.status, SOURCE_DISCOVERED);
    got.status = SOURCE_REGISTERED;
    OK(source_change(f->desk, &tester, DESK_SCOPE_ALL, &got, &diag));
    /* by number, even under another name */
    seen = (struct source){.id = got.id, .org = ORG_DEFAULT, .name = SLICE("other"), .events = 5};
    OK(source_count(f->desk, &seen, &diag));
    OK(source_get(f->desk, DESK_SCOPE_ALL, got.id, &f->arena, &got, &diag));
    assert_int_equal(got.events, 25);
    /* a name with bytes that are not text */
    seen = (struct source){.org = ORG_DEFAULT,
                           .name = {"a\0\xff"
                                    "b",
                                    4},
                           .events = 1};
    OK(source_count(f->desk, &seen, &diag));
    OK(source_count(f->desk, &seen, &diag));
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 2);
    assert_slice(list[1].name, "a\xef\xbf\xbd\xef\xbf\xbd"
                               "b");
    assert_int_equal(list[1].events, 2);
}

static void a_failed_part_undoes_the_whole(void **state)
{
    struct fixture *f = desk_fixture(state);
    uint32_t id;
    struct org good = {.slug = SLICE("good"), .name = SLICE("g")},
               bad = {.slug = SLICE("centre"), .name = SLICE("b")};

    OK(desk_begin(f->desk, &diag));
    OK(org_add(f->desk, &tester, &good, &id, &diag));
    FAILS(ERR_CONFLICT, org_add(f->desk, &tester, &bad, &id, &diag));
    FAILS(ERR_CONFLICT, desk_end(f->desk, ERR_NONE, &diag)); /* even if the caller overlooked it */
    FAILS(ERR_NOENT, org_find(f->desk, SLICE("good"), &id, &diag));
    OK(org_add(f->desk, &tester, &good, &id, &diag));
}

static void newer_and_damaged_databases_are_refused(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct desk_options opt = {.data_dir = f->dir,
                               .conninfo = f->kind == DB_PG ? f->conninfo : NULL};
    struct diag why = {.text = ""};

    desk_close(f->desk);
    f->desk = NULL;
    struct db *db = desk_fixture_db(f);
    OK(db_run(db, "INSERT INTO schema_version(version, time_ns) VALUES (999, 0)", DB_NONE, NULL,
              &diag));
    db_close(db);
    assert_int_equal(desk_open(&opt, &f->desk, &why), ERR_VERSION);
    assert_non_null(strstr(why.text, "999"));
    if (f->kind == DB_PG)
        return;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/desk/desk.db", f->dir);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        (void)fputc('x', file);
    (void)fclose(file);
    assert_int_equal(desk_open(&opt, &f->desk, &why), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "backup"));
}

struct heard {
    size_t n, created;
    enum desk_topic last;
};

static void hear(void *arg, const struct desk_change *change)
{
    struct heard *h = arg;

    h->n++;
    h->created += change->created;
    h->last = change->topic;
}

static void changes_are_told_after_the_commit(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct source seen = {.org = ORG_DEFAULT, .name = SLICE("a"), .events = 1};
    struct heard heard = {0};

    OK(desk_on_change(f->desk, hear, &heard));
    OK(desk_begin(f->desk, &diag));
    OK(source_count(f->desk, &seen, &diag));
    assert_int_equal(heard.n, 0);
    OK(desk_end(f->desk, ERR_NONE, &diag));
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.created, 1);
    OK(desk_begin(f->desk, &diag));
    OK(source_count(f->desk, &seen, &diag));
    FAILS(ERR_BUSY, desk_end(f->desk, ERR_BUSY, &diag));
    assert_int_equal(heard.n, 1);
    OK(desk_begin(f->desk, &diag));
    for (int i = 0; i < 300; i++) {
        char name[16];
        seen.name = (struct slice){name, (size_t)snprintf(name, sizeof(name), "s%d", i)};
        OK(source_count(f->desk, &seen, &diag));
    }
    OK(desk_end(f->desk, ERR_NONE, &diag));
    assert_int_equal(heard.n, 2);
    assert_int_equal(heard.last, DESK_GAP);
}

enum { THREADS = 6, ROUNDS = 25 };

static void *work(void *arg)
{
    struct desk *d = arg;
    struct arena a;
    enum err e = ERR_NONE;

    arena_init(&a, 4 << 20);
    for (int i = 0; e == ERR_NONE && i < ROUNDS; i++) {
        struct source seen = {.org = ORG_DEFAULT, .name = SLICE("shared"), .events = 1}, *list;
        struct source_filter all = {.status = -1};
        size_t n;
        e = source_count(d, &seen, NULL);
        if (e == ERR_NONE)
            e = audit_add(d, &tester, 0, "search.run", SLICE("x"), SLICE(""), NULL);
        if (e == ERR_NONE)
            e = source_list(d, DESK_SCOPE_ALL, &all, &a, &list, &n, NULL);
        if (e == ERR_NONE)
            e = desk_tick(d, NULL);
        arena_reset(&a);
    }
    arena_done(&a);
    return (void *)(uintptr_t)e;
}

static void many_threads(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct source_filter all = {.status = -1};
    struct source *list;
    pthread_t t[THREADS];
    uint64_t rows = 0, bad = 0;
    size_t n;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, f->desk), 0);
    for (int i = 0; i < THREADS; i++) {
        void *e = NULL;
        assert_int_equal(pthread_join(t[i], &e), 0);
        assert_null(e);
    }
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].events, THREADS * ROUNDS);
    OK(audit_verify(f->desk, &rows, &bad, &diag));
    assert_int_equal(rows, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(starts_with_two_organisations),
        ON_BOTH(numbers_are_never_reused),
        ON_BOTH(the_tree_stays_a_tree),
        ON_BOTH(organisations_refuse),
        ON_BOTH(systems_and_sources),
        ON_BOTH(sources_are_discovered_and_counted),
        ON_BOTH(a_failed_part_undoes_the_whole),
        ON_BOTH(newer_and_damaged_databases_are_refused),
        ON_BOTH(changes_are_told_after_the_commit),
        ON_BOTH(many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
