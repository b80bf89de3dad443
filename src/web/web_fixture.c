#include "web/web_fixture.h"

#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "desk/findings.h"
#include "desk/org.h"
#include "desk/user.h"
#include "net/sock.h"

const char *web_fixture_store;

static void add_user(struct web_fixture *f, const char *login, enum user_role role, uint32_t org)
{
    struct user u = {.org = org, .role = role, .login = slice_of(login), .locale = SLICE("vi")};
    struct diag d = {0};
    uint64_t id;

    if (user_add(f->desk, &DESK_ACTOR_SYSTEM, &u, SLICE(PASSWORD), &id, &d) != ERR_NONE)
        fail_msg("user_add %s: %s", login, d.text);
    assert_int_equal(user_password(f->desk, &DESK_ACTOR_SYSTEM, id, SLICE(PASSWORD), false, &d),
                     ERR_NONE);
}

static void open_desk(struct web_fixture *f)
{
    struct desk_options o = {.data_dir = f->dir};
    struct org b = {.slug = SLICE("b"), .name = SLICE("Sở B")};
    struct diag d = {0};

    if (desk_open(&o, &f->desk, &d) != ERR_NONE)
        fail_msg("desk_open: %s", d.text);
    assert_int_equal(org_add(f->desk, &DESK_ACTOR_SYSTEM, &b, &f->org_b, &d), ERR_NONE);
    add_user(f, "admin", USER_ADMIN, 0);
    add_user(f, "lan", USER_ANALYST, ORG_DEFAULT);
    add_user(f, "manh", USER_MANAGER, ORG_DEFAULT);
    add_user(f, "binh", USER_VIEWER, f->org_b);
    add_user(f, "tra", USER_ASSESSOR, ORG_DEFAULT);
}

int web_fixture_setup(void **state)
{
    struct web_fixture *f = calloc(1, sizeof(*f));
    struct sock_addr a;
    struct diag d = {0};
    char run[80];
    int tcp, local;

    assert_non_null(f);
    f->answer = malloc(WEB_ANSWER_CAP);
    assert_non_null(f->answer);
    arena_init(&f->arena, 64 << 20);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/coloa-web-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(run, sizeof(run), "%s/run", f->dir);
    assert_int_equal(mkdir(run, 0700), 0);
    open_desk(f);
    assert_int_equal(sock_parse(SLICE("127.0.0.1:0"), &a, NULL), ERR_NONE);
    assert_int_equal(sock_listen_tcp(&a, &tcp, NULL), ERR_NONE);
    (void)snprintf(f->local_path, sizeof(f->local_path), "%s/desk.sock", run);
    assert_int_equal(sock_listen_unix(f->local_path, &local, NULL), ERR_NONE);
    f->port = sock_port(tcp);
    static char store[96];
    (void)snprintf(store, sizeof(store), "%s/store.sock", run);
    struct web_options o = {.desk = f->desk,
                            .listen_fd = tcp,
                            .local_fd = local,
                            .data_dir = f->dir,
                            .store_socket = web_fixture_store ? web_fixture_store : store};
    if (web_start(&o, &f->web, &d) != ERR_NONE)
        fail_msg("web_start: %s", d.text);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int web_fixture_teardown(void **state)
{
    struct web_fixture *f = *state;

    web_stop(f->web);
    desk_close(f->desk);
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_done(&f->arena);
    free(f->answer);
    free(f);
    return 0;
}

int web_fixture_dial(const struct web_fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

void web_fixture_take(int fd, char *out, size_t cap, const char *until, int ms)
{
    int64_t end = clock_mono_ns() + ms * NS_PER_MS;
    size_t n = 0;

    out[0] = '\0';
    while (n + 1 < cap) {
        struct pollfd p = {fd, POLLIN, 0};
        int left = (int)((end - clock_mono_ns()) / NS_PER_MS);
        if (left <= 0 || poll(&p, 1, left) <= 0)
            return;
        ssize_t r = recv(fd, out + n, cap - 1 - n, 0);
        if (r <= 0)
            return;
        n += (size_t)r;
        out[n] = '\0';
        if (until && strstr(out, until))
            return;
    }
}

static int exchange(struct web_fixture *f, int fd, const char *method, const char *path,
                    const char *headers, const char *body)
{
    struct buf b;

    buf_init(&b, 4 << 20);
    assert_int_equal(buf_printf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s",
                                method, path, headers ? headers : ""),
                     ERR_NONE);
    if (body)
        assert_int_equal(buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                                    strlen(body)),
                         ERR_NONE);
    assert_int_equal(buf_printf(&b, "\r\n%s", body ? body : ""), ERR_NONE);
    for (size_t at = 0; at < b.n;) {
        ssize_t n = send(fd, b.p + at, b.n - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    buf_done(&b);
    web_fixture_take(fd, f->answer, WEB_ANSWER_CAP, NULL, 20000);
    close(fd);
    f->status = 0;
    if (strncmp(f->answer, "HTTP/1.1 ", 9) == 0)
        f->status = (int)strtol(f->answer + 9, NULL, 10);
    const char *end = strstr(f->answer, "\r\n\r\n");
    f->body = end ? end + 4 : "";
    return f->status;
}

int web_fixture_ask(struct web_fixture *f, const char *method, const char *path,
                    const char *headers, const char *body)
{
    return exchange(f, web_fixture_dial(f), method, path, headers, body);
}

int web_fixture_ask_local(struct web_fixture *f, const char *method, const char *path,
                          const char *headers, const char *body)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->local_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return exchange(f, fd, method, path, headers, body);
}

void web_fixture_header(const struct web_fixture *f, const char *name, char *out, size_t cap)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "\r\n%s: ", name);
    const char *at = strcasestr(f->answer, key);
    out[0] = '\0';
    if (!at || at > f->body)
        return;
    at += strlen(key);
    (void)snprintf(out, cap, "%.*s", (int)strcspn(at, "\r"), at);
}

int web_fixture_sign_in(struct web_fixture *f, const char *login, const char *password,
                        char cookie[static WEB_COOKIE_BYTES])
{
    char body[256], set[200];

    (void)snprintf(body, sizeof(body), "{\"login\":\"%s\",\"password\":\"%s\"}", login, password);
    int status = web_fixture_ask(f, "POST", "/api/v1/session", "X-Coloa: 1\r\n", body);
    web_fixture_header(f, "Set-Cookie", set, sizeof(set));
    (void)snprintf(cookie, WEB_COOKIE_BYTES, "X-Coloa: 1\r\nCookie: %.*s\r\n",
                   (int)strcspn(set, ";"), set);
    return status;
}

unsigned web_fixture_alert(struct web_fixture *f, uint32_t org, const char *host)
{
    char frame[1024], time[TIME_TEXT_BYTES + 1];
    struct findings_result r;
    struct diag d = {0};
    unsigned id = ++f->findings;

    time_rfc3339(clock_wall_ns(), time);
    (void)snprintf(frame, sizeof(frame),
                   "{\"kind\":\"finding\",\"id\":\"%032x\",\"rule_id\":\"r1\",\"title\":\"Rule "
                   "one\",\"title_vi\":\"Luật một\",\"level\":\"high\",\"tags\":[\"attack.t1110\"],"
                   "\"time\":\"%s\",\"org\":%u,\"system\":0,\"source\":\"src\",\"entities\":{"
                   "\"host.name\":\"%s\"},\"events\":[\"01900000-0000-7000-8000-0000000000%02x\"],"
                   "\"matched\":{\"EventID\":4625},\"message\":\"m\"}",
                   id, time, (unsigned)org, host, id);
    struct slice frames[] = {slice_of(frame)};
    if (findings_apply(f->desk, SLICE("findings"), frames, 1, (struct jpos){1, id}, &r, &d) !=
        ERR_NONE)
        fail_msg("findings_apply: %s", d.text);
    assert_int_equal(r.alerts, 1);
    return id;
}
