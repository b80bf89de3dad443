#include "web/web_fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "core/json.h"
#include "core/metrics.h"
#include "desk/user.h"

#define JSON "X-Coloa: 1\r\n"

static void test_sign_in(void **state)
{
    struct web_fixture *f = *state;
    char cookie[WEB_COOKIE_BYTES], set[200];

    assert_status(web_fixture_ask(f, "GET", "/api/v1/session", NULL, NULL), 401, f);
    assert_has(f, "\"code\":\"unauthenticated\"");
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, cookie), 200, f);
    web_fixture_header(f, "Set-Cookie", set, sizeof(set));
    assert_true(strncmp(set, "__Host-sid=", 11) == 0);
    assert_non_null(strstr(set, "; Path=/; Secure; HttpOnly; SameSite=Strict"));
    assert_has(f, "\"name\":\"lan\"");
    assert_has(f, "\"role\":\"analyst\"");
    assert_has(f, "\"org\":\"2\"");
    assert_has(f, "\"must_change\":false");
    assert_has(f, "\"alerts.write\"");
    assert_has_not(f, "\"users.admin\"");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/session", cookie, NULL), 200, f);
    assert_status(web_fixture_ask(f, "DELETE", "/api/v1/session", cookie, NULL), 204, f);
    assert_has(f, "Max-Age=0");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/session", cookie, NULL), 401, f);
}

static void test_wrong_password_is_slowed(void **state)
{
    struct web_fixture *f = *state;
    char cookie[WEB_COOKIE_BYTES], wait[16];
    int status = 0;

    for (int i = 0; i < 12 && status != 429; i++) {
        status = web_fixture_sign_in(f, "lan", "wrong", cookie);
        if (status != 429)
            assert_status(status, 401, f);
        assert_has_not(f, "Set-Cookie");
    }
    assert_int_equal(status, 429);
    web_fixture_header(f, "Retry-After", wait, sizeof(wait));
    assert_true(strtol(wait, NULL, 10) >= 1);
    /* an unknown account reads the same as a wrong password */
    assert_status(web_fixture_sign_in(f, "nobody-here", "wrong", cookie), 401, f);
    assert_has(f, "\"code\":\"unauthenticated\"");
}

static void test_guard(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *code;
    } rows[] = {
        {"", 403, "\"code\":\"cross-site\""},
        {"X-Coloa: 0\r\n", 403, "\"code\":\"cross-site\""},
        {JSON "Sec-Fetch-Site: cross-site\r\n", 403, "\"code\":\"cross-site\""},
        {JSON "Sec-Fetch-Site: same-site\r\n", 403, "\"code\":\"cross-site\""},
        {JSON "Sec-Fetch-Site: same-origin\r\n", 401, "\"code\":\"unauthenticated\""},
        {JSON, 401, "\"code\":\"unauthenticated\""},
    };
    struct web_fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_status(web_fixture_ask(f, "POST", "/api/v1/session", rows[i].headers,
                                      "{\"login\":\"x\",\"password\":\"y\"}"),
                      rows[i].status, f);
        assert_has(f, rows[i].code);
    }
    /* a form of another page cannot send JSON */
    char cookie[WEB_COOKIE_BYTES], headers[400];
    assert_status(web_fixture_sign_in(f, "admin", PASSWORD, cookie), 200, f);
    (void)snprintf(headers, sizeof(headers), "%sContent-Type: text/plain\r\nContent-Length: 2\r\n",
                   cookie);
    int fd = web_fixture_dial(f);
    dprintf(fd, "POST /api/v1/organisations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n{}",
            headers);
    web_fixture_take(fd, f->answer, WEB_ANSWER_CAP, NULL, 5000);
    close(fd);
    assert_has(f, "HTTP/1.1 415");
    /* reading needs none of it */
    (void)snprintf(headers, sizeof(headers), "%s", strstr(cookie, "Cookie:"));
    assert_status(web_fixture_ask(f, "GET", "/api/v1/session", headers, NULL), 200, f);
}

static void test_problem_and_headers(void **state)
{
    static const char *const wanted[] = {
        "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src "
        "'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types svelte-trusted-html\r\n",
        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nCross-Origin-Opener-Policy: same-origin\r\n",
        "\r\nCross-Origin-Resource-Policy: same-origin\r\n",
        "\r\nPermissions-Policy: ",
        "\r\nX-Request-Id: ",
    };
    static const char *const paths[] = {"/", "/api/v1/nothing", "/healthz", "/a.js",
                                        "/api/v1/session"};
    struct web_fixture *f = *state;

    for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
        web_fixture_ask(f, "GET", paths[p], NULL, NULL);
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
            assert_has(f, wanted[i]);
        assert_has_not(f, "Strict-Transport-Security"); /* plain HTTP */
    }
    assert_status(web_fixture_ask(f, "GET", "/api/v1/nothing", NULL, NULL), 404, f);
    char id[64], type[64], want[96];
    web_fixture_header(f, "X-Request-Id", id, sizeof(id));
    web_fixture_header(f, "Content-Type", type, sizeof(type));
    assert_string_equal(type, "application/problem+json");
    struct json_reader *r = json_reader_new(1 << 16, 1000);
    const struct json_node *root;
    assert_int_equal(json_read_strict(r, slice_of(f->body), &root, NULL), ERR_NONE);
    assert_int_equal(json_get_int(root, "status", 0), 404);
    assert_true(slice_eq(json_get_str(root, "type"), SLICE("about:blank")));
    assert_true(slice_eq(json_get_str(root, "code"), SLICE("not-found")));
    assert_true(slice_eq(json_get_str(root, "instance"), SLICE("/api/v1/nothing")));
    (void)snprintf(want, sizeof(want), "%s", id);
    assert_true(slice_eq(json_get_str(root, "request_id"), slice_of(want)));
    json_reader_free(r);
    assert_status(web_fixture_ask(f, "PUT", "/api/v1/alerts", NULL, NULL), 405, f);
    assert_has(f, "\r\nAllow: GET\r\n");
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session", JSON, "{\"login\":1,\"x\":2}"), 400,
                  f);
    assert_has(f, "\"errors\":[{\"pointer\":\"/x\",\"code\":\"unknown-member\"}]");
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session", JSON, "{\"login\":"), 400, f);
}

static void test_scope(void **state)
{
    struct web_fixture *f = *state;
    char lan[WEB_COOKIE_BYTES], binh[WEB_COOKIE_BYTES], admin[WEB_COOKIE_BYTES], path[64];
    char etagged[400];
    unsigned a = web_fixture_alert(f, ORG_DEFAULT, "web1");
    unsigned b = web_fixture_alert(f, f->org_b, "web2");
    unsigned u = web_fixture_alert(f, ORG_UNASSIGNED, "web3");

    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    assert_status(web_fixture_sign_in(f, "binh", PASSWORD, binh), 200, f);
    assert_status(web_fixture_sign_in(f, "admin", PASSWORD, admin), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", lan, NULL), 200, f);
    assert_has(f, "\"host.name\":\"web1\"");
    assert_has_not(f, "web2");
    assert_has_not(f, "web3");
    assert_has(f, "\"total\":{\"value\":1,\"relation\":\"eq\"}");
    (void)snprintf(path, sizeof(path), "/api/v1/alerts/alr_%u", b);
    assert_status(web_fixture_ask(f, "GET", path, lan, NULL), 404, f);
    (void)snprintf(etagged, sizeof(etagged), "%sIf-Match: *\r\n", lan);
    assert_status(web_fixture_ask(f, "PATCH", path, etagged, "{\"state\":\"acknowledged\"}"), 404,
                  f);
    assert_status(web_fixture_ask(f, "GET", path, binh, NULL), 200, f);
    (void)snprintf(path, sizeof(path), "/api/v1/alerts?org=%u", (unsigned)f->org_b);
    assert_status(web_fixture_ask(f, "GET", path, lan, NULL), 200, f);
    assert_has(f, "\"items\":[]");
    /* a viewer reads and changes nothing */
    (void)snprintf(path, sizeof(path), "/api/v1/alerts/alr_%u", b);
    (void)snprintf(etagged, sizeof(etagged), "%sIf-Match: *\r\n", binh);
    assert_status(web_fixture_ask(f, "PATCH", path, etagged, "{\"state\":\"acknowledged\"}"), 403,
                  f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/users", lan, NULL), 403, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/organisations", lan, NULL), 200, f);
    assert_has_not(f, "Sở B");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", admin, NULL), 200, f);
    assert_has(f, "\"total\":{\"value\":3,");
    (void)a;
    (void)u;
}

static void test_etag(void **state)
{
    struct web_fixture *f = *state;
    char cookie[WEB_COOKIE_BYTES], path[64], etag[64], headers[400];
    unsigned id = web_fixture_alert(f, ORG_DEFAULT, "web1");

    (void)snprintf(path, sizeof(path), "/api/v1/alerts/alr_%u", id);
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, cookie), 200, f);
    assert_status(web_fixture_ask(f, "GET", path, cookie, NULL), 200, f);
    web_fixture_header(f, "ETag", etag, sizeof(etag));
    assert_true(etag[0] == '"');
    assert_has(f, "\"events\":[\"01900000-");
    assert_has(f, "\"history\":[{");
    assert_status(web_fixture_ask(f, "PATCH", path, cookie, "{\"state\":\"acknowledged\"}"), 428,
                  f);
    assert_has(f, "\"code\":\"if-match-required\"");
    (void)snprintf(headers, sizeof(headers), "%sIf-Match: %s\r\n", cookie, etag);
    assert_status(web_fixture_ask(f, "PATCH", path, headers, "{\"state\":\"acknowledged\"}"), 200,
                  f);
    assert_has(f, "\"state\":\"acknowledged\"");
    assert_status(web_fixture_ask(f, "PATCH", path, headers, "{\"comment\":\"late\"}"), 412, f);
    assert_has(f, "\"code\":\"precondition\"");
    assert_has(f, "\"current\":{\"id\":\"alr_");
    web_fixture_header(f, "ETag", etag, sizeof(etag));
    (void)snprintf(headers, sizeof(headers), "%sIf-Match: %s\r\n", cookie, etag);
    assert_status(web_fixture_ask(f, "PATCH", path, headers, "{\"verdict\":\"false_positive\"}"),
                  400, f);
    assert_has(f, "\"pointer\":\"/reason\"");
    assert_status(web_fixture_ask(f, "PATCH", path, headers,
                                  "{\"verdict\":\"false_positive\",\"reason\":\"a scan\","
                                  "\"assignee\":\"me\"}"),
                  200, f);
    assert_has(f, "\"state\":\"closed\"");
    assert_has(f, "\"verdict\":\"false_positive\"");
    assert_has(f, "\"assignee\":{\"id\":\"usr_");
    static const char *const wrong[] = {"x", "\"x\"", "v3", "\"v\"", "\"v0\"", "W/\"v3\""};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        (void)snprintf(headers, sizeof(headers), "%sIf-Match: %s\r\n", cookie, wrong[i]);
        assert_status(web_fixture_ask(f, "PATCH", path, headers, "{\"comment\":\"c\"}"), 400, f);
    }
}

static void test_cursor(void **state)
{
    struct web_fixture *f = *state;
    char cookie[WEB_COOKIE_BYTES], path[800], host[32], cursor[600] = "";
    unsigned seen = 0, pages = 0;

    for (int i = 0; i < 7; i++) {
        (void)snprintf(host, sizeof(host), "web-%d", i);
        web_fixture_alert(f, ORG_DEFAULT, host);
    }
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, cookie), 200, f);
    do {
        (void)snprintf(path, sizeof(path), "/api/v1/alerts?limit=3%s%s", *cursor ? "&cursor=" : "",
                       cursor);
        assert_status(web_fixture_ask(f, "GET", path, cookie, NULL), 200, f);
        for (const char *p = f->body; (p = strstr(p, "\"id\":\"alr_")); p++)
            seen++;
        assert_has(f, "\"total\":{\"value\":7,\"relation\":\"eq\"}");
        pages++;
        const char *next = strstr(f->body, "\"next_cursor\":\"");
        if (!next)
            break;
        next += 15;
        (void)snprintf(cursor, sizeof(cursor), "%.*s", (int)strcspn(next, "\""), next);
    } while (pages < 10);
    assert_int_equal(seen, 7);
    assert_int_equal(pages, 3);
    assert_has(f, "\"next_cursor\":null");
    /* none but ours, whole, and for this list */
    size_t n = strlen(cursor);
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        char old = cursor[i];
        cursor[i] = old == 'A' ? 'Q' : 'A';
        (void)snprintf(path, sizeof(path), "/api/v1/alerts?cursor=%s", cursor);
        if (i + 1 < n) /* the last digit has bits that count for nothing */
            assert_status(web_fixture_ask(f, "GET", path, cookie, NULL), 400, f);
        cursor[i] = old;
    }
    (void)snprintf(path, sizeof(path), "/api/v1/sources?cursor=%s", cursor);
    assert_status(web_fixture_ask(f, "GET", path, cookie, NULL), 400, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts?cursor=%20", cookie, NULL), 400, f);
}

static void test_token_and_local(void **state)
{
    struct web_fixture *f = *state;
    char secret[64] = "", headers[200];

    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/session", NULL, NULL), 200, f);
    assert_has(f, "\"role\":\"admin\"");
    assert_status(web_fixture_ask_local(f, "POST", "/api/v1/tokens", NULL,
                                        "{\"role\":\"machine\",\"org\":\"2\"}"),
                  201, f);
    const char *at = strstr(f->body, "\"secret\":\"");
    assert_non_null(at);
    (void)snprintf(secret, sizeof(secret), "%.*s", (int)strcspn(at + 10, "\""), at + 10);
    (void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", secret);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", headers, NULL), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/users", headers, NULL), 403, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", "Authorization: Bearer no\r\n", NULL),
                  401, f);
    assert_status(
        web_fixture_ask(f, "GET", "/api/v1/alerts", "Authorization: Basic eDp5\r\n", NULL), 401, f);
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/tokens", NULL, NULL), 200, f);
    assert_has_not(f, secret);
    at = strstr(f->body, "\"id\":\"tok_");
    assert_non_null(at);
    char path[64];
    (void)snprintf(path, sizeof(path), "/api/v1/tokens/%.*s", (int)strcspn(at + 6, "\""), at + 6);
    assert_status(web_fixture_ask_local(f, "DELETE", path, NULL, NULL), 204, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", headers, NULL), 401, f);
    /* the secret of a machine needs an organisation */
    assert_status(web_fixture_ask_local(f, "POST", "/api/v1/tokens", NULL, "{}"), 400, f);
    assert_has(f, "\"pointer\":\"/org\"");
}

static void test_people_and_places(void **state)
{
    struct web_fixture *f = *state;
    char manh[WEB_COOKIE_BYTES], hoa[WEB_COOKIE_BYTES], tra[WEB_COOKIE_BYTES], password[64];

    assert_status(web_fixture_ask_local(f, "POST", "/api/v1/users", NULL,
                                        "{\"login\":\"hoa\",\"role\":\"analyst\",\"org\":\"2\","
                                        "\"name\":\"Hoa\"}"),
                  201, f);
    const char *at = strstr(f->body, "\"password\":\"");
    assert_non_null(at);
    (void)snprintf(password, sizeof(password), "%.*s", (int)strcspn(at + 12, "\""), at + 12);
    assert_status(web_fixture_sign_in(f, "hoa", password, hoa), 200, f);
    assert_has(f, "\"must_change\":true");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", hoa, NULL), 403, f);
    assert_has(f, "\"code\":\"password-change-required\"");
    char body[256];
    (void)snprintf(body, sizeof(body), "{\"old\":\"%s\",\"new\":\"%s\"}", password, PASSWORD);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session/password", hoa, body), 204, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/alerts", hoa, NULL), 200, f);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session/password", hoa, body), 422, f);
    assert_has(f, "\"code\":\"wrong-password\"");

    /* a manager registers systems of his own organisation only */
    assert_status(web_fixture_sign_in(f, "manh", PASSWORD, manh), 200, f);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/systems", manh,
                                  "{\"name\":\"Cổng\",\"org\":2,\"level\":3}"),
                  201, f);
    assert_has(f, "\"level\":3");
    (void)snprintf(body, sizeof(body), "{\"name\":\"X\",\"org\":\"%u\",\"level\":3}",
                   (unsigned)f->org_b);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/systems", manh, body), 400, f);
    assert_has(f, "\"code\":\"no-such-organisation\"");
    assert_status(web_fixture_ask(f, "POST", "/api/v1/systems", manh,
                                  "{\"name\":\"X\",\"org\":2,\"level\":6}"),
                  400, f);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/users", manh, "{\"login\":\"eve\"}"), 403, f);
    assert_status(web_fixture_ask_local(f, "POST", "/api/v1/organisations", NULL,
                                        "{\"name\":\"Sở Y tế\",\"parent\":\"2\"}"),
                  201, f);
    assert_has(f, "\"slug\":\"so-y-te\"");
    assert_status(
        web_fixture_ask_local(f, "POST", "/api/v1/organisations", NULL, "{\"name\":\"Sở Y tế\"}"),
        409, f);

    /* all of it is on the record, for the assessor too */
    assert_status(web_fixture_sign_in(f, "tra", PASSWORD, tra), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/audit?limit=2", tra, NULL), 200, f);
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/audit?limit=1000", NULL, NULL), 200, f);
    assert_has(f, "session.");
    assert_has(f, "\"address\":\"127.0.0.1\"");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/audit", manh, NULL), 403, f);
}

static void write_run(const struct web_fixture *f, const char *name, const char *text)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/run/%s", f->dir, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    fclose(out);
}

static void test_state(void **state)
{
    struct web_fixture *f = *state;
    char path[160];

    assert_status(web_fixture_ask(f, "GET", "/healthz", NULL, NULL), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/readyz", NULL, NULL), 503, f);
    write_run(f, "status.json", "{\"ready\":false,\"roles\":[]}");
    assert_status(web_fixture_ask(f, "GET", "/readyz", NULL, NULL), 503, f);
    write_run(f, "status.json", "{\"ready\":true,\"roles\":[]}");
    assert_status(web_fixture_ask(f, "GET", "/readyz", NULL, NULL), 200, f);
    assert_status(web_fixture_ask(f, "HEAD", "/readyz", NULL, NULL), 200, f);
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/status", NULL, NULL), 200, f);
    assert_string_equal(f->body, "{\"ready\":true,\"roles\":[]}");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/rules", NULL, NULL), 404, f);
    write_run(f, "rules.json", "{\"items\":[{\"id\":\"r\"}]}\n");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/rules", NULL, NULL), 200, f);
    assert_has(f, "{\"items\":[{\"id\":\"r\"}]}");
    write_run(f, "rules.json", "{\"items\":");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/rules", NULL, NULL), 400, f);

    uint64_t page[METRICS_BYTES / 8] = {0};
    page[M_INTAKE_RECORDS] = 41;
    (void)snprintf(path, sizeof(path), "%s/run/metrics.intake", f->dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(page, sizeof(page), 1, out), 1);
    fclose(out);
    assert_status(web_fixture_ask(f, "GET", "/metrics", NULL, NULL), 200, f);
    assert_has(f, "intake_records_total 41");
    assert_has(f, "# EOF");
    assert_status(web_fixture_ask(f, "GET", "/metrics", "X-Forwarded-For: 9.9.9.9\r\n", NULL), 401,
                  f);

    /* a file that cannot be read is a source that somebody has to mend */
    write_run(f, "intake-status.json",
              "{\"inputs\":{\"files\":{\"state\":\"ok\",\"files\":[{\"path\":\"/var/log/auth.log\","
              "\"state\":\"denied\",\"detail\":\"no permission\",\"mend\":\"usermod -aG adm "
              "coloa\"}]}}}");
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/sources", NULL, NULL), 200, f);
    assert_has(f, "\"status\":\"denied\",\"reason\":\"no permission\",\"remedy\":\"usermod -aG adm "
                  "coloa\"");
    /* the store is not there: its questions say so, the rest works */
    assert_status(web_fixture_ask_local(f, "GET", "/api/v1/events", NULL, NULL), 502, f);
    assert_has(f, "\"code\":\"peer\"");
}

static void test_exceptions(void **state)
{
    struct web_fixture *f = *state;
    char lan[WEB_COOKIE_BYTES], manh[WEB_COOKIE_BYTES], body[256], path[64] = "";
    static const char good[] = "{\"rule_id\":\"r1\",\"field\":\"user.name\",\"value\":\"backup*\","
                               "\"reason\":\"nightly\",\"ends\":\"%s\",\"org\":\"%u\"}";
    char ends[TIME_TEXT_BYTES + 1];

    time_rfc3339(clock_wall_ns() + 86400 * NS_PER_S, ends);
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    assert_status(web_fixture_sign_in(f, "manh", PASSWORD, manh), 200, f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(body, sizeof(body), good, ends, (unsigned)ORG_DEFAULT);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/exceptions", lan, body), 403, f);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/exceptions", manh, body), 201, f);
    assert_has(f, "\"author\":\"manh\"");
    assert_has(f, "\"in_force\":true");
    (void)snprintf(path, sizeof(path), "/api/v1/exceptions/%.*s",
                   (int)strcspn(strstr(f->body, "exc_"), "\""), strstr(f->body, "exc_"));
    (void)snprintf(body, sizeof(body), good, ends, (unsigned)f->org_b);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/exceptions", manh, body), 400, f);
    (void)snprintf(body, sizeof(body), good, "2001-01-01", (unsigned)ORG_DEFAULT);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/exceptions", manh, body), 400, f);
#pragma GCC diagnostic pop
    /* one of another organisation is not there */
    (void)snprintf(body, sizeof(body),
                   "{\"rule_id\":\"r2\",\"source\":\"s\",\"reason\":\"x\",\"ends\":\"%s\","
                   "\"org\":\"%u\"}",
                   ends, (unsigned)f->org_b);
    assert_status(web_fixture_ask_local(f, "POST", "/api/v1/exceptions", NULL, body), 201, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/exceptions", manh, NULL), 200, f);
    assert_has(f, "\"rule_id\":\"r1\"");
    assert_has_not(f, "\"rule_id\":\"r2\"");
    assert_status(web_fixture_ask(f, "DELETE", "/api/v1/exceptions/exc_2", manh, NULL), 404, f);
    assert_status(web_fixture_ask(f, "DELETE", path, lan, NULL), 403, f);
    assert_status(web_fixture_ask(f, "DELETE", path, manh, NULL), 204, f);
    assert_status(web_fixture_ask(f, "DELETE", path, manh, NULL), 404, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/exceptions", manh, NULL), 200, f);
    assert_has(f, "\"items\":[]");
    assert_status(web_fixture_ask(f, "GET", "/api/v1/exceptions?all=true&rule_id=r1", manh, NULL),
                  200, f);
    assert_has(f, "\"in_force\":false");
}

static int open_stream(struct web_fixture *f, const char *query, const char *headers, char *out)
{
    int fd = web_fixture_dial(f);

    dprintf(fd, "GET /api/v1/stream%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query, headers);
    web_fixture_take(fd, out, 4096, "retry: 3000", 5000);
    assert_non_null(strstr(out, "text/event-stream"));
    return fd;
}

static void test_stream(void **state)
{
    struct web_fixture *f = *state;
    char lan[WEB_COOKIE_BYTES], binh[WEB_COOKIE_BYTES], headers[500], out[8192], id[32];

    assert_status(web_fixture_ask(f, "GET", "/api/v1/stream", NULL, NULL), 401, f);
    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    assert_status(web_fixture_sign_in(f, "binh", PASSWORD, binh), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/stream?topics=x", lan, NULL), 400, f);
    int a = open_stream(f, "", lan, out), b = open_stream(f, "?topics=alerts", binh, out);
    web_fixture_alert(f, ORG_DEFAULT, "first");
    web_fixture_take(a, out, sizeof(out), "\"created\":true", 5000);
    assert_non_null(strstr(out, "event: alerts\ndata: {\"id\":\"alr_1\",\"org\":\"2\""));
    (void)snprintf(id, sizeof(id), "%.*s", (int)strcspn(strstr(out, "id: ") + 4, "\n"),
                   strstr(out, "id: ") + 4);
    web_fixture_alert(f, f->org_b, "second");
    web_fixture_take(b, out, sizeof(out), "alr_2", 5000);
    assert_non_null(strstr(out, "alr_2"));
    assert_null(strstr(out, "alr_1")); /* another organisation's */
    close(a);
    close(b);
    /* what was missed is told again, and no more than that */
    web_fixture_alert(f, ORG_DEFAULT, "third");
    (void)snprintf(headers, sizeof(headers), "%sLast-Event-ID: %s\r\n", lan, id);
    a = open_stream(f, "", headers, out);
    web_fixture_take(a, out + strlen(out), 4096, "alr_3", strstr(out, "alr_3") ? 1 : 3000);
    assert_non_null(strstr(out, "alr_3"));
    assert_null(strstr(out, "\"alr_1\""));
    assert_null(strstr(out, "\"alr_2\""));
    assert_null(strstr(out, "event: gap"));
    close(a);
    /* too long ago, from another start, or nonsense */
    static const char *const old[] = {"1", "99999999999999999", "x"};
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        (void)snprintf(headers, sizeof(headers), "%sLast-Event-ID: %s\r\n", lan, old[i]);
        a = open_stream(f, "", headers, out);
        if (!strstr(out, "event: gap"))
            web_fixture_take(a, out, 4096, "event: gap", 3000);
        assert_non_null(strstr(out, "event: gap"));
        close(a);
    }
}

static void test_console(void **state)
{
    struct web_fixture *f = *state;
    char etag[64], other[64], headers[160];

    assert_status(web_fixture_ask(f, "GET", "/", NULL, NULL), 200, f);
    assert_has(f, "Content-Type: text/html; charset=utf-8");
    assert_has(f, "Cache-Control: no-cache");
    assert_has(f, "Vary: Accept-Encoding");
    web_fixture_header(f, "ETag", etag, sizeof(etag));
    (void)snprintf(headers, sizeof(headers), "If-None-Match: \"x\", %s\r\n", etag);
    assert_status(web_fixture_ask(f, "GET", "/", headers, NULL), 304, f);
    assert_status(web_fixture_ask(f, "GET", "/alerts/alr_1", NULL, NULL), 200, f);
    web_fixture_header(f, "ETag", other, sizeof(other));
    assert_string_equal(etag, other);
    assert_status(web_fixture_ask(f, "GET", "/nothing.js", NULL, NULL), 404, f);
    assert_has(f, "application/problem+json");
    assert_status(web_fixture_ask(f, "POST", "/", NULL, NULL), 405, f);
    static const struct {
        const char *accept, *coding;
    } rows[] = {
        {"Accept-Encoding: gzip, br\r\n", "br"},
        {"Accept-Encoding: gzip, br;q=0\r\n", "gzip"},
        {"Accept-Encoding: *\r\n", "br"},
        {"Accept-Encoding: *;q=0, gzip;q=0.5\r\n", "gzip"},
        {"Accept-Encoding: gzip;q=0.000\r\n", ""},
        {"Accept-Encoding: identity\r\n", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char coding[32];
        assert_status(web_fixture_ask(f, "HEAD", "/api/v1/openapi.json", rows[i].accept, NULL), 200,
                      f);
        web_fixture_header(f, "Content-Encoding", coding, sizeof(coding));
        assert_string_equal(coding, rows[i].coding);
    }
}

static void test_too_fast(void **state)
{
    struct web_fixture *f = *state;
    char cookie[WEB_COOKIE_BYTES], wait[16];
    int status = 0;

    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, cookie), 200, f);
    for (int i = 0; i < 2000 && status != 429; i++)
        status = web_fixture_ask(f, "GET", "/api/v1/session", cookie, NULL);
    assert_int_equal(status, 429);
    web_fixture_header(f, "Retry-After", wait, sizeof(wait));
    assert_string_equal(wait, "1");
    /* one caller's haste is nobody else's */
    assert_status(web_fixture_sign_in(f, "manh", PASSWORD, cookie), 200, f);
    assert_status(web_fixture_ask(f, "GET", "/api/v1/session", cookie, NULL), 200, f);
}

/* The monotonic clock of this program, which a test may put forward. */
static _Atomic int64_t ahead_ns;

static int64_t shifted(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec + atomic_load(&ahead_ns);
}

static void test_stream_looks_again(void **state)
{
    struct web_fixture *f = *state;
    char lan[WEB_COOKIE_BYTES], manh[WEB_COOKIE_BYTES], out[8192];
    struct user u;
    struct diag d = {0};

    assert_status(web_fixture_sign_in(f, "lan", PASSWORD, lan), 200, f);
    assert_status(web_fixture_sign_in(f, "manh", PASSWORD, manh), 200, f);
    int a = open_stream(f, "", lan, out), b = open_stream(f, "", manh, out);
    atomic_fetch_add(&ahead_ns, 16 * NS_PER_S);
    web_fixture_take(a, out, sizeof(out), ": beat", 5000);
    assert_non_null(strstr(out, ": beat"));
    /* one signs out, the other moves to organisation B */
    assert_status(web_fixture_ask(f, "DELETE", "/api/v1/session", lan, NULL), 204, f);
    assert_int_equal(user_find(f->desk, SLICE("manh"), &f->arena, &u, &d), ERR_NONE);
    u.org = f->org_b;
    assert_int_equal(user_change(f->desk, &DESK_ACTOR_SYSTEM, DESK_SCOPE_ALL, &u, &d), ERR_NONE);
    atomic_fetch_add(&ahead_ns, 61 * NS_PER_S);
    web_fixture_take(a, out, sizeof(out), "\r\n0\r\n\r\n", 5000);
    assert_non_null(strstr(out, "0\r\n\r\n")); /* the end of the stream */
    web_fixture_alert(f, ORG_DEFAULT, "one");
    web_fixture_alert(f, f->org_b, "two");
    web_fixture_take(b, out, sizeof(out), "\"alr_2\"", 5000);
    assert_non_null(strstr(out, "\"alr_2\""));
    assert_null(strstr(out, "\"alr_1\""));
    close(a);
    close(b);
}

static void test_behind_proxy(void **state)
{
    static const char headers[] = JSON "X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n";
    static const char wrong[] = "{\"login\":\"lan\",\"password\":\"wrong\"}";
    struct web_fixture *f = *state;
    struct config *cfg = config_new();
    struct diag d = {0};

    /* from anybody else the header is worth nothing */
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session", headers, wrong), 401, f);
    assert_int_equal(config_set(cfg, SLICE("web.behind_proxy"), SLICE("true"), &d), ERR_NONE);
    web_reload(f->web, cfg);
    config_free(cfg);
    assert_status(web_fixture_ask(f, "POST", "/api/v1/session", headers, wrong), 401, f);
    assert_status(
        web_fixture_ask_local(f, "GET", "/api/v1/audit?action=session&limit=2", NULL, NULL), 200,
        f);
    const char *newest = strstr(f->body, "\"address\":\"198.51.100.7\"");
    const char *before = strstr(f->body, "\"address\":\"127.0.0.1\"");
    assert_true(newest && before && newest < before);
    assert_has_not(f, "192.0.2.1");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_fixture_setup, web_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sign_in),
        TEST(test_wrong_password_is_slowed),
        TEST(test_guard),
        TEST(test_problem_and_headers),
        TEST(test_scope),
        TEST(test_etag),
        TEST(test_cursor),
        TEST(test_token_and_local),
        TEST(test_people_and_places),
        TEST(test_state),
        TEST(test_exceptions),
        TEST(test_stream),
        TEST(test_console),
        TEST(test_too_fast),
        TEST(test_stream_looks_again),
        TEST(test_behind_proxy),
    };
    clock_replace(shifted, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
