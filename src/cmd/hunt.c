/* The collector: pool and threads, batches in order to the output, progress, the summary. */
#include "cmd/hunt_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/hunt_formats.h"
#include "cmd/hunt_out.h"
#include "core/clock.h"

enum { BATCHES_PER_THREAD = 3, CAP_KEPT_BYTES = 4 << 20, NOTES_SHOWN = 200 };

struct hunt_batch *hunt_take(struct hunt *h)
{
    struct hunt_batch *b = NULL;

    while (!b)
        b = queue_take(&h->free, 60000);
    if (b->cap > CAP_KEPT_BYTES) {
        char *p = realloc(b->p, HUNT_BATCH_BYTES);
        b->cap = p ? HUNT_BATCH_BYTES : b->cap;
        b->p = p ? p : b->p;
    }
    hunt_layout_unref(b->layout);
    b->layout = NULL;
    b->file = NULL;
    b->format = NULL;
    b->n = b->spans_n = 0;
    b->line = b->offset = b->bytes = 0;
    arena_reset(&b->arena);
    b->first = NULL;
    b->tail = &b->first;
    buf_reset(&b->gathered);
    buf_reset(&b->notes);
    b->events = b->bad = b->untimed = b->lost = 0;
    b->damaged = b->done = false;
    return b;
}

void hunt_submit(struct hunt *h, struct hunt_batch *b)
{
    (void)pthread_mutex_lock(&h->lock);
    b->seq = h->made++;
    h->ring[b->seq % h->pool_n] = b;
    (void)pthread_mutex_unlock(&h->lock);
    /* the queue is as large as the pool */
    if (queue_try_put(&h->work, b) != ERR_NONE)
        atomic_store(&h->stop, true);
}

static const char *zeek_dataset(const char *path)
{
    static const char *const names[] = {"conn",   "dce_rpc", "dhcp", "dns",       "files",
                                        "ftp",    "http",    "irc",  "kerberos",  "ldap",
                                        "notice", "ntlm",    "rdp",  "smb_files", "smb_mapping",
                                        "smtp",   "ssh",     "ssl",  "weird",     "x509"};
    static const char *const sets[] = {
        "zeek.conn",   "zeek.dce_rpc", "zeek.dhcp", "zeek.dns",       "zeek.files",
        "zeek.ftp",    "zeek.http",    "zeek.irc",  "zeek.kerberos",  "zeek.ldap",
        "zeek.notice", "zeek.ntlm",    "zeek.rdp",  "zeek.smb_files", "zeek.smb_mapping",
        "zeek.smtp",   "zeek.ssh",     "zeek.ssl",  "zeek.weird",     "zeek.x509"};
    const char *base = strrchr(path, '/');
    size_t n;

    base = base ? base + 1 : path;
    n = strcspn(base, ".");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == n && memcmp(names[i], base, n) == 0 && strstr(base, ".log"))
            return sets[i];
    return NULL;
}

struct hunt_file *hunt_file_new(struct hunt *h, const char *path, const char *member)
{
    static char none_name[] = "(out of memory)";
    static struct hunt_file none = {.name = none_name};
    struct hunt_file *f = calloc(1, sizeof(*f));
    size_t n = strlen(path) + (member ? strlen(member) : 0) + 2;
    char *name = malloc(n);

    (void)pthread_mutex_lock(&h->lock);
    if (f && name && h->files_n == h->files_cap && h->files_n < HUNT_FILES_MAX) {
        size_t cap = h->files_cap ? h->files_cap * 2 : 64;
        struct hunt_file **files = realloc(h->files, cap * sizeof(*files));
        if (files) {
            h->files = files;
            h->files_cap = cap;
        }
    }
    if (!f || !name || h->files_n == h->files_cap) {
        (void)pthread_mutex_unlock(&h->lock);
        free(f);
        free(name);
        return &none;
    }
    (void)snprintf(name, n, "%s%s%s", path, member ? "!" : "", member ? member : "");
    f->name = name;
    f->dataset = zeek_dataset(name);
    f->index = (uint32_t)h->files_n;
    h->files[h->files_n++] = f;
    (void)pthread_mutex_unlock(&h->lock);
    return f;
}

const char *hunt_file_name(struct hunt *h, uint32_t index)
{
    const char *name = "";

    (void)pthread_mutex_lock(&h->lock);
    if (index < h->files_n)
        name = h->files[index]->name;
    (void)pthread_mutex_unlock(&h->lock);
    return name;
}

/* --- progress --- */

static void human(double v, char *to, size_t cap)
{
    static const char *const unit[] = {"B", "KB", "MB", "GB", "TB"};
    size_t i = 0;

    while (v >= 1000 && i + 1 < ARRAY_LEN(unit)) {
        v /= 1000;
        i++;
    }
    (void)snprintf(to, cap, i ? "%.1f %s" : "%.0f %s", v, unit[i]);
}

static void progress(struct hunt *h, double seconds)
{
    double done = (double)atomic_load(&h->raw_done), all = (double)atomic_load(&h->raw_total);
    char bytes[32], eta[32] = "", bar[24];
    double share = all > 0 && done <= all ? done / all : 0;

    memset(bar, '.', sizeof(bar) - 1);
    memset(bar, '#', (size_t)(share * (sizeof(bar) - 1)));
    bar[sizeof(bar) - 1] = 0;
    human((double)h->totals.bytes, bytes, sizeof(bytes));
    if (share > 0.001)
        (void)snprintf(eta, sizeof(eta), "  %.0f s left", seconds * (1 - share) / share);
    (void)fprintf(stderr, "\r\033[K%s%s%s%s  %.0f events/s  %llu found%s", all > 0 ? "[" : "",
                  all > 0 ? bar : "", all > 0 ? "] " : "", bytes,
                  (double)h->totals.events / (seconds > 0.001 ? seconds : 0.001),
                  (unsigned long long)h->totals.findings, eta);
    (void)fflush(stderr);
}

static void clear_progress(const struct hunt *h)
{
    if (!h->o.no_progress)
        (void)fprintf(stderr, "\r\033[K");
}

/* --- collecting --- */

static void show_notes(struct hunt *h, const struct hunt_batch *b)
{
    struct slice left = buf_slice(&b->notes);

    while (left.n && !h->o.quiet) {
        size_t n = slice_find(left, '\n');
        if (h->totals.bad + h->totals.damaged < NOTES_SHOWN || b->damaged || h->o.verbose) {
            clear_progress(h);
            (void)fprintf(stderr, "coloa hunt: ");
            cmd_print_safe(stderr, slice_of(b->file ? b->file->name : "-"));
            (void)fprintf(stderr, ": ");
            cmd_print_safe(stderr, slice_cut(left, 0, n));
            (void)fputc('\n', stderr);
        }
        left = slice_cut(left, n < left.n ? n + 1 : n, left.n);
    }
}

static void take_batch(struct hunt *h, struct hunt_batch *b)
{
    struct hunt_totals *t = &h->totals;

    show_notes(h, b);
    t->events += b->events;
    t->bytes += b->bytes;
    t->bad += b->bad;
    t->untimed += b->untimed;
    t->lost += b->lost;
    t->damaged += b->damaged;
    if (b->first)
        clear_progress(h);
    for (const struct hunt_found *f = b->first; f; f = f->next) {
        t->findings++;
        h->out->how->finding(h->out, f);
    }
    if (b->first && h->out->columns && fflush(h->out->to) != 0)
        h->out->failed = true;
    if (h->corr && b->gathered.n && hunt_corr_add(h->corr, buf_slice(&b->gathered)) != ERR_NONE)
        t->lost++;
    if (h->out->failed)
        atomic_store(&h->stop, true);
}

/* The batch of the number, when it is done; NULL when there will be none. */
static struct hunt_batch *await(struct hunt *h, uint64_t seq, int64_t start_ns)
{
    struct hunt_batch *b = NULL;

    (void)pthread_mutex_lock(&h->lock);
    for (;;) {
        bool made = seq < h->made;
        if (made && h->ring[seq % h->pool_n]->done) {
            b = h->ring[seq % h->pool_n];
            break;
        }
        if (!made && h->read_all)
            break;
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 200000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&h->changed, &h->lock, &until) != 0 && !h->o.no_progress)
            progress(h, (double)(clock_mono_ns() - start_ns) / 1e9);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return b;
}

static void collect(struct hunt *h, int64_t start_ns)
{
    struct hunt_batch *b;
    int64_t shown = start_ns;

    for (uint64_t seq = 0; (b = await(h, seq, start_ns)); seq++) {
        take_batch(h, b);
        if (queue_try_put(&h->free, b) != ERR_NONE)
            atomic_store(&h->stop, true);
        int64_t now = clock_mono_ns();
        if (!h->o.no_progress && now - shown > 200000000) {
            progress(h, (double)(now - start_ns) / 1e9);
            shown = now;
        }
    }
}

static void on_correlated(void *arg, struct hunt_found *f)
{
    struct hunt *h = arg;

    h->totals.findings++;
    h->totals.correlated++;
    h->out->how->finding(h->out, f);
}

/* --- the whole --- */

bool hunt_pool_make(struct hunt *h)
{
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_cond_init(&h->changed, NULL);
    h->now_ns = clock_wall_ns();
    h->pool_n = (size_t)h->o.threads * BATCHES_PER_THREAD + 3;
    h->pool = calloc(h->pool_n, sizeof(*h->pool));
    h->ring = calloc(h->pool_n, sizeof(struct hunt_batch *));
    if (!h->pool || !h->ring || queue_init(&h->free, h->pool_n) != ERR_NONE)
        return false;
    if (queue_init(&h->work, h->pool_n) != ERR_NONE) {
        queue_done(&h->free);
        return false;
    }
    for (size_t i = 0; i < h->pool_n; i++) {
        struct hunt_batch *b = &h->pool[i];
        arena_init(&b->arena, HUNT_FOUND_BYTES_MAX);
        buf_init(&b->gathered, 256 << 20);
        buf_init(&b->notes, HUNT_NOTE_BYTES_MAX);
        b->p = malloc(HUNT_BATCH_BYTES);
        b->cap = HUNT_BATCH_BYTES;
        if (!b->p || queue_try_put(&h->free, b) != ERR_NONE)
            return false;
    }
    return true;
}

void hunt_pool_free(struct hunt *h)
{
    for (size_t i = 0; h->pool && i < h->pool_n; i++) {
        struct hunt_batch *b = &h->pool[i];
        hunt_layout_unref(b->layout);
        arena_done(&b->arena);
        buf_done(&b->gathered);
        buf_done(&b->notes);
        free(b->p);
        free(b->spans);
    }
    for (size_t i = 0; i < h->files_n; i++) {
        free(h->files[i]->name);
        free(h->files[i]);
    }
    free(h->files);
    free(h->pool);
    free((void *)h->ring);
}

static void run_threads(struct hunt *h, struct hunt_worker **w, int64_t start_ns)
{
    pthread_t reader, worker[HUNT_THREADS_MAX];
    size_t n = 0;

    for (; n < (size_t)h->o.threads; n++)
        if (pthread_create(&worker[n], NULL, hunt_work_main, w[n]) != 0)
            break;
    if (n == 0 || pthread_create(&reader, NULL, hunt_read_main, h) != 0) {
        atomic_store(&h->stop, true);
        h->read_all = true;
        queue_close(&h->work);
        h->totals.damaged++;
    } else {
        collect(h, start_ns);
        (void)pthread_join(reader, NULL);
    }
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(worker[i], NULL);
}

/* "rules=3776 skipped=4 (unknown-modifier 2, yaml 2)" */
static void print_rules(const struct ruleset *rs)
{
    const struct rule_report *r = ruleset_report(rs);
    size_t skipped = r->rules > r->loaded ? r->rules - r->loaded : 0, codes_n = 0;
    struct {
        const char *code;
        size_t n;
    } codes[32] = {0};

    for (size_t i = 0; i < r->issues_n; i++) {
        size_t k = 0;
        if (r->issues[i].kind != ISSUE_ERROR)
            continue;
        while (k < codes_n && strcmp(codes[k].code, r->issues[i].code) != 0)
            k++;
        if (k == ARRAY_LEN(codes))
            continue;
        if (k == codes_n) {
            codes[codes_n].code = r->issues[i].code;
            codes[codes_n++].n = 0;
        }
        codes[k].n++;
    }
    (void)fprintf(stderr, " rules=%zu skipped=%zu", r->loaded, skipped);
    for (size_t k = 0; k < codes_n; k++)
        (void)fprintf(stderr, "%s%s: %zu%s", k ? ", " : " (", codes[k].code, codes[k].n,
                      k + 1 == codes_n ? ")" : "");
}

static void summary(struct hunt *h)
{
    const struct hunt_totals *t = &h->totals;
    const struct rule_report *r = ruleset_report(h->rules);

    for (size_t i = 0; i < r->issues_n && !h->o.quiet; i++)
        if (r->issues[i].kind == ISSUE_ERROR || h->o.verbose) {
            (void)fprintf(stderr, "coloa hunt: rule %s:%u:%u: %s: ", r->issues[i].file,
                          r->issues[i].line, r->issues[i].column, r->issues[i].code);
            cmd_print_safe(stderr, slice_of(r->issues[i].message));
            (void)fputc('\n', stderr);
        }
    if (h->o.quiet)
        return;
    (void)fprintf(stderr, "events=%llu bytes=%llu seconds=%.3f findings=%llu",
                  (unsigned long long)t->events, (unsigned long long)t->bytes, t->seconds,
                  (unsigned long long)t->findings);
    print_rules(h->rules);
    (void)fprintf(stderr, " files=%zu unreadable_files=%llu unreadable_records=%llu", h->files_n,
                  (unsigned long long)t->damaged, (unsigned long long)t->bad);
    if (t->untimed)
        (void)fprintf(stderr, " without_time=%llu", (unsigned long long)t->untimed);
    if (t->lost)
        (void)fprintf(stderr, " lost=%llu", (unsigned long long)t->lost);
    (void)fputc('\n', stderr);
}

static void open_output(struct hunt *h, struct hunt_out *o)
{
    struct winsize size = {0};

    *o = (struct hunt_out){.h = h, .to = stdout, .how = hunt_output_find(h->o.output)};
    buf_init(&o->line, 64 << 20);
    (void)setvbuf(stdout, NULL, _IOFBF, 256 << 10);
    if (isatty(STDOUT_FILENO)) {
        o->colour = !getenv("NO_COLOR");
        o->columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;
        o->columns = o->columns ? o->columns : 80;
    } else if (getenv("COLUMNS")) {
        int64_t n = 0;
        if (slice_to_i64(slice_of(getenv("COLUMNS")), &n) && n >= 40 && n < 1000)
            o->columns = (unsigned)n;
    }
    h->out = o;
}

static int exit_code(const struct hunt *h)
{
    if (h->out->failed || h->totals.lost)
        return EXIT_FAILED;
    if (h->totals.findings)
        return 1;
    return h->totals.damaged ? EXIT_FAILED : EXIT_SUCCESS;
}

static int run(struct hunt *h, struct hunt_worker **w)
{
    int64_t start = clock_mono_ns();

    if (!h->out->how->begin(h->out))
        return EXIT_FAILED;
    run_threads(h, w, start);
    if (h->corr && !h->out->failed && hunt_corr_run(h->corr, on_correlated, h) != ERR_NONE) {
        (void)fprintf(stderr, "coloa hunt: no room for the matches of correlations\n");
        h->totals.lost++;
    }
    h->totals.seconds = (double)(clock_mono_ns() - start) / 1e9;
    h->out->how->end(h->out);
    if (fflush(stdout) != 0)
        h->out->failed = true;
    clear_progress(h);
    if (h->out->failed)
        (void)fprintf(stderr, "coloa hunt: the output could not be written\n");
    if (h->o.profile)
        hunt_profile(h, w, (size_t)h->o.threads);
    summary(h);
    return exit_code(h);
}

int hunt_run(struct hunt *h)
{
    struct hunt_worker *w[HUNT_THREADS_MAX] = {0};
    struct hunt_out out;
    size_t n = 0;
    int rc = EXIT_FAILED;

    open_output(h, &out);
    bool ok = hunt_pool_make(h);
    h->corr = ok && correlate_n(h->rules) ? hunt_corr_new(h) : NULL;
    ok = ok && (h->corr || correlate_n(h->rules) == 0);
    for (; ok && n < (size_t)h->o.threads; n++) {
        ok = (w[n] = hunt_worker_new(h)) != NULL;
        if (ok && h->o.profile)
            detect_profile_start(hunt_worker_scratch(w[n]));
    }
    if (ok)
        rc = run(h, w);
    else
        (void)fprintf(stderr, "coloa hunt: out of memory\n");
    for (size_t i = 0; i < n; i++)
        hunt_worker_free(w[i]);
    hunt_corr_free(h->corr);
    hunt_pool_free(h);
    buf_done(&out.line);
    return rc;
}
