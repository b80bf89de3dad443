#include "desk/desk_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/alert.h"
#include "desk/findings.h"
#include "desk/org.h"
#include "desk/source.h"
#include "desk/user.h"

static const struct desk_actor tester = {.name = "tester", .role = "admin"};
static const int64_t noon = INT64_C(1764072000) * 1000000000;
static const struct alert_filter any = {.verdict = -1};

/* One frame; texts of a test stay without quotes. */
static struct slice finding(struct arena *a, unsigned id, const char *rule, const char *host,
                            const char *ip, unsigned org, int64_t time_ns)
{
    char text[900], when[TIME_TEXT_BYTES + 1];

    time_rfc3339(time_ns, when);
    int n =
        snprintf(text, sizeof(text),
                 "{\"kind\":\"finding\",\"id\":\"%032x\",\"rule_id\":\"%s\",\"title\":\"Rule %s\","
                 "\"title_vi\":\"Đăng nhập thất bại\",\"level\":\"high\","
                 "\"tags\":[\"attack.t1110\"],\"time\":\"%s\",\"org\":%u,\"system\":0,"
                 "\"source\":\"src\",\"entities\":{\"host.name\":\"%s\",\"source.ip\":\"%s\"},"
                 "\"events\":[\"0190-%u\"],\"matched\":{\"EventID\":4625},\"rule_version\":"
                 "\"00ff\",\"selections\":[\"selection\"],\"message\":\"m%u\"}",
                 id, rule, rule, when, org, host, ip, id, id);
    struct slice out = {0};
    OK(arena_dup(a, (struct slice){text, (size_t)n}, &out));
    return out;
}

static struct findings_result apply(struct fixture *f, const struct slice *frames, size_t n,
                                    uint64_t at)
{
    struct findings_result r = {0};

    OK(findings_apply(f->desk, SLICE("findings"), frames, n, (struct jpos){1, at}, &r, &diag));
    return r;
}

static size_t alerts(struct fixture *f, struct desk_scope scope, struct alert **ret)
{
    size_t n = 0;

    OK(alert_list(f->desk, scope, &any, &f->arena, ret, &n, &diag));
    return n;
}

static void findings_group(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice *events,
        in[] = {
            finding(&f->arena, 1, "r1", "web1", "1.2.3.4", 2, noon),
            finding(&f->arena, 2, "r1", "WEB1", "5.6.7.8", 2, noon + 3599 * NS_PER_S),
            finding(&f->arena, 3, "r1", "web1", "1.2.3.4", 2, noon - 600 * NS_PER_S), /* late */
            finding(&f->arena, 4, "r1", "web2", "1.2.3.4", 2, noon),  /* other entity */
            finding(&f->arena, 5, "r2", "web1", "1.2.3.4", 2, noon),  /* other rule */
            finding(&f->arena, 6, "r1", "web1", "1.2.3.4", 99, noon), /* no such org */
            finding(&f->arena, 7, "r1", "web1", "1.2.3.4", 2,
                    noon + 9000 * NS_PER_S),                         /* window over */
            finding(&f->arena, 1, "r1", "web1", "1.2.3.4", 2, noon), /* again */
        };
    struct alert *list;
    size_t n;

    struct findings_result r = apply(f, in, ARRAY_LEN(in), 100);
    assert_int_equal(r.findings, 7);
    assert_int_equal(r.repeated, 1);
    assert_int_equal(r.alerts, 5);
    assert_int_equal(alerts(f, DESK_SCOPE_ALL, &list), 5);
    const struct alert *a = NULL;
    for (size_t i = 0; i < 5; i++)
        if (list[i].count == 3)
            a = &list[i];
    assert_non_null(a);
    assert_int_equal(a->first_ns, noon - 600 * NS_PER_S);
    assert_int_equal(a->last_ns, noon + 3599 * NS_PER_S);
    assert_slice(a->message, "m2");
    assert_slice(a->matched, "{\"EventID\":4625}");
    assert_slice(a->rule_version, "00ff");
    assert_slice(a->selections, "[\"selection\"]");
    assert_slice(a->tags, "[\"attack.t1110\"]");
    assert_slice(a->entities,
                 "{\"host.name\":[\"web1\",\"WEB1\"],\"source.ip\":[\"1.2.3.4\",\"5.6.7.8\"]}");
    assert_int_equal(a->level, ALERT_HIGH);
    OK(alert_events(f->desk, DESK_SCOPE_ALL, a->id, &f->arena, &events, &n, &diag));
    assert_int_equal(n, 3);
    assert_slice(events[0], "0190-3");
}

/* The promise of exactly once: replays and restarts anywhere give what one pass gives. */
static void replays_change_nothing(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice frames[60];
    struct alert *list;
    struct jpos pos;
    uint64_t counts = 0;
    size_t n, at = 0;
    unsigned seed = 7;

    for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
        char rule[8], host[8];
        (void)snprintf(rule, sizeof(rule), "r%u", i % 3);
        (void)snprintf(host, sizeof(host), "h%u", i * 7 % 4);
        frames[i] = finding(&f->arena, i, rule, host, "1.1.1.1", 2, noon + i * NS_PER_S);
    }
    while (at < ARRAY_LEN(frames)) { /* each round goes back a little, as after a crash of watch */
        size_t from = at > 5 ? at - (size_t)rand_r(&seed) % 5 : 0,
               to = from + 1 + (size_t)rand_r(&seed) % 12;
        to = to > ARRAY_LEN(frames) ? ARRAY_LEN(frames) : to;
        (void)apply(f, frames + from, to - from, to);
        at = to > at ? to : at;
        if (rand_r(&seed) % 2)
            desk_fixture_reopen(f);
        OK(findings_cursor(f->desk, SLICE("findings"), &pos, &diag));
        assert_int_equal(pos.offset, to);
    }
    n = alerts(f, DESK_SCOPE_ALL, &list);
    assert_int_equal(n, 12);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].count, 5);
        counts += list[i].count;
    }
    assert_int_equal(counts, ARRAY_LEN(frames));
    struct findings_result r = apply(f, frames, ARRAY_LEN(frames), 60);
    assert_int_equal(r.findings + r.alerts, 0);
    assert_int_equal(r.repeated, 60);
}

static void old_ids_go_and_alerts_stay(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice in[] = {finding(&f->arena, 1, "r", "h", "1.1.1.1", 2, noon),
                         finding(&f->arena, 2, "r", "h", "1.1.1.1", 2, noon)};
    struct db *db = desk_fixture_db(f);
    struct alert *list;
    int64_t n = 0;

    desk_fixture_freeze(noon);
    desk_fixture_reopen(f);
    (void)apply(f, in, 1, 1);
    desk_fixture_pass(INT64_C(89) * 86400 * NS_PER_S);
    (void)apply(f, in + 1, 1, 2);
    OK(desk_tick(f->desk, &diag));
    OK(db_one(db, "SELECT COUNT(*) FROM findings", DB_NONE, &n, &diag));
    assert_int_equal(n, 2);
    desk_fixture_pass(INT64_C(2) * 86400 * NS_PER_S);
    OK(desk_tick(f->desk, &diag));
    OK(db_one(db, "SELECT COUNT(*) FROM findings", DB_NONE, &n, &diag));
    assert_int_equal(n, 1);
    assert_int_equal(alerts(f, DESK_SCOPE_ALL, &list), 1);
    assert_int_equal(list[0].count, 2);
    db_close(db);
}

/* A desk killed at any moment has applied a batch with its cursor, or neither. */
static void killed_in_the_middle(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice frames[40];
    struct alert *list;
    struct jpos pos;

    for (unsigned i = 0; i < ARRAY_LEN(frames); i++)
        frames[i] = finding(&f->arena, i, "r", "h", "1.1.1.1", 2, noon + i * NS_PER_S);
    for (int round = 0; round < 12; round++) {
        desk_close(f->desk);
        f->desk = NULL;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) { /* one transaction per frame until killed */
            struct desk_options opt = {.data_dir = f->dir,
                                       .conninfo = f->kind == DB_PG ? f->conninfo : NULL};
            struct desk *d = NULL;
            if (desk_open(&opt, &d, NULL) != ERR_NONE)
                _exit(1);
            for (;;) {
                if (findings_cursor(d, SLICE("findings"), &pos, NULL) != ERR_NONE)
                    _exit(2);
                size_t at = pos.offset % ARRAY_LEN(frames);
                if (findings_apply(d, SLICE("findings"), frames + at, 1,
                                   (struct jpos){1, pos.offset + 1}, NULL, NULL) != ERR_NONE)
                    _exit(3);
            }
        }
        (void)usleep(30000 + 4321 * (unsigned)round);
        (void)kill(pid, SIGKILL);
        int status = 0;
        (void)waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        desk_fixture_reopen(f);
        OK(findings_cursor(f->desk, SLICE("findings"), &pos, &diag));
        size_t n = alerts(f, DESK_SCOPE_ALL, &list);
        uint64_t want = pos.offset < ARRAY_LEN(frames) ? pos.offset : ARRAY_LEN(frames);
        assert_int_equal(n, want ? 1 : 0);
        if (n)
            assert_int_equal(list[0].count, want);
    }
    assert_true(pos.offset > 0);
}

static void bad_frames_are_kept_aside(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice in[] = {
        SLICE("{"),
        SLICE("\xff\x00"),
        SLICE("[]"),
        SLICE("{\"kind\":\"other\"}"),
        SLICE("{\"kind\":\"finding\",\"id\":\"short\"}"),
        SLICE(
            "{\"kind\":\"finding\",\"id\":\"00000000000000000000000000000001\",\"rule_id\":\"r\"}"),
        finding(&f->arena, 2, "r", "h", "1.1.1.1", 2, noon),
    };
    struct alert *list;

    struct findings_result r = apply(f, in, ARRAY_LEN(in), 9);
    assert_int_equal(r.bad, 6);
    assert_int_equal(r.findings, 1);
    assert_int_equal(alerts(f, DESK_SCOPE_ALL, &list), 1);
    struct db *db = desk_fixture_db(f);
    int64_t n = 0;
    OK(db_one(db, "SELECT COUNT(*) FROM findings_bad WHERE reason <> ''", DB_NONE, &n, &diag));
    assert_int_equal(n, 6);
    db_close(db);
    FAILS(ERR_LIMIT, findings_apply(f->desk, SLICE("x"), in, FINDINGS_BATCH_MAX + 1,
                                    (struct jpos){1, 1}, NULL, &diag));
}

static void source_counts_go_with_the_cursor(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice in[] = {
        SLICE("{\"kind\":\"sources\",\"items\":[{\"name\":\"fw\",\"input\":\"syslog\",\"org\":2,"
              "\"system\":0,\"source\":0,\"count\":123,\"last\":\"2026-11-25T08:00:00Z\","
              "\"errors\":4},{\"name\":\"\",\"count\":1},"
              "{\"name\":\"absurd\",\"org\":2,\"count\":9223372036854775807}]}"),
    };
    struct source_filter all = {.status = -1};
    struct source *list;
    size_t n;

    (void)apply(f, in, 1, 1);
    (void)apply(f, in, 1, 2);
    OK(source_list(f->desk, DESK_SCOPE_ALL, &all, &f->arena, &list, &n, &diag));
    assert_int_equal(n, 1);
    assert_int_equal(list[0].events, 246);
    assert_int_equal(list[0].errors, 8);
    assert_int_equal(list[0].last_ns, INT64_C(1795593600) * NS_PER_S);
}

static void many_events_keep_the_newest(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice frames[150], *events;
    struct alert *list;
    size_t n;

    for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
        char ip[16];
        (void)snprintf(ip, sizeof(ip), "10.0.0.%u", i);
        frames[i] = finding(&f->arena, i, "r", "h", ip, 2, noon + i);
    }
    (void)apply(f, frames, ARRAY_LEN(frames), 1);
    assert_int_equal(alerts(f, DESK_SCOPE_ALL, &list), 1);
    assert_int_equal(list[0].count, 150);
    OK(alert_events(f->desk, DESK_SCOPE_ALL, list[0].id, &f->arena, &events, &n, &diag));
    assert_int_equal(n, ALERT_EVENTS_MAX);
    assert_slice(events[0], "0190-149");
    assert_slice(events[99], "0190-50");
    size_t commas = 0;
    for (size_t i = 0; i < list[0].entities.n; i++)
        commas += list[0].entities.p[i] == ',';
    assert_int_equal(commas, ALERT_ENTITY_VALUES_MAX); /* 19 between 20 addresses, 1 between keys */
}

static void other_tenants_see_nothing(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct org other = {.slug = SLICE("other"), .name = SLICE("Other")};
    struct alert *list, got;
    struct alert_note *notes;
    struct slice *events;
    struct alert_counts counts;
    uint32_t id, own = ORG_DEFAULT;
    size_t n;

    OK(org_add(f->desk, &tester, &other, &id, &diag));
    struct slice in = finding(&f->arena, 1, "r", "h", "1.1.1.1", 2, noon);
    (void)apply(f, &in, 1, 1);
    struct desk_scope theirs = {.orgs = &id, .n = 1}, ours = {.orgs = &own, .n = 1};
    const struct desk_scope empty[] = {theirs, {.all = false}};
    assert_int_equal(alerts(f, ours, &list), 1);
    uint64_t alert = list[0].id;
    struct alert_patch ack = {.set_state = true, .state = ALERT_ACKNOWLEDGED};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        assert_int_equal(alerts(f, empty[i], &list), 0);
        OK(alert_count(f->desk, empty[i], &any, &counts, &diag));
        assert_int_equal(counts.total, 0);
        FAILS(ERR_NOENT, alert_get(f->desk, empty[i], alert, &f->arena, &got, &diag));
        FAILS(ERR_NOENT,
              alert_change(f->desk, &tester, empty[i], alert, &ack, &f->arena, &got, &diag));
        OK(alert_events(f->desk, empty[i], alert, &f->arena, &events, &n, &diag));
        assert_int_equal(n, 0);
        OK(alert_history(f->desk, empty[i], alert, &f->arena, &notes, &n, &diag));
        assert_int_equal(n, 0);
    }
    OK(alert_count(f->desk, ours, &any, &counts, &diag));
    assert_int_equal(counts.by[ALERT_NEW][ALERT_HIGH], 1);
}

static void from_new_to_closed(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct user in = {.login = SLICE("an"), .role = USER_ANALYST, .org = 2, .locale = SLICE("vi")};
    struct desk_actor an = {.name = "an", .role = "analyst"};
    struct alert *list, got;
    struct alert_note *notes;
    size_t n;

    OK(user_add(f->desk, &tester, &in, SLICE(""), &an.user, &diag));
    struct slice one = finding(&f->arena, 1, "r", "h", "1.1.1.1", 2, noon),
                 two = finding(&f->arena, 2, "r", "h", "1.1.1.1", 2, noon + 1),
                 three = finding(&f->arena, 3, "r", "h", "1.1.1.1", 2, noon + 2);
    (void)apply(f, &one, 1, 1);
    (void)alerts(f, DESK_SCOPE_ALL, &list);
    uint64_t id = list[0].id;
#define CHANGE(...)                                                                                \
    alert_change(f->desk, &an, DESK_SCOPE_ALL, id, &(struct alert_patch){__VA_ARGS__}, &f->arena,  \
                 &got, &diag)
    FAILS(ERR_SYNTAX, CHANGE(.set_state = true, .state = ALERT_CLOSED));
    FAILS(ERR_SYNTAX, CHANGE(.set_verdict = true, .verdict = ALERT_BENIGN));
    FAILS(ERR_SYNTAX, CHANGE(.set_verdict = true, .verdict = ALERT_BENIGN, .reason = SLICE("  ")));
    FAILS(ERR_SYNTAX, CHANGE(.set_assignee = true, .assignee = 999));
    FAILS(ERR_PRECOND, CHANGE(.version = 7, .set_state = true, .state = ALERT_ACKNOWLEDGED));
    OK(CHANGE(.version = 1, .set_state = true, .state = ALERT_ACKNOWLEDGED));
    assert_int_equal(got.version, 2);
    assert_int_equal(got.state, ALERT_ACKNOWLEDGED);
    assert_slice(got.assignee_name, "an");
    assert_true(got.acked_ns > 0);
    OK(CHANGE(.set_state = true, .state = ALERT_ACKNOWLEDGED)); /* twice is once */
    assert_int_equal(got.version, 2);
    (void)apply(f, &two, 1, 2);
    OK(CHANGE(.version = 2, .set_verdict = true, .verdict = ALERT_FALSE_POSITIVE,
              .reason = SLICE("quét nội bộ"), .comment = SLICE("đã hỏi")));
    assert_int_equal(got.state, ALERT_CLOSED);
    assert_int_equal(got.count, 2);
    assert_slice(got.reason, "quét nội bộ");
    struct findings_result r = apply(f, &three, 1, 3); /* closed: a new one begins */
    assert_int_equal(r.alerts, 1);
    OK(CHANGE(.set_state = true, .state = ALERT_ACKNOWLEDGED));
    assert_int_equal(got.verdict, ALERT_NO_VERDICT);
    assert_int_equal(got.closed_ns, 0);
    OK(alert_history(f->desk, DESK_SCOPE_ALL, id, &f->arena, &notes, &n, &diag));
    static const char *const want[] = {"created", "acknowledged", "assigned", "closed",
                                       "verdict", "comment",      "reopened"};
    assert_int_equal(n, ARRAY_LEN(want));
    for (size_t i = 0; i < n; i++)
        assert_slice(notes[i].what, want[i]);
    assert_slice(notes[4].text, "false_positive: quét nội bộ");
}

static void lists_page_and_filter(void **state)
{
    struct fixture *f = desk_fixture(state);
    struct slice frames[30];
    struct alert *page;
    size_t n, seen = 0;

    for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
        char host[8];
        (void)snprintf(host, sizeof(host), "h%u", i);
        frames[i] = finding(&f->arena, i, i % 2 ? "odd" : "even", host, "1.1.1.1", 2,
                            noon + i / 3 * NS_PER_S); /* equal times */
    }
    (void)apply(f, frames, ARRAY_LEN(frames), 1);
    for (int by_level = 0; by_level < 2; by_level++) {
        struct alert_filter flt = {.verdict = -1, .by_level = by_level, .limit = 7};
        bool had[32] = {false};
        seen = 0;
        do {
            OK(alert_list(f->desk, DESK_SCOPE_ALL, &flt, &f->arena, &page, &n, &diag));
            for (size_t i = 0; i < n; i++, seen++) {
                assert_false(had[page[i].id]);
                had[page[i].id] = true;
                flt.after.id = page[i].id;
                flt.after.last_ns = page[i].last_ns;
                flt.after.level = page[i].level;
            }
        } while (n == 7);
        assert_int_equal(seen, 30);
    }
    static const struct {
        struct alert_filter flt;
        size_t want;
    } cases[] = {
        {{.verdict = -1, .rule_id = {"odd", 3}}, 15},
        {{.verdict = -1, .text = {"dang NHAP", 9}}, 30},
        {{.verdict = -1, .text = {"h17", 3}}, 1},
        {{.verdict = -1, .text = {"%", 1}}, 0},
        {{.verdict = -1, .text = {"_", 1}}, 0},
        {{.verdict = -1, .states = 1u << ALERT_CLOSED}, 0},
        {{.verdict = -1, .states = 1u << ALERT_CLOSED | 1u << ALERT_NEW}, 30},
        {{.verdict = -1, .levels = 1u << ALERT_LOW}, 0},
        {{.verdict = ALERT_BENIGN}, 0},
        {{.verdict = -1, .org = 3}, 0},
        {{.verdict = -1, .from_ns = 1764072009000000000}, 3},
        {{.verdict = -1, .to_ns = 1764072001000000000}, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        OK(alert_list(f->desk, DESK_SCOPE_ALL, &cases[i].flt, &f->arena, &page, &n, &diag));
        if (n != cases[i].want)
            fail_msg("case %zu: %zu instead of %zu", i, n, cases[i].want);
    }
}

static void words_go_both_ways(void **state)
{
    char text[ALERT_ID_BYTES];
    enum alert_verdict v;
    enum alert_state s;
    enum alert_level l;
    uint64_t id = 0;

    (void)state;
    for (int i = 0; i < ALERT_VERDICT_N; i++) {
        assert_true(alert_verdict_parse(slice_of(alert_verdict_name((enum alert_verdict)i)), &v));
        assert_int_equal(v, i);
    }
    assert_true(alert_state_parse(SLICE("acknowledged"), &s) && s == ALERT_ACKNOWLEDGED);
    assert_true(alert_level_parse(SLICE("critical"), &l) && l == ALERT_CRITICAL);
    assert_false(alert_level_parse(SLICE(""), &l) || alert_level_parse(SLICE("High"), &l));
    alert_id_text(INT64_MAX, text);
    assert_true(alert_id_parse(slice_of(text), &id) && id == INT64_MAX);
    static const char *const bad[] = {
        "", "17", "alr_", "alr_0", "alr_-1", "alr_9223372036854775808", "inc_1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(alert_id_parse(slice_of(bad[i]), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_both_ways),
        ON_BOTH(findings_group),
        ON_BOTH(replays_change_nothing),
        ON_BOTH(old_ids_go_and_alerts_stay),
        ON_BOTH(killed_in_the_middle),
        ON_BOTH(bad_frames_are_kept_aside),
        ON_BOTH(source_counts_go_with_the_cursor),
        ON_BOTH(many_events_keep_the_newest),
        ON_BOTH(other_tenants_see_nothing),
        ON_BOTH(from_new_to_closed),
        ON_BOTH(lists_page_and_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
