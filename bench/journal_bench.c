/* journal_bench [DIR [SECONDS [FRAME_BYTES [GROUP [APPENDERS [RATE]]]]]] - frames/s and MB/s of the
 * journal with real fdatasync, while a reader follows and segments are deleted behind it; then of a
 * reader alone and of recovery. A frame counts when it is durable, not when it was appended. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "journal/journal.h"

enum { APPENDERS_MAX = 16, GROUP_MAX = 4096, LATENCIES = 1 << 20 };

struct bench {
    struct journal *j;
    char dir[256];
    size_t frame_bytes, group, rate; /* rate: of each appender, frames/s; 0 = unlimited */
    int64_t until;
    _Atomic uint64_t durable, failed, groups, read, lost;
    _Atomic bool done;
    uint32_t *latency_us; /* of each group */
};

struct ticket {
    struct bench *b;
    int64_t at;
};

static void durable(void *arg, enum err e)
{
    struct ticket *t = arg;
    struct bench *b = t->b;

    if (e == ERR_NONE) {
        uint64_t i = atomic_fetch_add(&b->groups, 1);
        b->latency_us[i % LATENCIES] = (uint32_t)((clock_mono_ns() - t->at) / 1000);
        atomic_fetch_add(&b->durable, b->group);
    } else {
        atomic_fetch_add(&b->failed, b->group);
    }
    free(t);
}

static void *append(void *arg)
{
    struct bench *b = arg;
    char *payload = malloc(b->frame_bytes + 1);
    struct slice *frames = calloc(b->group, sizeof(*frames));

    for (size_t i = 0; payload && i < b->frame_bytes; i++)
        payload[i] = (char)('a' + i % 26);
    for (size_t i = 0; frames && i < b->group; i++)
        frames[i] = (struct slice){payload, b->frame_bytes};
    int64_t t0 = clock_mono_ns(), now = t0;
    for (uint64_t n = 0; payload && frames && now < b->until; now = clock_mono_ns()) {
        if (b->rate && n > (uint64_t)(now - t0) * b->rate / 1000000000) {
            (void)usleep(200);
            continue;
        }
        struct ticket *t = malloc(sizeof(*t));
        if (!t)
            break;
        *t = (struct ticket){b, clock_mono_ns()};
        if (journal_append(b->j, frames, b->group, NULL, 0, durable, t) != ERR_NONE) {
            free(t);
            (void)usleep(500);
        } else {
            n += b->group;
        }
    }
    free(frames);
    free(payload);
    return NULL;
}

static void *follow(void *arg)
{
    struct bench *b = arg;
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos, trimmed = {1, 0};

    if (journal_reader_open(b->dir, (struct jpos){0, 0}, &r, NULL, NULL) != ERR_NONE)
        return NULL;
    for (;;) {
        enum err e = journal_reader_next(r, &frame, &pos, NULL);
        if (e == ERR_NONE) {
            atomic_fetch_add_explicit(&b->read, 1, memory_order_relaxed);
            if (pos.segment > trimmed.segment + 1 && journal_trim(b->j, pos) == ERR_NONE)
                trimmed = pos;
        } else if (e != ERR_NOENT) {
            atomic_fetch_add(&b->lost, 1);
        } else if (atomic_load(&b->done)) {
            break;
        } else {
            (void)journal_reader_wait(r, 100);
        }
    }
    journal_reader_close(r);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void report(struct bench *b, double s)
{
    uint64_t n = atomic_load(&b->durable), groups = atomic_load(&b->groups);
    size_t m = groups < LATENCIES ? (size_t)groups : LATENCIES;
    struct journal_health h;

    journal_health(b->j, &h);
    qsort(b->latency_us, m, sizeof(*b->latency_us), by_value);
    (void)printf("durable   %" PRIu64
                 " frames of %zu B in %.2f s: %.0f frames/s, %.1f MB/s, %" PRIu64
                 " commits (%.0f/s)\n",
                 n, b->frame_bytes, s, (double)n / s, (double)n * (double)b->frame_bytes / 1e6 / s,
                 h.commits, (double)h.commits / s);
    if (m)
        (void)printf("latency   append to durable, per group of %zu: p50 %.2f ms, p99 %.2f ms, max "
                     "%.2f ms\n",
                     b->group, b->latency_us[m / 2] / 1e3, b->latency_us[m * 99 / 100] / 1e3,
                     b->latency_us[m - 1] / 1e3);
    (void)printf("followed  %" PRIu64 " frames read along, %" PRIu64 " failed, %" PRIu64
                 " damaged\n",
                 atomic_load(&b->read), atomic_load(&b->failed), atomic_load(&b->lost));
}

static void read_alone(const struct bench *b)
{
    struct journal_reader *r = NULL;
    struct slice frame;
    struct jpos pos;
    uint64_t n = 0, bytes = 0;
    int64_t t0 = clock_mono_ns();

    if (journal_reader_open(b->dir, (struct jpos){0, 0}, &r, NULL, NULL) != ERR_NONE)
        return;
    while (journal_reader_next(r, &frame, &pos, NULL) == ERR_NONE) {
        n++;
        bytes += frame.n;
    }
    journal_reader_close(r);
    double s = (double)(clock_mono_ns() - t0) / 1e9;
    (void)printf("read      %" PRIu64 " frames (cached) in %.3f s: %.0f frames/s, %.0f MB/s\n", n,
                 s, (double)n / s, (double)bytes / 1e6 / s);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int run(struct bench *b, const struct journal_options *o, int seconds, size_t appenders)
{
    pthread_t threads[APPENDERS_MAX], reader;
    struct diag d = {0};
    int64_t t0;

    if (journal_open(o, &b->j, &d) != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", d.text);
        return EXIT_FAILURE;
    }
    t0 = clock_mono_ns();
    b->until = t0 + seconds * NS_PER_S;
    if (pthread_create(&reader, NULL, follow, b) != 0)
        return EXIT_FAILURE;
    for (size_t i = 0; i < appenders; i++)
        if (pthread_create(&threads[i], NULL, append, b) != 0)
            return EXIT_FAILURE;
    for (size_t i = 0; i < appenders; i++)
        (void)pthread_join(threads[i], NULL);
    if (journal_append_wait(b->j, NULL, 0, NULL, 0) != ERR_NONE)
        return EXIT_FAILURE;
    double s = (double)(clock_mono_ns() - t0) / 1e9;
    atomic_store(&b->done, true);
    (void)pthread_join(reader, NULL);
    report(b, s);
    journal_close(b->j);
    read_alone(b);
    t0 = clock_mono_ns();
    if (journal_open(o, &b->j, &d) != ERR_NONE)
        return EXIT_FAILURE;
    struct journal_health h;
    journal_health(b->j, &h);
    (void)printf("recovery  %.1f MB in %.3f s\n", (double)h.bytes / 1e6,
                 (double)(clock_mono_ns() - t0) / 1e9);
    journal_close(b->j);
    return EXIT_SUCCESS;
}

static size_t number(int argc, char **argv, int i, size_t otherwise, size_t max)
{
    uint64_t v = otherwise;

    if (i < argc && (!slice_to_u64(slice_of(argv[i]), &v) || v == 0 || v > max)) {
        (void)fprintf(stderr, "%s: a number from 1 to %zu\n", argv[i], max);
        exit(2);
    }
    return (size_t)v;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    char root[128], quarantine[256];

    int n = snprintf(root, sizeof(root), "%s/journal-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (n < 0 || (size_t)n >= sizeof(root) || !mkdtemp(root)) {
        perror(root);
        return EXIT_FAILURE;
    }
    (void)snprintf(b.dir, sizeof(b.dir), "%s/journal", root);
    (void)snprintf(quarantine, sizeof(quarantine), "%s/quarantine", root);
    int seconds = (int)number(argc, argv, 2, 5, 3600);
    b.frame_bytes = number(argc, argv, 3, 300, 1 << 20);
    b.group = number(argc, argv, 4, 50, GROUP_MAX);
    size_t appenders = number(argc, argv, 5, 1, APPENDERS_MAX);
    b.rate = argc > 6 ? number(argc, argv, 6, 1, 100000000) / appenders : 0;
    b.latency_us = calloc(LATENCIES, sizeof(*b.latency_us));
    if (!b.latency_us)
        return EXIT_FAILURE;
    struct journal_options o = {.dir = b.dir,
                                .quarantine = quarantine,
                                .segment_bytes = 128 << 20,
                                .max_bytes = UINT64_C(4) << 30,
                                .commit_ms = 5};
    int rc = run(&b, &o, seconds, appenders);
    free(b.latency_us);
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return rc;
}
