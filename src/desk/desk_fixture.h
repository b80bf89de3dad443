/* desk/desk_fixture.h - tests only: an empty desk on each engine.
 *
 * SQLite lives in a temporary folder. PostgreSQL is Debian's server, started by the test program on
 * a Unix socket in a temporary folder (as user postgres when root), and ended with it; each test
 * gets a database of its own. Where it is not installed those tests are skipped with a message.
 */
#ifndef DESK_DESK_FIXTURE_H
#define DESK_DESK_FIXTURE_H

#include "core/test.h"
#include "desk/db.h"
#include "desk/desk.h"

struct fixture {
    enum db_kind kind;
    bool skip;
    char dir[64];       /* the installation's folder */
    char conninfo[160]; /* PostgreSQL */
    struct desk *desk;
    struct arena arena;
};

/* cmocka's setup and teardown; the initial state is one of the two kinds below. */
int desk_fixture_setup(void **state);
int desk_fixture_teardown(void **state);
extern enum db_kind desk_fixture_sqlite, desk_fixture_pg;

/* The same test on both engines. */
#define ON_BOTH(fn)                                                                                \
    {#fn " sqlite", fn, desk_fixture_setup, desk_fixture_teardown, &desk_fixture_sqlite},          \
    {                                                                                              \
#fn " postgresql", fn, desk_fixture_setup, desk_fixture_teardown, &desk_fixture_pg         \
    }

/* Begins each test: the fixture with its desk open; skips without PostgreSQL. */
struct fixture *desk_fixture(void **state);
void desk_fixture_reopen(struct fixture *f);
/* A second connection to the same database, past the desk. */
struct db *desk_fixture_db(const struct fixture *f);

/* Clocks that stand still until they are moved; both start at the same instant. */
void desk_fixture_freeze(int64_t wall_ns);
void desk_fixture_pass(int64_t ns);

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct diag diag = {.text = ""};                                                           \
        enum err got_ = (call);                                                                    \
        if (got_ != ERR_NONE)                                                                      \
            fail_msg("%s: %s: %s", #call, err_code(got_), diag.text);                              \
    } while (0)
#define FAILS(want, call)                                                                          \
    do {                                                                                           \
        struct diag diag = {.text = ""};                                                           \
        enum err got_ = (call);                                                                    \
        if (got_ != (want))                                                                        \
            fail_msg("%s: %s instead of %s: %s", #call, err_code(got_), err_code(want),            \
                     diag.text);                                                                   \
    } while (0)
#define assert_slice(got, want)                                                                    \
    do {                                                                                           \
        struct slice s_ = (got);                                                                   \
        if (!slice_eq(s_, slice_of(want)))                                                         \
            fail_msg("%s is \"%.*s\" instead of \"%s\"", #got, SLICE_ARG(s_), (want));             \
    } while (0)

#endif
