#include "core/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/timefmt.h"
#include "core/utf8.h"

enum { IDS_MAX = 128, LINE_MAX_BYTES = 2048 };

static const char *program = "coloa";
static enum log_level least = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards `seen` */
static struct {
    const char *id; /* string literals: compared by address */
    int64_t since_ns;
    unsigned n, held;
} seen[IDS_MAX];

void log_init(const char *name, enum log_level level)
{
    program = name;
    least = level;
}

/* Whether one more line of this id may go out; *ret_held receives how many did not before. */
static bool allow(const char *id, unsigned *ret_held)
{
    int64_t now = clock_mono_ns();
    bool ok = true;

    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < IDS_MAX; i++) {
        if (seen[i].id && seen[i].id != id)
            continue;
        if (!seen[i].id || now - seen[i].since_ns > 10 * NS_PER_S) {
            *ret_held = seen[i].id ? seen[i].held : 0;
            seen[i].id = id;
            seen[i].since_ns = now;
            seen[i].n = 1;
            seen[i].held = 0;
        } else if (++seen[i].n > LOG_BURST) {
            seen[i].held++;
            ok = false;
        }
        break;
    }
    (void)pthread_mutex_unlock(&lock);
    return ok;
}

/* Copies text, with control characters and bytes that are not UTF-8 escaped; always leaves room for
 * the end of the line. */
static size_t escape(char *to, size_t room, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    const char *end = text + strlen(text);
    size_t n = 0;

    for (const char *p = text; p < end && n + 5 < room; p++) {
        unsigned char c = (unsigned char)*p;
        uint32_t cp = 0;
        unsigned len = utf8_get(p, (size_t)(end - p), &cp);
        if (len && cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) && cp != 0x2028 &&
            cp != 0x2029) {
            memcpy(to + n, p, len);
            n += len;
            p += len - 1;
        } else {
            to[n++] = '\\';
            to[n++] = 'x';
            to[n++] = hex[c >> 4];
            to[n++] = hex[c & 15];
        }
    }
    return n;
}

static void emit(enum log_level level, const char *id, const char *text)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    char line[LINE_MAX_BYTES], when[TIME_TEXT_BYTES + 1];
    unsigned held = 0;

    if (!allow(id, &held))
        return;
    time_rfc3339(clock_wall_ns() / NS_PER_MS * NS_PER_MS, when);
    int head = snprintf(line, sizeof(line), "%s %s %s %s ", when, words[level], program, id);
    if (head < 0 || (size_t)head >= sizeof(line) / 2)
        return;
    size_t n = (size_t)head;
    n += escape(line + n, sizeof(line) - n - 40, text);
    if (held) {
        int more = snprintf(line + n, sizeof(line) - n - 1, " held_back=%u", held);
        n += more > 0 ? (size_t)more : 0;
    }
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nowhere left to say it */
}

void log_write(enum log_level level, const char *event_id, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES / 2];
    va_list ap;

    if (level < least)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    emit(level, event_id, text);
}

void log_err(enum log_level level, const char *event_id, enum err e, const struct diag *diag,
             const char *fmt, ...)
{
    char text[LINE_MAX_BYTES / 2];
    va_list ap;
    int sys = diag && diag->sys ? diag->sys : 0;

    if (level < least)
        return;
    int n = snprintf(text, sizeof(text), "err=%s%s%s", err_code(e), sys ? " errno=" : "",
                     sys ? strerror(sys) : "");
    size_t at = n > 0 ? (size_t)n : 0;
    if (diag && diag->text[0] && at < sizeof(text)) {
        n = snprintf(text + at, sizeof(text) - at, " at=%zu why=%s", diag->at, diag->text);
        at += n > 0 ? (size_t)n : 0;
    }
    if (at + 1 < sizeof(text)) {
        text[at++] = ' ';
        va_start(ap, fmt);
        (void)vsnprintf(text + at, sizeof(text) - at, fmt, ap);
        va_end(ap);
    }
    emit(level, event_id, text);
}
