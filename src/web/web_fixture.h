/* web/web_fixture.h - tests only: a real server over a real SQLite desk in a temporary folder, and
 * a client that speaks plain HTTP and shows the whole answer.
 *
 * People: admin (whole installation), lan (analyst, organisation A = 2), manh (manager of A), binh
 * (viewer, organisation B), tra (assessor). Each has the password PASSWORD.
 */
#ifndef WEB_WEB_FIXTURE_H
#define WEB_WEB_FIXTURE_H

#include "core/test.h"
#include "desk/desk.h"
#include "web/web.h"

#define PASSWORD "correct horse battery 9!"

enum { WEB_ANSWER_CAP = 256 * 1024 };

struct web_fixture {
    char dir[64], local_path[96];
    struct desk *desk;
    struct web *web;
    uint16_t port;
    uint32_t org_b;
    struct arena arena;
    char *answer; /* of the last request: head and body */
    int status;
    const char *body;
    unsigned findings;
};

extern const char *web_fixture_store; /* socket of an event store; NULL = there is none */
int web_fixture_setup(void **state);
int web_fixture_teardown(void **state);

int web_fixture_dial(const struct web_fixture *f);
/* `headers`: finished lines, each ending in \r\n. body NULL: none; else sent as JSON. Fills f. */
int web_fixture_ask(struct web_fixture *f, const char *method, const char *path,
                    const char *headers, const char *body);
int web_fixture_ask_local(struct web_fixture *f, const char *method, const char *path,
                          const char *headers, const char *body);
/* Reads until the other side closes, `until` is seen (NULL: never) or ms passed. */
void web_fixture_take(int fd, char *out, size_t cap, const char *until, int ms);
/* The value of an answer's header into out ("" if absent). */
void web_fixture_header(const struct web_fixture *f, const char *name, char *out, size_t cap);

/* Signs in; `cookie` becomes the header lines of a browser that is signed in. */
enum { WEB_COOKIE_BYTES = 256 };
int web_fixture_sign_in(struct web_fixture *f, const char *login, const char *password,
                        char cookie[static WEB_COOKIE_BYTES]);
/* One finding becomes an alert of that organisation; returns its number. */
unsigned web_fixture_alert(struct web_fixture *f, uint32_t org, const char *host);

#define assert_has(f, text)                                                                        \
    do {                                                                                           \
        if (!strstr((f)->answer, (text)))                                                          \
            fail_msg("no %s in: %.3000s", (text), (f)->answer);                                    \
    } while (0)
#define assert_has_not(f, text)                                                                    \
    do {                                                                                           \
        if (strstr((f)->answer, (text)))                                                           \
            fail_msg("%s in: %.3000s", (text), (f)->answer);                                       \
    } while (0)
#define assert_status(got, want, f)                                                                \
    do {                                                                                           \
        int got_ = (got);                                                                          \
        if (got_ != (want))                                                                        \
            fail_msg("status %d instead of %d: %.3000s", got_, (want), (f)->answer);               \
    } while (0)

#endif
