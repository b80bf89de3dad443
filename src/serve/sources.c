#include "serve/sources.h"

#include <stdlib.h>

#include "core/jsonw.h"

enum { NAME_BYTES = 160, SLOTS = 32768 };
_Static_assert((int)SLOTS > (int)SOURCES_MAX, "open addressing needs room");

struct row {
    uint32_t org, system, source;
    enum input_kind input;
    uint16_t name_n;
    char name[NAME_BYTES];
    uint64_t count, errors;
    int64_t last_ns;
};

struct sources {
    size_t n;
    struct row *rows;     /* owned, SOURCES_MAX + 1; the last is "(other)" */
    uint16_t slot[SLOTS]; /* index + 1 */
    struct row *recent;   /* batches come from few senders */
};

void sources_free(struct sources *s)
{
    if (!s)
        return;
    free(s->rows);
    free(s);
}

FREED_BY(sources_free) struct sources *sources_new(void)
{
    struct sources *s = calloc(1, sizeof(*s));

    if (s)
        s->rows = calloc(SOURCES_MAX + 1, sizeof(*s->rows));
    if (s && !s->rows) {
        free(s);
        return NULL;
    }
    return s;
}

static bool same(const struct row *r, const struct event *ev, struct slice name, enum input_kind k)
{
    return r->org == ev->org && r->system == ev->system && r->source == ev->source &&
           r->input == k && slice_eq((struct slice){r->name, r->name_n}, name);
}

static struct row *find(struct sources *s, const struct event *ev, struct slice name,
                        enum input_kind k)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ ev->org;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.p[i]) * UINT64_C(1099511628211);
    for (size_t at = (size_t)(h % SLOTS);; at = (at + 1) % SLOTS) {
        if (s->slot[at]) {
            struct row *r = &s->rows[s->slot[at] - 1];
            if (same(r, ev, name, k))
                return r;
            continue;
        }
        if (s->n == SOURCES_MAX)
            return &s->rows[SOURCES_MAX];
        struct row *r = &s->rows[s->n++];
        *r = (struct row){.org = ev->org,
                          .system = ev->system,
                          .source = ev->source,
                          .input = k,
                          .name_n = (uint16_t)name.n};
        memcpy(r->name, name.p, name.n);
        s->slot[at] = (uint16_t)s->n;
        return r;
    }
}

void sources_count(struct sources *s, const struct event *ev)
{
    const struct value *v = event_get(ev, F_COLOA_SOURCE);
    const struct value *kind = event_get(ev, F_EVENT_KIND);
    struct slice name = v ? v->text : SLICE("(unknown)");
    enum input_kind k = ev->record ? ev->record->input : INPUT_NONE;

    if (name.n > NAME_BYTES)
        name.n = NAME_BYTES;
    struct row *r = s->recent && same(s->recent, ev, name, k) ? s->recent : find(s, ev, name, k);
    s->recent = r;
    r->count++;
    if (kind && slice_eq(kind->text, SLICE("pipeline_error")))
        r->errors++;
    if (ev->ingested_ns > r->last_ns)
        r->last_ns = ev->ingested_ns;
}

size_t sources_n(const struct sources *s)
{
    return s->n + (s->rows[SOURCES_MAX].count > 0);
}

static void one_row(struct jsonw *j, const struct row *r, struct slice name)
{
    jsonw_object(j);
    jsonw_kstr(j, "name", name);
    jsonw_kcstr(j, "input", input_name(r->input));
    jsonw_kint(j, "org", r->org);
    jsonw_kint(j, "system", r->system);
    jsonw_kint(j, "source", r->source);
    jsonw_kint(j, "count", (int64_t)r->count);
    jsonw_kint(j, "errors", (int64_t)r->errors);
    jsonw_ktime(j, "last", r->last_ns);
    jsonw_close_object(j);
}

CHECKED enum err sources_flush(struct sources *s, struct buf *out)
{
    struct jsonw j;

    if (sources_n(s) == 0)
        return ERR_NONE;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kcstr(&j, "kind", "sources");
    jsonw_key(&j, SLICE("items"));
    jsonw_array(&j);
    for (size_t i = 0; i < s->n; i++)
        one_row(&j, &s->rows[i], (struct slice){s->rows[i].name, s->rows[i].name_n});
    if (s->rows[SOURCES_MAX].count)
        one_row(&j, &s->rows[SOURCES_MAX], SLICE("(other)"));
    jsonw_close_array(&j);
    jsonw_close_object(&j);
    s->n = 0;
    s->recent = NULL;
    memset(s->slot, 0, sizeof(s->slot));
    s->rows[SOURCES_MAX] = (struct row){.org = ORG_UNASSIGNED};
    return jsonw_end(&j);
}
