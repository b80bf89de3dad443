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

static CHECKED enum err finding_id(const struct finding *f, char out[33])
{
    uint8_t all[64 + 16], sum[32];
    size_t n = strnlen(f->rule->id, 64);

    memcpy(all, f->rule->id, n);
    memcpy(all + n, f->event->id.b, 16);
    enum err e = digest_sha256((struct slice){(const char *)all, n + 16}, sum);
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

CHECKED enum err finding_encode(const struct finding *f, struct buf *out)
{
    const struct event *ev = f->event;
    const struct value *source = event_get(ev, F_COLOA_SOURCE);
    char id[33], event[ID_TEXT_BYTES + 1];
    struct jsonw j;

    enum err e = finding_id(f, id);
    if (e != ERR_NONE)
        return e;
    id_text(ev->id, event);
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kcstr(&j, "kind", "finding");
    jsonw_kcstr(&j, "id", id);
    jsonw_kcstr(&j, "rule_id", f->rule->id);
    jsonw_kcstr(&j, "title", f->rule->title);
    jsonw_kcstr(&j, "title_vi", f->rule->title_vi);
    jsonw_kcstr(&j, "level", rule_level_name(f->rule->level));
    jsonw_key(&j, SLICE("tags"));
    jsonw_array(&j);
    for (size_t i = 0; i < f->rule->tags_n; i++)
        jsonw_str(&j, slice_of(f->rule->tags[i]));
    jsonw_close_array(&j);
    jsonw_ktime(&j, "time", ev->timestamp_ns);
    jsonw_ktime(&j, "received", ev->ingested_ns);
    jsonw_kint(&j, "org", ev->org);
    jsonw_kint(&j, "system", ev->system);
    jsonw_kstr(&j, "source", source ? head(source->text, VALUE_BYTES) : SLICE(""));
    entities(&j, ev);
    jsonw_key(&j, SLICE("events"));
    jsonw_array(&j);
    jsonw_str(&j, slice_of(event));
    jsonw_close_array(&j);
    matched(&j, f);
    jsonw_kstr(&j, "message", head(ev->message, MESSAGE_BYTES));
    jsonw_close_object(&j);
    return jsonw_end(&j);
}
