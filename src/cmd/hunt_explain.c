/* --explain: one rule, one event, part by part. --profile: what each rule cost. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "cmd/cmd.h"
#include "cmd/hunt_formats.h"

enum { PROFILE_SHOWN = 40 };

struct explain {
    struct hunt *h;
    struct hunt_worker *w;
    size_t rule;
    uint64_t record; /* 0: all */
    uint64_t told, held;
};

static void step(void *arg, const struct explain_step *s)
{
    bool vi = strcmp(((struct explain *)arg)->h->o.lang, "vi") == 0;
    static const char *const kind[][2] = {
        [EXPLAIN_SOURCE] = {"log source", "nguồn nhật ký"},
        [EXPLAIN_SELECTION] = {"selection", "nhóm điều kiện"},
        [EXPLAIN_ITEM] = {"field", "trường"},
        [EXPLAIN_CONDITION] = {"the condition", "điều kiện chung"}};

    (void)printf("  %s  %*s%s ", s->holds ? "yes" : "NO ", (int)(2 * s->depth), "",
                 kind[s->kind][vi]);
    if (s->name.n || s->kind == EXPLAIN_SELECTION)
        cmd_print_safe(stdout, s->name.n ? s->name : SLICE("(...)"));
    if (s->kind == EXPLAIN_ITEM && !s->present) {
        (void)printf(vi ? "  (sự kiện không có giá trị)" : "  (the event has no value)");
    } else if (s->kind == EXPLAIN_ITEM) {
        (void)printf("  = ");
        cmd_print_safe(stdout, s->value.n > 300 ? slice_cut(s->value, 0, 300) : s->value);
    }
    (void)putchar('\n');
}

static void each(void *arg, struct event *ev)
{
    struct explain *x = arg;
    const struct rule_info *r = ruleset_rule(x->h->rules, x->rule);
    uint64_t record = hunt_id_place(ev->id).record;

    if (x->record && record != x->record)
        return;
    x->told++;
    (void)printf("record %llu: rule %s: %s\n", (unsigned long long)record, r->id, r->title);
    bool holds = detect_explain(x->h->rules, hunt_worker_scratch(x->w), ev, x->rule, step, x);
    x->held += holds;
    static const char *const say[2][2] = {{"does not match", "không khớp"}, {"matches", "khớp"}};
    (void)printf("  => %s\n", say[holds][strcmp(x->h->o.lang, "vi") == 0]);
}

static bool find_rule(const struct ruleset *rs, const char *name, size_t *ret)
{
    for (size_t i = 0; i < ruleset_n(rs); i++) {
        const struct rule_info *r = ruleset_rule(rs, i);
        const char *slash = strrchr(r->path, '/');
        if (strcmp(r->id, name) == 0 || strcmp(r->title, name) == 0 || strcmp(r->path, name) == 0 ||
            (slash && strcmp(slash + 1, name) == 0)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* "FILE:RECORD" is taken apart; an event in braces becomes a file without a name. */
static char *target(struct explain *x, const char *what)
{
    char *path = strdup(what);
    char *colon = path ? strrchr(path, ':') : NULL;

    if (!path || what[0] == '{') {
        int fd = memfd_create("event", MFD_CLOEXEC);
        size_t n = strlen(what);
        free(path);
        if (fd < 0 || write(fd, what, n) != (ssize_t)n ||
            asprintf(&path, "/proc/self/fd/%d", fd) < 0)
            return NULL;
        return path;
    }
    if (colon && access(what, F_OK) != 0 && slice_to_u64(slice_of(colon + 1), &x->record) &&
        x->record)
        *colon = 0;
    return path;
}

/* One thread of the reader's making, the worker's part here: the batches come in order. */
static void read_all(struct explain *x)
{
    struct hunt *h = x->h;
    pthread_t reader;
    struct hunt_batch *b;

    if (pthread_create(&reader, NULL, hunt_read_main, h) != 0)
        return;
    for (;;) {
        b = queue_take(&h->work, 1000);
        if (!b) {
            (void)pthread_mutex_lock(&h->lock);
            bool over = h->read_all;
            (void)pthread_mutex_unlock(&h->lock);
            if (over && queue_len(&h->work) == 0)
                break;
            continue;
        }
        if (b->notes.n)
            cmd_print_safe(stderr, buf_slice(&b->notes));
        hunt_worker_batch(x->w, b);
        if (queue_try_put(&h->free, b) != ERR_NONE)
            break;
    }
    (void)pthread_join(reader, NULL);
}

int hunt_explain(struct hunt *h)
{
    struct explain x = {.h = h};
    int rc = EXIT_FAILED;

    if (!find_rule(h->rules, h->o.explain, &x.rule)) {
        (void)fprintf(stderr, "coloa hunt: no loaded rule is called %s\n", h->o.explain);
        return EXIT_USAGE;
    }
    char *path = h->o.paths.n == 1 ? target(&x, h->o.paths.at[0]) : NULL;
    if (!path) {
        (void)fprintf(stderr, "coloa hunt: --explain takes one FILE, FILE:RECORD or {event}\n");
        return EXIT_USAGE;
    }
    h->o.paths.at[0] = path;
    h->o.no_progress = true;
    h->o.threads = 1;
    x.w = hunt_pool_make(h) ? hunt_worker_new(h) : NULL;
    if (x.w) {
        hunt_worker_watch(x.w, each, &x);
        read_all(&x);
        rc = x.told == 0 ? EXIT_FAILED : x.held ? 1 : EXIT_SUCCESS;
    }
    if (x.w && x.told == 0)
        (void)fprintf(stderr, "coloa hunt: there is no such record\n");
    hunt_worker_free(x.w);
    hunt_pool_free(h);
    free(path);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}

struct row {
    const struct rule_info *rule;
    struct rule_cost cost;
};

static int dearer(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return (x->cost.ns < y->cost.ns) - (x->cost.ns > y->cost.ns);
}

void hunt_profile(struct hunt *h, struct hunt_worker **w, size_t n)
{
    size_t rules = ruleset_n(h->rules);
    struct row *rows = calloc(rules + 1, sizeof(*rows));
    uint64_t all = 0;

    if (!rows)
        return;
    for (size_t i = 0; i < rules; i++) {
        rows[i].rule = ruleset_rule(h->rules, i);
        for (size_t k = 0; k < n; k++) {
            struct rule_cost c = detect_profile_of(hunt_worker_scratch(w[k]), h->rules, i);
            rows[i].cost.evaluated += c.evaluated;
            rows[i].cost.matched += c.matched;
            rows[i].cost.ns += c.ns;
        }
        all += rows[i].cost.ns;
    }
    qsort(rows, rules, sizeof(*rows), dearer);
    (void)fprintf(stderr, "%9s %6s %12s %10s %9s  rule\n", "ms", "share", "evaluated", "matched",
                  "ns each");
    for (size_t i = 0; i < rules && i < PROFILE_SHOWN && rows[i].cost.evaluated; i++)
        (void)fprintf(
            stderr, "%9.1f %5.1f%% %12llu %10llu %9.0f  %s\n", (double)rows[i].cost.ns / 1e6,
            100 * (double)rows[i].cost.ns / (double)(all ? all : 1),
            (unsigned long long)rows[i].cost.evaluated, (unsigned long long)rows[i].cost.matched,
            (double)rows[i].cost.ns / (double)rows[i].cost.evaluated, rows[i].rule->title);
    free(rows);
}
