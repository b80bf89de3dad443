/* What the detect worker keeps of its log sources and rules beside the events: when each source
 * last sent, which rules are blind, and the alarms about them. */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "serve/alarm.h"
#include "serve/datadir.h"
#include "serve/watch_int.h"

#define LOOK_EVERY (2 * NS_PER_S)
#define SAVE_EVERY (60 * NS_PER_S)
#define ALARM_EVERY (3600 * NS_PER_S)
#define DAY_NS (86400 * NS_PER_S)

enum { JSON_BYTES_MAX = 4 << 20, FRAME_BYTES_MAX = 64 << 10, ABOUT_BYTES = 4096 };

void watch_cover_open(struct watch_cover *c, struct watch *w)
{
    bool anew;

    *c = (struct watch_cover){.w = w};
    (void)snprintf(c->path, sizeof(c->path), "%s/logsources.json", w->state_dir);
    cover_load(&c->cover, c->path, clock_wall_ns(), &anew);
    if (anew)
        log_info("cover.load", "path=%s counting begins", c->path);
}

void watch_cover_close(struct watch_cover *c)
{
    if (c->w && c->cover.changed && cover_save(&c->cover, c->path, NULL) != ERR_NONE)
        log_warn("cover.save", "path=%s", c->path);
    free(c->blind);
    ruleset_unref(c->rules);
    *c = (struct watch_cover){.w = NULL};
}

static void publish(struct watch_cover *c)
{
    char path[4200];
    struct buf b;

    (void)snprintf(path, sizeof(path), "%s/run/logsources.json", c->w->ctx->data_dir);
    buf_init(&b, JSON_BYTES_MAX);
    enum err e = cover_write(&c->cover, c->rules, c->blind, &b);
    if (e == ERR_NONE)
        e = datadir_write_file(path, b.p, b.n, 0640, false, NULL);
    if (e != ERR_NONE)
        log_err(LOG_WARN, "cover.publish", e, NULL, "path=run/logsources.json");
    buf_done(&b);
}

static bool take_rules(struct watch_cover *c, struct ruleset *rs)
{
    bool *blind = calloc(ruleset_n(rs) + 1, sizeof(*blind));

    if (!blind)
        return false;
    free(c->blind);
    c->blind = blind;
    ruleset_unref(c->rules);
    c->rules = ruleset_ref(rs);
    return true;
}

static void add(watch_cover_frame *frame, void *arg, struct buf *b)
{
    if (b->n)
        frame(arg, buf_slice(b));
    buf_reset(b);
}

static void alarm_of_rules(struct watch_cover *c, int64_t now, watch_cover_frame *frame, void *arg)
{
    struct buf frames[2];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        buf_init(&frames[i], FRAME_BYTES_MAX);
    if (alarm_rules(c->rules, now, frames, &n) != ERR_NONE)
        log_warn("alarm.rules", "could not be told");
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        add(frame, arg, &frames[i]);
        buf_done(&frames[i]);
    }
}

/* Only what once sent is an alarm when it sends no more; what never did is shown with the rules. */
static void alarm_of_silence(struct watch_cover *c, int64_t now, int64_t from,
                             watch_cover_frame *frame, void *arg)
{
    struct buf about, out;
    enum err e = ERR_NONE;

    buf_init(&about, ABOUT_BYTES);
    buf_init(&out, FRAME_BYTES_MAX);
    for (size_t i = 0; e == ERR_NONE && i < ruleset_sources_n(c->rules); i++) {
        struct source_info info = ruleset_source(c->rules, i);
        int64_t last = cover_last(&c->cover, c->rules, i);
        if (last && last < from && info.rules_n)
            e = buf_printf(&about, "%.*s/%.*s/%.*s: %zu rules\n", SLICE_ARG(info.product),
                           SLICE_ARG(info.category), SLICE_ARG(info.service), info.rules_n);
    }
    if (about.n && alarm_encode(ALARM_RULES_BLIND, buf_slice(&about), now, &out) == ERR_NONE)
        add(frame, arg, &out);
    buf_done(&about);
    buf_done(&out);
}

void watch_cover_step(struct watch_cover *c, struct ruleset *rs, struct detect_scratch *s,
                      watch_cover_frame *frame, void *arg)
{
    int64_t mono = clock_mono_ns(), now = clock_wall_ns();
    int64_t from = now - config_int(c->w->ctx->cfg, OPT_DETECT_BLIND_DAYS) * DAY_NS;
    bool fresh = c->rules != rs;

    if (!fresh && c->looked_ns && mono - c->looked_ns < LOOK_EVERY)
        return;
    c->looked_ns = mono;
    if (fresh && !take_rules(c, rs))
        return;
    bool before = c->cover.changed;
    cover_take(&c->cover, rs, s, now);
    size_t blind = cover_blind(&c->cover, rs, from, c->blind);
    metric_set(M_DETECT_BLIND, blind);
    if (fresh || blind != c->blind_n || (c->cover.changed && !before))
        publish(c);
    c->blind_n = blind;
    if (fresh || mono - c->alarmed_ns > ALARM_EVERY) {
        c->alarmed_ns = mono;
        alarm_of_rules(c, now, frame, arg);
        alarm_of_silence(c, now, from, frame, arg);
    }
    if (!c->cover.changed || (c->saved_ns && mono - c->saved_ns < SAVE_EVERY))
        return;
    c->saved_ns = mono;
    publish(c);
    if (cover_save(&c->cover, c->path, NULL) != ERR_NONE)
        log_warn("cover.save", "path=%s", c->path);
}
