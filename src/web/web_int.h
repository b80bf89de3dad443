/* web/web_int.h - one request on its way through the room: route, caller, answer.
 *
 * A handler (api_*.c) runs on a worker with a struct web_call that is all its own. It writes its
 * JSON with w->j and returns ERR_NONE: the dispatcher sends it with w->status; or it returns an
 * error with its diagnosis, sent as problem+json; or it has answered by itself and sets replied.
 */
#ifndef WEB_WEB_INT_H
#define WEB_WEB_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/ip.h"
#include "core/json.h"
#include "core/jsonw.h"
#include "core/queue.h"
#include "desk/session.h"
#include "desk/token.h"
#include "net/http_server.h"
#include "store/client.h"
#include "web/web.h"

enum {
    WEB_ARENA_BYTES = 64 << 20,
    WEB_ANSWER_BYTES = 32 << 20,
    WEB_BODY_BYTES = 1 << 16, /* of any JSON body */
    WEB_KEY_BYTES = 32,
    WEB_LIMIT_MAX = 1000, /* rows of one page */
    WEB_LIMIT = 100,
};

enum web_permission {
    PERM_PUBLIC,
    PERM_SIGNED_IN,
#define PERMISSION(id, word, roles) PERM_##id,
#include "web/permissions.def"
#undef PERMISSION
    PERM_N
};
const char *permission_word(enum web_permission p); /* NULL for PUBLIC and SIGNED_IN */
bool permission_has(enum user_role role, enum web_permission p);

struct web_call;
typedef enum err web_handler(struct web_call *w, struct diag *diag);
enum web_rate { RATE_NORMAL, RATE_SEARCH, RATE_INLINE };

struct web_route {
    const char *method, *path, *operation;
    enum web_permission permission;
    size_t body_bytes;
    enum web_rate rate;
    web_handler *handler;
};
size_t route_n(void);
const struct web_route *route_at(size_t i);
/* NULL when there is none; *ret_known then says whether the path exists with other methods. param
 * is set where the route has one. */
const struct web_route *route_find(const char *method, const char *path, struct slice *ret_param,
                                   bool *ret_known);
/* Whether path fits the pattern. */
bool route_fits(const char *pattern, const char *path, struct slice *ret_param);
#define ROUTE(method, path, permission, body, rate, handler) web_handler handler;
#include "web/routes.def"
#undef ROUTE

enum caller_kind { CALLER_NONE, CALLER_LOCAL, CALLER_TOKEN, CALLER_SESSION };

struct caller {
    enum caller_kind kind;
    enum user_role role;
    struct user user;        /* CALLER_SESSION */
    struct session session;  /* CALLER_SESSION */
    uint64_t token;          /* CALLER_TOKEN */
    struct slice secret;     /* of the session or token; borrowed from the request */
    struct desk_scope scope; /* orgs in the call's arena */
    struct desk_actor actor;
    char address[IP_TEXT_BYTES + 1];
};

struct stream_hub;
struct rate_table;

struct web {
    struct web_options o; /* cfg is not kept */
    struct http_server *tcp, *local;
    struct web_door {
        struct web *w;
        bool local;
    } tcp_door, local_door;
    struct queue waiting, searches; /* of struct web_job */
    struct web_worker *workers;     /* owned, WEB_WORKERS + WEB_SEARCHERS of them */
    size_t workers_n;
    struct stream_hub *hub;
    struct rate_table *rates;
    uint8_t key[WEB_KEY_BYTES]; /* of cursors; new at each start */
    atomic_bool behind_proxy;
    bool tls;
    long uid;
};

struct web_worker {
    struct web *w;
    struct queue *from; /* borrowed */
    struct arena arena;
    struct json_reader *reader;
    struct store_client *store;
    pthread_t thread;
    bool started;
};

struct web_call {
    struct web *web;
    struct web_worker *worker;
    struct http_call *c;
    const struct web_route *route;
    struct slice param; /* of the path */
    bool local;         /* came through the Unix socket */
    struct caller who;
    struct arena *arena; /* the worker's */
    struct buf out;
    struct jsonw j;
    int status; /* 200 unless the handler says else; 204 sends no body */
    bool replied;
    char wrong_member[64]; /* of the body, with wrong_code: goes into problem+json's errors */
    const char *wrong_code;
    int64_t wrong_at; /* byte in the member, -1: the whole */
};

/* ---- caller.c ---- */
/* Fills w->who; CALLER_NONE when no credentials were sent, ERR_AUTH when wrong ones. */
CHECKED enum err caller_find(struct web_call *w, struct diag *diag);
/* The guard against foreign pages (§3.3 of the conventions): answers itself and says false. */
CHECKED bool caller_may_change(struct web_call *w);
/* Resolves the organisation of a user or token again. */
CHECKED enum err caller_scope(struct web *web, uint32_t org, enum user_role role, struct arena *a,
                              struct desk_scope *ret, struct diag *diag);
/* Whether the sign-in or token is still good, without making it last longer. */
bool caller_alive(struct web *web, const struct caller *who, struct arena *a);
uint64_t caller_key(const struct caller *who); /* for rates; never 0 */

/* ---- rate.c: token buckets per caller ---- */
void rate_free(struct rate_table *t);
FREED_BY(rate_free) struct rate_table *rate_new(void);
/* Takes one of 200 requests that refill at 50 a second; false: too fast. */
CHECKED bool rate_take(struct rate_table *t, uint64_t caller_key);
/* At most WEB_SEARCHES_MAX between enter and leave. */
CHECKED bool rate_enter(struct rate_table *t, uint64_t caller_key);
void rate_leave(struct rate_table *t, uint64_t caller_key);

/* ---- cursor.c: opaque page cursors ---- */
enum { CURSOR_BYTES_MAX = 600 };
/* base64url of the payload and a keyed digest over it and the operation. */
CHECKED enum err cursor_write(const struct web_call *w, struct slice payload, struct buf *out);
/* *ret in the arena. ERR_SYNTAX: not one of ours, for another operation, or from before a restart.
 */
CHECKED enum err cursor_read(const struct web_call *w, const char *text, struct slice *ret,
                             struct diag *diag);

/* ---- reply.c: parts of answers and requests ---- */
/* {"items":[ ... */
void reply_list_open(struct web_call *w);
/* ... ],"next_cursor":...,"total":{"value":N,"relation":"eq"}}; an empty cursor is null. The tail
 * is what comes behind the items. */
void reply_list_close(struct web_call *w, struct slice cursor, uint64_t total, bool at_least);
void reply_list_tail(struct web_call *w, struct slice cursor, uint64_t total, bool at_least);
void reply_time_or_null(struct jsonw *j, const char *key, int64_t ns);
void reply_id(struct jsonw *j, const char *key, const char *prefix, uint64_t id);
/* "usr_3" or "3" with prefix "usr_". */
CHECKED bool request_id(struct slice s, const char *prefix, uint64_t *ret);
CHECKED enum err request_limit(const struct web_call *w, size_t *ret, struct diag *diag);
/* The body as one JSON object whose members are all among `known` (NULL-ended). */
CHECKED enum err request_body(struct web_call *w, const char *const *known,
                              const struct json_node **ret, struct diag *diag);
/* An organisation by number or slug, inside the caller's scope; 0 when absent. */
CHECKED enum err request_org(struct web_call *w, const struct json_node *body, const char *member,
                             uint32_t *ret, struct diag *diag);
/* Text or number as text. Empty when absent or null. */
CHECKED enum err request_text(const struct json_node *body, const char *member, struct arena *a,
                              struct slice *ret, struct diag *diag);
/* Fails with ERR_SYNTAX, naming the member. */
CHECKED enum err request_wrong(struct web_call *w, const char *member, const char *code,
                               struct diag *diag);
void request_etag(struct web_call *w, uint64_t version);
/* If-Match: 0 for "*". ERR_SYNTAX unreadable. *ret_given false: absent. */
CHECKED enum err request_if_match(const struct web_call *w, uint64_t *ret, bool *ret_given,
                                  struct diag *diag);
/* One of run/'s small JSON files, in the arena; ERR_NOENT. */
CHECKED enum err request_run_file(struct web_call *w, const char *name, struct slice *ret,
                                  struct diag *diag);

/* ---- names.c: organisations and systems of a page's rows ---- */
struct names;
struct names *names_new(struct web_call *w); /* in the arena; NULL: no memory */
/* Writes org, org_name, system, system_name, system_level (null where there is none). */
CHECKED enum err names_write(struct names *n, uint32_t org, uint32_t system, struct diag *diag);

/* ---- stream.c ---- */
CHECKED enum err stream_start(struct web *web, struct diag *diag);
/* Last, since the desk forgets no listener: it must not change any more after stream_free. */
CHECKED enum err stream_listen(struct web *web, struct diag *diag);
void stream_free(struct web *web);

/* ---- console.c ---- */
/* Anything outside of the API: embedded files. On the server's thread. */
void console_serve(struct http_call *c);

#endif
