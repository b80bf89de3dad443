#include "serve/alarm.h"

#include "core/timefmt.h"
#include "net/digest.h"
#include "serve/finding.h"

enum { ORG_UNASSIGNED_ID = 1, REASONS = 20, ABOUT_BYTES = 4096, ARENA_BYTES = 1 << 20 };

static const struct rule_info alarms[ALARM_N] = {
    [ALARM_NO_RULES] = {.id = "coloa-rules-none",
                        .title = "No detection rule is loaded",
                        .title_vi = "Không có luật phát hiện nào được nạp",
                        .level = LEVEL_CRITICAL},
    [ALARM_RULES_FAILED] = {.id = "coloa-rules-failed",
                            .title = "Detection rules could not be loaded",
                            .title_vi = "Có luật phát hiện không nạp được",
                            .level = LEVEL_MEDIUM},
    [ALARM_RULES_BLIND] = {.id = "coloa-rules-blind",
                           .title = "Detection rules are blind: their log sources fell silent",
                           .title_vi = "Luật phát hiện bị mù: nguồn nhật ký của chúng đã im lặng",
                           .level = LEVEL_LOW},
};

CHECKED enum err alarm_encode(enum alarm_kind kind, struct slice about, int64_t now_ns,
                              struct buf *out)
{
    uint8_t sum[DIGEST_SHA256_BYTES];
    struct arena arena;
    struct event ev;

    enum err e = digest_sha256(about, sum);
    if (e != ERR_NONE)
        return e;
    arena_init(&arena, ARENA_BYTES);
    event_init(&ev, &arena);
    memcpy(ev.id.b, sum, sizeof(ev.id.b));
    ev.timestamp_ns = ev.ingested_ns = now_ns;
    ev.org = ORG_UNASSIGNED_ID;
    ev.message = about;
    e = event_set(&ev, F_COLOA_SOURCE, SLICE("coloa"));
    const struct finding f = {.rule = &alarms[kind], .event = &ev};
    if (e == ERR_NONE)
        e = finding_encode(&f, out);
    arena_done(&arena);
    return e;
}

static CHECKED enum err reasons(const struct rule_report *rep, struct buf *b, size_t *ret_n)
{
    enum err e = ERR_NONE;
    size_t n = 0;

    for (size_t i = 0; i < rep->issues_n; i++) {
        const struct rule_issue *issue = &rep->issues[i];
        if (issue->kind != ISSUE_ERROR)
            continue;
        if (n++ < REASONS && e == ERR_NONE)
            e = buf_printf(b, "%s:%u: %s: %.120s\n", issue->file, issue->line, issue->code,
                           issue->message);
    }
    if (e == ERR_NONE && n > REASONS)
        e = buf_printf(b, "and %zu more", n - REASONS);
    *ret_n = n;
    return e == ERR_LIMIT ? ERR_NONE : e; /* enough to begin with */
}

CHECKED enum err alarm_rules(const struct ruleset *rs, int64_t now_ns, struct buf out[static 2],
                             size_t *ret_n)
{
    const struct rule_report *rep = ruleset_report(rs);
    char time[TIME_TEXT_BYTES + 1];
    struct buf about;
    size_t failed = 0;
    enum err e = ERR_NONE;

    *ret_n = 0;
    buf_init(&about, ABOUT_BYTES);
    time_rfc3339(now_ns, time);
    if (rep->loaded == 0) { /* told anew each day */
        e = buf_printf(&about, "Since %.10s: nothing is detected until rules are loaded.", time);
        if (e == ERR_NONE)
            e = alarm_encode(ALARM_NO_RULES, buf_slice(&about), now_ns, &out[*ret_n]);
        *ret_n += e == ERR_NONE;
        buf_reset(&about);
    }
    if (e == ERR_NONE)
        e = reasons(rep, &about, &failed);
    if (e == ERR_NONE && failed) {
        e = alarm_encode(ALARM_RULES_FAILED, buf_slice(&about), now_ns, &out[*ret_n]);
        *ret_n += e == ERR_NONE;
    }
    buf_done(&about);
    return e;
}
