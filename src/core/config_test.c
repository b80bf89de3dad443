#include "core/test.h"

#include "core/config.h"

static void test_table(void **state)
{
    struct config *c = config_new();

    (void)state;
    assert_non_null(c);
    for (int o = 0; o < OPT_N; o++) {
        const struct option_info *i = option_info((enum option)o);
        const char *nearest = NULL;
        assert_true(strlen(i->key) < 64);
        assert_true(o == 0 || strcmp(option_info((enum option)(o - 1))->key, i->key) < 0);
        assert_true(i->roles != 0 && i->roles < 1u << ROLE_N);
        assert_true(i->help[0] != 0);
        assert_int_equal(option_find(slice_of(i->key), &nearest), o);
        if (i->type == OT_INT)
            assert_in_range(config_int(c, (enum option)o), i->least, i->most);
        if (i->type == OT_BOOL)
            assert_int_equal(config_bool(c, (enum option)o), strcmp(i->def, "true") == 0);
        assert_string_equal(config_text(c, (enum option)o), i->def);
    }
    for (int r = 0; r < ROLE_N; r++)
        assert_string_not_equal(role_name((enum role)r), "unknown");
    assert_string_equal(role_name(ROLE_N), "unknown");
    config_free(c);
    config_free(NULL);
}

static void test_nearest(void **state)
{
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"log.levle", "log.level"},          {"loglevel", "log.level"},
        {"intake.file", "intake.files"},     {"rules.dir", "rules.dirs"},
        {"wtch.batch_ms", "watch.batch_ms"},
    };
    char huge[5000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *nearest = NULL;
        assert_int_equal(option_find(slice_of(rows[i].typed), &nearest), OPT_N);
        assert_string_equal(nearest, rows[i].meant);
    }
    memset(huge, 'x', sizeof(huge));
    const char *nearest = NULL;
    assert_int_equal(option_find((struct slice){huge, sizeof(huge)}, &nearest), OPT_N);
    assert_non_null(nearest);
    assert_int_equal(option_find((struct slice){NULL, 0}, &nearest), OPT_N);
    assert_int_equal(option_find(SLICE("x"), NULL), OPT_N);
}

static void test_set(void **state)
{
    static const struct {
        const char *key, *value;
        enum err e;
    } rows[] = {
        {"watch.batch_ms", "10", ERR_NONE},
        {"watch.batch_ms", "9", ERR_LIMIT},
        {"watch.batch_ms", "10001", ERR_LIMIT},
        {"watch.batch_ms", "-1", ERR_LIMIT},
        {"watch.batch_ms", "", ERR_SYNTAX},
        {"watch.batch_ms", "10ms", ERR_SYNTAX},
        {"watch.batch_ms", "99999999999999999999", ERR_SYNTAX},
        {"demo", "true", ERR_NONE},
        {"demo", "yes", ERR_SYNTAX},
        {"demo", "True", ERR_SYNTAX},
        {"log.level", "debug", ERR_NONE},
        {"log.level", "", ERR_NONE},
        {"no.such", "1", ERR_NOENT},
        {"", "1", ERR_NOENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = config_new();
        struct diag d = {0};
        enum option o = option_find(slice_of(rows[i].key), NULL);
        enum err e = config_set(c, slice_of(rows[i].key), slice_of(rows[i].value), &d);
        if (e != rows[i].e)
            fail_msg("%s=%s: %s", rows[i].key, rows[i].value, d.text);
        if (o != OPT_N)
            assert_string_equal(config_text(c, o),
                                e == ERR_NONE ? rows[i].value : option_info(o)->def);
        config_free(c);
    }
}

static void test_lists(void **state)
{
    struct config *c = config_new();
    char many[5000];

    (void)state;
    assert_int_equal(config_list_n(c, OPT_INTAKE_FILES), 0);
    assert_int_equal(config_set(c, SLICE("intake.files"), SLICE("/a,,/b c,"), NULL), ERR_NONE);
    assert_int_equal(config_list_n(c, OPT_INTAKE_FILES), 2);
    assert_string_equal(config_list_at(c, OPT_INTAKE_FILES, 0), "/a");
    assert_string_equal(config_list_at(c, OPT_INTAKE_FILES, 1), "/b c");
    assert_string_equal(config_list_at(c, OPT_INTAKE_FILES, 2), "");
    memset(many, ',', sizeof(many));
    assert_int_equal(config_set(c, SLICE("intake.files"), (struct slice){many, sizeof(many)}, NULL),
                     ERR_LIMIT);
    assert_int_equal(config_set(c, SLICE("intake.files"), SLICE("a\0b"), NULL), ERR_SYNTAX);
    assert_int_equal(config_list_n(c, OPT_INTAKE_FILES), 2);
    config_free(c);
}

static void test_yaml(void **state)
{
    struct config *c = config_new();
    struct diag d = {0};

    (void)state;
    assert_int_equal(config_read_yaml(c,
                                      SLICE("# settings\n"
                                            "intake:\n"
                                            "  files: [/var/log/a.log, '/var/log/b c.log', 7]\n"
                                            "  journald: true\n"
                                            "rules:\n"
                                            "watch.batch_ms: 250\n"
                                            "listen: {web: '', ingest: 127.0.0.1:1}\n"),
                                      &d),
                     ERR_NONE);
    assert_int_equal(config_list_n(c, OPT_INTAKE_FILES), 3);
    assert_string_equal(config_list_at(c, OPT_INTAKE_FILES, 2), "7");
    assert_true(config_bool(c, OPT_INTAKE_JOURNALD));
    assert_int_equal(config_int(c, OPT_WATCH_BATCH_MS), 250);
    assert_string_equal(config_text(c, OPT_LISTEN_WEB), "");
    assert_string_equal(config_text(c, OPT_LISTEN_INGEST), "127.0.0.1:1");
    assert_int_equal(config_read_yaml(c, SLICE(""), &d), ERR_NONE);
    assert_int_equal(config_read_yaml(c, SLICE("# nothing\n"), &d), ERR_NONE);
    assert_int_equal(config_read_yaml(c, SLICE("intake: {files: one}\n"), &d), ERR_NONE);
    assert_int_equal(config_list_n(c, OPT_INTAKE_FILES), 1);
    assert_int_equal(config_int(c, OPT_WATCH_BATCH_MS), 250);
    config_free(c);
}

static void test_yaml_errors(void **state)
{
    static const struct {
        const char *in;
        enum err e;
        size_t at;
        const char *says;
    } rows[] = {
        {"demo: true\nlog: {levle: x}\n", ERR_NOENT, 17,
         "did you mean log.level?, line 2 column 7"},
        {"logs: {level: x}\n", ERR_NOENT, 7, "\"logs.level\""},
        {"intak:\n", ERR_NOENT, 0, "\"intak\""},
        {"demo: true\nwatch:\n  batch_ms: 9\n", ERR_LIMIT, 20, "10 to 10000, line 3 column 3"},
        {"demo: maybe\n", ERR_SYNTAX, 0, "line 1 column 1"},
        {"demo: [true]\n", ERR_SYNTAX, 0, "single value"},
        {"log: {level: {x: y}}\n", ERR_SYNTAX, 6, "single value"},
        {"intake: {files: [[a]]}\n", ERR_SYNTAX, 17, "single value"},
        {"intake: {files: [\"a\\nb\"]}\n", ERR_SYNTAX, 17, "line break"},
        {"log.level: info\nlog: {level: warn}\n", ERR_SYNTAX, 22, "set twice"},
        {"demo: true\ndemo: false\n", ERR_SYNTAX, 11, "twice"},
        {"- demo\n", ERR_SYNTAX, 0, "not a map"},
        {"demo: true\n---\ndemo: false\n", ERR_SYNTAX, 15, "second document"},
        {"demo: true\nlog: [\n", ERR_SYNTAX, 18, "line 3 column 1"},
        {"demo: true\nlog: &a x\n", ERR_UNSUPPORTED, 16, "anchor"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = config_new();
        struct diag d = {0};
        enum err e = config_read_yaml(c, slice_of(rows[i].in), &d);
        if (e != rows[i].e || d.at != rows[i].at || !strstr(d.text, rows[i].says))
            fail_msg("%s: %d at %zu: %s", rows[i].in, e, d.at, d.text);
        assert_false(config_bool(c, OPT_DEMO)); /* nothing of a refused file stays */
        config_free(c);
    }
}

static void test_roles(void **state)
{
    struct config *c = config_new(), *got = NULL;
    struct diag d = {0};
    struct buf b;

    (void)state;
    assert_int_equal(config_set(c, SLICE("intake.files"), SLICE("/a,/b"), &d), ERR_NONE);
    assert_int_equal(config_set(c, SLICE("tls.key"), SLICE("file:/k"), &d), ERR_NONE);
    assert_int_equal(config_set(c, SLICE("watch.batch_ms"), SLICE("77"), &d), ERR_NONE);
    buf_init(&b, 1 << 16);
    assert_int_equal(config_encode_for(c, ROLE_INTAKE, &b), ERR_NONE);
    assert_int_equal(config_decode(buf_slice(&b), &got, &d), ERR_NONE);
    assert_int_equal(config_list_n(got, OPT_INTAKE_FILES), 2);
    assert_string_equal(config_list_at(got, OPT_INTAKE_FILES, 1), "/b");
    assert_string_equal(config_text(got, OPT_TLS_KEY), "file:/k");
    assert_int_equal(config_int(got, OPT_WATCH_BATCH_MS), 500); /* not intake's business */
    config_free(got);
    buf_reset(&b);
    assert_int_equal(config_encode_for(c, ROLE_WATCH, &b), ERR_NONE);
    assert_null(memmem(b.p, b.n, "tls.key", 7));
    assert_int_equal(config_decode(buf_slice(&b), &got, &d), ERR_NONE);
    assert_int_equal(config_int(got, OPT_WATCH_BATCH_MS), 77);
    assert_string_equal(config_text(got, OPT_TLS_KEY), "");
    config_free(got);
    got = NULL;
    unsigned ok = 0;
    for (size_t cut = 0; cut < b.n; cut++) {
        enum err e = config_decode(slice_cut(buf_slice(&b), 0, cut), &got, &d);
        ok += e == ERR_NONE; /* only at the borders of pairs */
        if (e == ERR_NONE)
            config_free(got);
    }
    assert_true(ok > 0 && ok < 20);
    got = NULL;
    assert_int_equal(config_decode(SLICE("\x02"), &got, &d), ERR_VERSION);
    assert_int_equal(config_decode(SLICE("\x01\x01\0\0\0x\x01\0\0\0y"), &got, &d), ERR_NOENT);
    assert_null(got);
    buf_done(&b);
    buf_init(&b, 10);
    assert_int_equal(config_encode_for(c, ROLE_WATCH, &b), ERR_LIMIT);
    assert_int_equal(b.n, 0);
    buf_done(&b);
    config_free(c);
}

static void test_restart(void **state)
{
    struct config *a = config_new(), *b = config_new();
    enum option o = OPT_N;

    (void)state;
    assert_false(config_needs_restart(a, b, &o));
    assert_int_equal(config_set(b, SLICE("watch.batch_ms"), SLICE("77"), NULL), ERR_NONE);
    assert_false(config_needs_restart(a, b, &o));
    assert_int_equal(o, OPT_N);
    assert_int_equal(config_set(b, SLICE("store.url"), SLICE("http://x"), NULL), ERR_NONE);
    assert_true(config_needs_restart(a, b, &o));
    assert_int_equal(o, OPT_STORE_URL);
    assert_true(config_needs_restart(a, b, NULL));
    config_free(a);
    config_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_set),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_yaml),  cmocka_unit_test(test_yaml_errors),
        cmocka_unit_test(test_roles), cmocka_unit_test(test_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
