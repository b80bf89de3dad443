#include "desk/password.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <uninorm.h>
#include <unistr.h>

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_free = PTHREAD_COND_INITIALIZER;
static unsigned gate_running, gate_waiting; /* under gate_lock */

static enum err gate_enter(struct diag *diag)
{
    struct timespec until;
    enum err e = ERR_NONE;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PASSWORD_WAIT_MS / 1000;
    (void)pthread_mutex_lock(&gate_lock);
    if (gate_running >= PASSWORD_CONCURRENT_MAX && gate_waiting >= PASSWORD_WAITERS_MAX)
        e = ERR_BUSY;
    gate_waiting++;
    while (e == ERR_NONE && gate_running >= PASSWORD_CONCURRENT_MAX)
        if (pthread_cond_timedwait(&gate_free, &gate_lock, &until) == ETIMEDOUT)
            e = ERR_BUSY;
    gate_waiting--;
    if (e == ERR_NONE)
        gate_running++;
    (void)pthread_mutex_unlock(&gate_lock);
    if (e != ERR_NONE)
        diag_set(diag, e, 0, "too many sign-ins at once");
    return e;
}

static void gate_leave(void)
{
    (void)pthread_mutex_lock(&gate_lock);
    gate_running--;
    (void)pthread_cond_signal(&gate_free);
    (void)pthread_mutex_unlock(&gate_lock);
}

/* malloc'ed by libunistring; *ret_chars counts code points. NULL: not UTF-8, or no memory. */
static uint8_t *nfc(struct slice s, size_t *ret_n, size_t *ret_chars)
{
    const uint8_t *p = (const uint8_t *)(s.p ? s.p : "");

    if (u8_check(p, s.n))
        return NULL;
    uint8_t *out = u8_normalize(UNINORM_NFC, p, s.n, NULL, ret_n);
    if (out)
        *ret_chars = u8_mbsnlen(out, *ret_n);
    return out;
}

static void forget(uint8_t *p, size_t n)
{
    if (p)
        explicit_bzero(p, n);
    free(p);
}

CHECKED enum err password_hash(struct slice password, struct slice login,
                               char ret_hash[static SECRET_HASH_BYTES], struct diag *diag)
{
    size_t n = 0, chars = 0;
    char hash[SECRET_HASH_BYTES];

    if (password.n > PASSWORD_BYTES_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "a password has at most %d bytes", PASSWORD_BYTES_MAX);
    uint8_t *text = nfc(password, &n, &chars);
    if (!text && password.n)
        return FAIL(diag, ERR_SYNTAX, 0, "the password is not valid UTF-8");
    enum err e = ERR_NONE;
    if (chars < PASSWORD_LEAST)
        e = FAIL(diag, ERR_SYNTAX, 0, "a password has at least %d characters", PASSWORD_LEAST);
    else if (slice_eq_nocase(password, login))
        e = FAIL(diag, ERR_SYNTAX, 0, "the password must not be the login");
    if (e == ERR_NONE)
        e = gate_enter(diag);
    if (e == ERR_NONE) {
        e = secret_argon((struct slice){(const char *)text, n}, hash);
        gate_leave();
        if (e != ERR_NONE)
            diag_set(diag, e, 0, "no memory to hash a password");
    }
    forget(text, n);
    if (e == ERR_NONE)
        memcpy(ret_hash, hash, sizeof(hash));
    return e;
}

CHECKED enum err password_check(const char *hash, struct slice password, struct diag *diag)
{
    /* Of nothing in particular, with today's costs: spends the time that a real one would take. */
    static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$"
                                 "c29tZXNhbHRzb21lc2FsdA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    size_t n = 0, chars = 0;
    uint8_t *text = NULL;

    if (password.n <= PASSWORD_BYTES_MAX)
        text = nfc(password, &n, &chars);
    enum err e = gate_enter(diag);
    if (e == ERR_NONE) {
        struct slice given = text ? (struct slice){(const char *)text, n} : SLICE("");
        bool fits = secret_argon_fits(hash[0] ? hash : nobody, given);
        gate_leave();
        if (!fits || !hash[0] || !text)
            e = FAIL(diag, ERR_AUTH, 0, "the login or the password is wrong");
    }
    forget(text, n);
    return e;
}
