#include "core/test.h"

#include <stdio.h>

#include "detect/listing.h"
#include "detect/try_int.h"

static const char yaml[] =
    "title: Đăng nhập, \"admin\"\nid: r1\nlevel: low\nstatus: test\ntags: [attack.t1110.003, x.y]\n"
    "logsource: {product: linux, service: sshd}\ndetection: {s: {f: v}, condition: s}\n"
    "---\n"
    "title: =cmd()\nid: r2\nlevel: high\nstatus: test\ntags: [attack.t1110]\n"
    "logsource: {product: windows, category: process_creation}\n"
    "detection: {s: {f: v}, condition: s}\n"
    "---\n"
    "title: \"a\\e[2Jb\"\nid: r3\nlevel: critical\nstatus: unsupported\n"
    "logsource: {product: windows}\ndetection: {s: {f: v}, condition: s}\n";

static void which(void **unused)
{
    static const struct {
        struct listing l;
        const char *want;
    } cases[] = {
        {{0}, "r1 r2 r3 "},
        {{.level = LEVEL_HIGH}, "r2 r3 "},
        {{.level = LEVEL_CRITICAL}, "r3 "},
        {{.tag = "attack.t1110"}, "r1 r2 "},
        {{.tag = "ATTACK.T1110.003"}, "r1 "},
        {{.tag = "attack.t111"}, ""},
        {{.tag = "attack"}, "r1 r2 "},
        {{.logsource = "windows"}, "r2 r3 "},
        {{.logsource = "Windows/process_creation"}, "r2 "},
        {{.logsource = "*/*/sshd"}, "r1 "},
        {{.logsource = "//sshd"}, "r1 "},
        {{.logsource = "linux/x"}, ""},
        {{.logsource = "linux//sshd/x"}, ""},
        {{.text = "đăng NHẬP"}, "r1 "},
        {{.text = "R2"}, "r2 "},
        {{.text = "nothing"}, ""},
        {{.text = "r", .level = LEVEL_HIGH, .logsource = "windows", .tag = "attack.t1110"}, "r2 "},
    };
    struct ruleset *rs = try_rules(slice_of(yaml));

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[64] = "";
        for (size_t k = 0; k < ruleset_n(rs); k++) {
            const struct rule_info *r = ruleset_rule(rs, k);
            if (listing_wants(&cases[i].l, r)) {
                size_t at = strlen(got);
                (void)snprintf(got + at, sizeof(got) - at, "%s ", r->id);
            }
        }
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: '%s' instead of '%s'", i, got, cases[i].want);
    }
    ruleset_unref(rs);
}

static void forms(void **unused)
{
    struct ruleset *rs = try_rules(slice_of(yaml));
    struct listing all = {0}, high = {.level = LEVEL_CRITICAL};
    struct buf out, small;
    size_t n = 0;

    (void)unused;
    buf_init(&out, 1 << 20);
    assert_int_equal(listing_put(rs, &all, LISTING_CSV, &out, &n), ERR_NONE);
    assert_int_equal(n, 3);
    const char *csv = buf_cstr(&out);
    assert_non_null(strstr(csv,
                           "\"r1\",\"low\",\"Đăng nhập, \"\"admin\"\"\",\"test\",\"linux\",\"\","
                           "\"sshd\",\"true\",\"attack.t1110.003 x.y\","));
    assert_non_null(strstr(csv, "\"'=cmd()\""));
    assert_non_null(strstr(csv, "\"false\",\"\","));
    buf_reset(&out);
    assert_int_equal(listing_put(rs, &high, LISTING_TABLE, &out, &n), ERR_NONE);
    assert_int_equal(n, 1);
    assert_string_equal(buf_cstr(&out),
                        "r3                                    critical       a [2Jb\n");
    buf_reset(&out);
    assert_int_equal(listing_put(rs, &high, LISTING_JSONL, &out, &n), ERR_NONE);
    const char *json = buf_cstr(&out);
    assert_non_null(strstr(json, "{\"id\":\"r3\",\"title\":\"a\\u001b[2Jb\",\"level\":\"critical\","
                                 "\"status\":\"unsupported\",\"product\":\"windows\","));
    assert_non_null(strstr(json, "\"tags\":[],\"can_match\":false,"));
    buf_init(&small, 16);
    n = 7;
    for (int f = LISTING_TABLE; f <= LISTING_CSV; f++)
        assert_int_not_equal(listing_put(rs, &all, (enum listing_form)f, &small, &n), ERR_NONE);
    assert_int_equal(n, 7);
    buf_done(&small);
    buf_done(&out);
    ruleset_unref(rs);
}

static void names(void **unused)
{
    enum listing_form f = LISTING_TABLE;
    enum rule_level l = LEVEL_LOW;

    (void)unused;
    assert_true(listing_form_of("csv", &f));
    assert_int_equal(f, LISTING_CSV);
    assert_false(listing_form_of("html", &f));
    assert_int_equal(f, LISTING_CSV);
    assert_true(listing_level_of("critical", &l));
    assert_int_equal(l, LEVEL_CRITICAL);
    assert_false(listing_level_of("worst", &l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which),
        cmocka_unit_test(forms),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
