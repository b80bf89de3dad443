#include "cmd/rules_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 20, LEVELS = LEVEL_CRITICAL + 1 };

struct sorted {
    const struct rule_info **rules; /* owned */
    size_t n;
    const struct rule_issue **issues; /* owned; errors and what can't match */
    size_t issues_n;
    size_t root_n; /* of paths: what to leave out */
};

static int by_id(const void *x, const void *y)
{
    const struct rule_info *const *a = x, *const *b = y;

    return strcmp((*a)->id, (*b)->id);
}

static bool sort(const struct ruleset *rs, const char *folder, struct sorted *ret)
{
    const struct rule_report *r = rs ? ruleset_report(rs) : NULL;
    size_t n = rs ? ruleset_n(rs) : 0;

    *ret = (struct sorted){.n = n, .root_n = strlen(folder)};
    ret->rules = calloc(n + 1, sizeof(*ret->rules));
    ret->issues = calloc((r ? r->issues_n : 0) + 1, sizeof(*ret->issues));
    if (!ret->rules || !ret->issues)
        return false;
    for (size_t i = 0; i < n; i++)
        ret->rules[i] = ruleset_rule(rs, i);
    qsort(ret->rules, n, sizeof(*ret->rules), by_id);
    for (size_t i = 0; r && i < r->issues_n; i++)
        if (r->issues[i].kind != ISSUE_WARNING)
            ret->issues[ret->issues_n++] = &r->issues[i];
    return true;
}

static void sorted_done(struct sorted *s)
{
    free(s->rules);
    free(s->issues);
}

static void count(const struct sorted *a, const struct sorted *b, size_t added[LEVELS],
                  size_t changed[LEVELS], size_t removed[LEVELS])
{
    size_t i = 0, k = 0;

    while (i < a->n || k < b->n) {
        int c = i == a->n ? 1 : k == b->n ? -1 : by_id(&a->rules[i], &b->rules[k]);
        if (c < 0)
            removed[a->rules[i]->level]++;
        else if (c > 0)
            added[b->rules[k]->level]++;
        else
            changed[b->rules[k]->level] += strcmp(a->rules[i]->version, b->rules[k]->version) != 0;
        i += c <= 0;
        k += c >= 0;
    }
}

static bool known(const struct sorted *old, const struct rule_issue *is, const char *below)
{
    for (size_t i = 0; i < old->issues_n; i++) {
        const struct rule_issue *o = old->issues[i];
        if (o->kind == is->kind && strcmp(o->code, is->code) == 0 &&
            strcmp(o->file + old->root_n, below) == 0 && strcmp(o->rule_id, is->rule_id) == 0)
            return true;
    }
    return false;
}

static void failing(const struct sorted *old, const struct sorted *new, bool first,
                    struct rules_diff *ret)
{
    size_t shown = 0, more = 0;

    for (size_t i = 0; i < new->issues_n; i++) {
        const struct rule_issue *is = new->issues[i];
        if (known(old, is, is->file + new->root_n))
            continue;
        ret->refused += is->kind == ISSUE_ERROR || !first;
        if (shown++ >= SHOWN_MAX) {
            more++;
            continue;
        }
        (void)printf("newly %s: %s:%u:%u: %s [%s]\n",
                     is->kind == ISSUE_ERROR ? "wrong" : "can't match", is->file, is->line,
                     is->column, is->message, is->code);
    }
    if (more)
        (void)printf("and %zu more\n", more);
}

CHECKED bool rules_diff_print(const struct ruleset *old, const char *old_folder,
                              const struct ruleset *new, const char *new_folder,
                              struct rules_diff *ret)
{
    size_t added[LEVELS] = {0}, changed[LEVELS] = {0}, removed[LEVELS] = {0};
    struct sorted a, b = {.n = 0};
    bool ok = sort(old, old_folder, &a) && sort(new, new_folder, &b);

    *ret = (struct rules_diff){.added = 0};
    if (ok)
        count(&a, &b, added, changed, removed);
    if (ok)
        (void)printf("%-13s %8s %8s %8s\n", "level", "added", "changed", "removed");
    for (size_t l = LEVEL_CRITICAL; ok && l >= LEVEL_INFORMATIONAL; l--) {
        (void)printf("%-13s %8zu %8zu %8zu\n", rule_level_name((enum rule_level)l), added[l],
                     changed[l], removed[l]);
        ret->added += added[l];
        ret->changed += changed[l];
        ret->removed += removed[l];
    }
    if (ok)
        (void)printf("%-13s %8zu %8zu %8zu\n", "all", ret->added, ret->changed, ret->removed);
    if (ok)
        failing(&a, &b, !old, ret);
    sorted_done(&a);
    sorted_done(&b);
    return ok;
}
