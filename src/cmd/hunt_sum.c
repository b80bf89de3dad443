#include "cmd/hunt_sum.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

enum { HOST_SLOTS = 16384 };

static const struct {
    const char *tag, *en, *vi;
} tactics[HUNT_SUM_TACTICS] = {
    {"reconnaissance", "Reconnaissance", "Trinh sát"},
    {"resource-development", "Resource Development", "Chuẩn bị nguồn lực"},
    {"initial-access", "Initial Access", "Xâm nhập ban đầu"},
    {"execution", "Execution", "Thực thi"},
    {"persistence", "Persistence", "Bám trụ"},
    {"privilege-escalation", "Privilege Escalation", "Leo thang đặc quyền"},
    {"stealth", "Stealth", "Ẩn mình"},
    {"defense-impairment", "Defense Impairment", "Vô hiệu phòng thủ"},
    {"credential-access", "Credential Access", "Lấy thông tin đăng nhập"},
    {"discovery", "Discovery", "Dò tìm"},
    {"lateral-movement", "Lateral Movement", "Di chuyển ngang"},
    {"collection", "Collection", "Thu thập"},
    {"command-and-control", "Command and Control", "Điều khiển từ xa"},
    {"exfiltration", "Exfiltration", "Đưa dữ liệu ra ngoài"},
    {"impact", "Impact", "Gây hại"},
    {"", "None named", "Không nêu"},
};

const char *hunt_sum_tactic(size_t i, bool vi)
{
    return vi ? tactics[i].vi : tactics[i].en;
}

CHECKED bool hunt_sum_init(struct hunt_sum *s)
{
    *s = (struct hunt_sum){.width_ns = NS_PER_S};
    s->hosts = calloc(HUNT_SUM_HOSTS_MAX, sizeof(*s->hosts));
    s->host_slots = calloc(HOST_SLOTS, sizeof(*s->host_slots));
    s->buckets = calloc(HUNT_SUM_BUCKETS, sizeof(*s->buckets));
    return s->hosts && s->host_slots && s->buckets;
}

void hunt_sum_done(struct hunt_sum *s)
{
    for (size_t i = 0; s->hosts && i < s->hosts_n; i++)
        free(s->hosts[i].host);
    free(s->hosts);
    free(s->host_slots);
    free(s->buckets);
    free(s->rules);
}

static void count(struct hunt_sum_row *r, const struct hunt_found *f)
{
    r->n++;
    r->worst = f->rule->level > r->worst ? f->rule->level : r->worst;
    if (!f->has_time)
        return;
    r->first_ns = !r->timed || f->time_ns < r->first_ns ? f->time_ns : r->first_ns;
    r->last_ns = !r->timed || f->time_ns > r->last_ns ? f->time_ns : r->last_ns;
    r->timed = true;
}

/* The rules that found are few: a binary search over their addresses. */
static void add_rule(struct hunt_sum *s, const struct hunt_found *f)
{
    size_t lo = 0, hi = s->rules_n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->rules[mid].rule < f->rule)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == s->rules_n || s->rules[lo].rule != f->rule) {
        if (s->rules_n == s->rules_cap) {
            size_t cap = s->rules_cap ? s->rules_cap * 2 : 64;
            struct hunt_sum_row *more = realloc(s->rules, cap * sizeof(*more));
            if (!more)
                return;
            s->rules = more;
            s->rules_cap = cap;
        }
        memmove(s->rules + lo + 1, s->rules + lo, (s->rules_n - lo) * sizeof(*s->rules));
        s->rules[lo] = (struct hunt_sum_row){.rule = f->rule};
        s->rules_n++;
    }
    count(&s->rules[lo], f);
}

static void add_host(struct hunt_sum *s, const struct hunt_found *f)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    struct slice name = f->host;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.p[i]) * UINT64_C(0x100000001b3);
    for (size_t at = (size_t)(h >> 20) % HOST_SLOTS;; at = (at + 1) % HOST_SLOTS) {
        uint32_t k = s->host_slots[at];
        if (k && slice_eq(slice_of(s->hosts[k - 1].host), name)) {
            count(&s->hosts[k - 1], f);
            return;
        }
        if (k)
            continue;
        char *own = s->hosts_n < HUNT_SUM_HOSTS_MAX ? strndup(name.p, name.n) : NULL;
        if (!own || strlen(own) != name.n) {
            free(own);
            s->other_hosts++;
            return;
        }
        s->hosts[s->hosts_n] = (struct hunt_sum_row){.host = own};
        count(&s->hosts[s->hosts_n], f);
        s->host_slots[at] = (uint32_t)++s->hosts_n;
        return;
    }
}

static void coarsen(struct hunt_sum *s)
{
    size_t n = 0;

    s->width_ns *= 2;
    for (size_t i = 0; i < s->buckets_n; i++) {
        struct hunt_sum_bucket b = s->buckets[i];
        b.at = b.at >> 1;
        if (n && s->buckets[n - 1].at == b.at)
            for (size_t l = 0; l < ARRAY_LEN(b.n); l++)
                s->buckets[n - 1].n[l] += b.n[l];
        else
            s->buckets[n++] = b;
    }
    s->buckets_n = n;
}

static void add_time(struct hunt_sum *s, const struct hunt_found *f)
{
    int64_t ns = f->time_ns - (f->time_ns % s->width_ns + s->width_ns) % s->width_ns;
    int64_t at = ns / s->width_ns;
    size_t lo = 0, hi = s->buckets_n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->buckets[mid].at < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < s->buckets_n && s->buckets[lo].at == at) {
        s->buckets[lo].n[f->rule->level]++;
        return;
    }
    if (s->buckets_n == HUNT_SUM_BUCKETS) {
        coarsen(s);
        add_time(s, f);
        return;
    }
    memmove(s->buckets + lo + 1, s->buckets + lo, (s->buckets_n - lo) * sizeof(*s->buckets));
    s->buckets[lo] = (struct hunt_sum_bucket){.at = at};
    s->buckets[lo].n[f->rule->level]++;
    s->buckets_n++;
}

static void add_tactics(struct hunt_sum *s, const struct rule_info *r)
{
    bool any = false;

    for (size_t i = 0; i < r->tags_n; i++)
        for (size_t k = 0; k + 1 < HUNT_SUM_TACTICS; k++)
            if (strncmp(r->tags[i], "attack.", 7) == 0 &&
                strcmp(r->tags[i] + 7, tactics[k].tag) == 0) {
                s->tactics[k]++;
                any = true;
            }
    s->tactics[HUNT_SUM_TACTICS - 1] += !any;
}

void hunt_sum_add(struct hunt_sum *s, const struct hunt_found *f)
{
    s->n++;
    s->by_level[f->rule->level]++;
    add_rule(s, f);
    if (f->host.n)
        add_host(s, f);
    if (f->has_time)
        add_time(s, f);
    else
        s->untimed++;
    add_tactics(s, f->rule);
}

static int more_first(const void *a, const void *b)
{
    const struct hunt_sum_row *x = a, *y = b;

    if (x->worst != y->worst && x->rule)
        return (int)y->worst - (int)x->worst;
    if (x->n != y->n)
        return (x->n < y->n) - (x->n > y->n);
    return x->rule ? strcmp(x->rule->id, y->rule->id) : strcmp(x->host, y->host);
}

void hunt_sum_sort(struct hunt_sum *s)
{
    qsort(s->rules, s->rules_n, sizeof(*s->rules), more_first);
    qsort(s->hosts, s->hosts_n, sizeof(*s->hosts), more_first);
}

void hunt_sum_narrow(struct hunt_sum *s, int64_t most)
{
    while (s->buckets_n && s->buckets[s->buckets_n - 1].at - s->buckets[0].at + 1 > most)
        coarsen(s);
}
