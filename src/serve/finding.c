#include "serve/finding.h"

#include <stdio.h>

#include "net/digest.h"

enum { MESSAGE_BYTES = 2048, VALUE_BYTES = 512 };

static struct slice head(struct slice s, size_t most)
{
    if (s.n > most)
        s.n = most;
    return s;
}

/* A match of one event: its id. A correlation: its group and the events that caused it. */
static CHECKED enum err id_material(const struct finding *f, struct buf *to)
{
    const struct correlation_hit *hit = f->correlation;
    enum err e = buf_put(to, (struct slice){f->rule->id, strnlen(f->rule->id, 64)});

    if (e == ERR_NONE && !hit)
        e = buf_put(to, (struct slice){(const char *)f->event->id.b, 16});
    if (e == ERR_NONE && hit)
        e = buf_put(to, hit->key);
    for (size_t i = 0; e == ERR_NONE && hit && i < hit->events_n; i++)
        e = buf_put(to, (struct slice){(const char *)hit->events[i].b, 16});
    return e;
}

static CHECKED enum err finding_id(const struct finding *f, char out[33])
{
    struct buf all;
    uint8_t sum[32];

    buf_init(&all, 1 << 16);
    enum err e = id_material(f, &all);
    if (e == ERR_NONE)
        e = digest_sha256(buf_slice(&all), sum);
    buf_done(&all);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return ERR_NONE;
}

static void entities(struct jsonw *j, const struct event *ev)
{
    static const enum field of[] = {F_SOURCE_IP, F_DESTINATION_IP, F_USER_NAME,
                                    F_HOST_NAME, F_URL_DOMAIN,     F_PROCESS_NAME};

    jsonw_key(j, SLICE("entities"));
    jsonw_object(j);
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        const struct value *v = event_get(ev, of[i]);
        if (!v || v->type == VT_LIST || v->text.n == 0)
            continue;
        jsonw_key(j, field_info(of[i])->name);
        jsonw_str(j, head(v->text, VALUE_BYTES));
    }
    jsonw_close_object(j);
}

static void matched(struct jsonw *j, const struct finding *f)
{
    jsonw_key(j, SLICE("matched"));
    jsonw_object(j);
    for (size_t i = 0; i < f->matched_n; i++) {
        jsonw_key(j, head(f->matched[i].name, 128));
        jsonw_str(j, head(f->matched[i].value, VALUE_BYTES));
    }
    jsonw_close_object(j);
}

static void selections(struct jsonw *j, const struct finding *f)
{
    jsonw_key(j, SLICE("selections"));
    jsonw_array(j);
    for (size_t i = 0; i < f->selections_n; i++)
        jsonw_str(j, head(f->selections[i], 128));
    jsonw_close_array(j);
}

/* What a correlation is about is what it groups by; the last event's other fields are not. */
static void group_entities(struct jsonw *j, const struct correlation_hit *hit)
{
    jsonw_key(j, SLICE("entities"));
    jsonw_object(j);
    for (size_t i = 0; i < hit->group_n; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || slice_eq(hit->entities[k], hit->entities[i]);
        if (again || !hit->entities[i].n || !hit->group[i].value.n)
            continue;
        jsonw_key(j, hit->entities[i]);
        jsonw_str(j, head(hit->group[i].value, VALUE_BYTES));
    }
    jsonw_close_object(j);
}

static void causes(struct jsonw *j, const struct finding *f)
{
    const struct id128 *ids = f->correlation ? f->correlation->events : &f->event->id;
    size_t n = f->correlation ? f->correlation->events_n : 1;
    char text[ID_TEXT_BYTES + 1];

    jsonw_key(j, SLICE("events"));
    jsonw_array(j);
    for (size_t i = 0; i < n; i++) {
        id_text(ids[i], text);
        jsonw_str(j, slice_of(text));
    }
    jsonw_close_array(j);
}

static void correlation(struct jsonw *j, const struct correlation_hit *hit)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "%s = %.15g · %llu × / %lld s",
                   correlation_type_name(hit->type), hit->value, (unsigned long long)hit->matches,
                   (long long)(hit->timespan_ns / 1000000000));
    jsonw_kcstr(j, "message", text);
    jsonw_key(j, SLICE("correlation"));
    jsonw_object(j);
    jsonw_kcstr(j, "type", correlation_type_name(hit->type));
    jsonw_key(j, SLICE("value"));
    jsonw_double(j, hit->value);
    jsonw_kint(j, "matches", (int64_t)hit->matches);
    jsonw_kint(j, "timespan_s", hit->timespan_ns / 1000000000);
    jsonw_ktime(j, "first", hit->first_ns);
    jsonw_ktime(j, "last", hit->last_ns);
    jsonw_close_object(j);
}

static void tell_rule(struct jsonw *j, const struct rule_info *r)
{
    jsonw_kcstr(j, "rule_id", r->id);
    jsonw_kcstr(j, "rule_version", r->version);
    jsonw_kcstr(j, "title", r->title);
    jsonw_kcstr(j, "title_vi", r->title_vi);
    jsonw_kcstr(j, "level", rule_level_name(r->level));
    jsonw_key(j, SLICE("tags"));
    jsonw_array(j);
    for (size_t i = 0; i < r->tags_n; i++)
        jsonw_str(j, slice_of(r->tags[i]));
    jsonw_close_array(j);
}

CHECKED enum err finding_encode(const struct finding *f, struct buf *out)
{
    const struct event *ev = f->event;
    const struct correlation_hit *hit = f->correlation;
    const struct value *source = ev ? event_get(ev, F_COLOA_SOURCE) : NULL;
    char id[33];
    struct jsonw j;

    if (!ev && !hit)
        return ERR_SYNTAX; /* about nothing */
    enum err e = finding_id(f, id);
    if (e != ERR_NONE)
        return e;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kcstr(&j, "kind", "finding");
    jsonw_kcstr(&j, "id", id);
    tell_rule(&j, f->rule);
    jsonw_ktime(&j, "time", hit ? hit->last_ns : ev->timestamp_ns);
    jsonw_ktime(&j, "received", hit ? hit->received_ns : ev->ingested_ns);
    jsonw_kint(&j, "org", hit ? hit->org : ev->org);
    jsonw_kint(&j, "system", hit ? hit->system : ev->system);
    jsonw_kstr(&j, "source", source ? head(source->text, VALUE_BYTES) : SLICE(""));
    if (hit)
        group_entities(&j, hit);
    else
        entities(&j, ev);
    causes(&j, f);
    matched(&j, f);
    selections(&j, f);
    if (hit)
        correlation(&j, hit);
    else
        jsonw_kstr(&j, "message", head(ev->message, MESSAGE_BYTES));
    jsonw_close_object(&j);
    return jsonw_end(&j);
}
