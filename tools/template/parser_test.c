#include "core/test.h"

#include "parse/try_int.h"

static const struct try_case cases[] = {
    {"NAME 3 all is well",
     INPUT_FILE,
     "NAME",
     {"event.module=NAME", "event.severity=3", "message=NAME 3 all is well"}},
    {"NAME x broken", INPUT_FILE, "NAME", {"event.kind=pipeline_error", "message=NAME x broken"}},
};

static void NAME_cases(void **state)
{
    (void)state;
    try_all(cases, ARRAY_LEN(cases));
    try_done();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(NAME_cases),
    };
    return cmocka_run_group_tests_name("NAME", tests, NULL, NULL);
}
