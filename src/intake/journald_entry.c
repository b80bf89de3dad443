#include "intake/journald_entry.h"

#include "core/jsonw.h"

void journald_entry_init(struct journald_entry *e, size_t max_bytes)
{
    buf_init(&e->text, max_bytes);
    e->n = e->left_out = 0;
}

void journald_entry_done(struct journald_entry *e)
{
    buf_done(&e->text);
}

void journald_entry_reset(struct journald_entry *e)
{
    buf_reset(&e->text);
    e->n = e->left_out = 0;
}

CHECKED enum err journald_entry_add(struct journald_entry *e, struct slice field)
{
    size_t name_n = slice_find(field, '='), at = e->text.n;

    if (name_n == field.n || name_n == 0)
        return ERR_NONE;
    if (e->n == JOURNALD_FIELDS_MAX) {
        e->left_out++;
        return ERR_NONE;
    }
    enum err err = buf_put(&e->text, field);
    if (err != ERR_NONE)
        return err;
    e->field[e->n].at = at;
    e->field[e->n].name_n = name_n;
    e->field[e->n].n = field.n;
    e->field[e->n].done = false;
    e->n++;
    return ERR_NONE;
}

CHECKED enum err journald_entry_add_number(struct journald_entry *e, const char *name, uint64_t v)
{
    struct buf one;

    buf_init(&one, 128);
    enum err err = buf_printf(&one, "%s=%llu", name, (unsigned long long)v);
    if (err == ERR_NONE)
        err = journald_entry_add(e, buf_slice(&one));
    buf_done(&one);
    return err;
}

static struct slice name_of(const struct journald_entry *e, size_t i)
{
    return (struct slice){e->text.p + e->field[i].at, e->field[i].name_n};
}

static struct slice value_of(const struct journald_entry *e, size_t i)
{
    size_t skip = e->field[i].name_n + 1;

    return (struct slice){e->text.p + e->field[i].at + skip, e->field[i].n - skip};
}

struct slice journald_entry_get(const struct journald_entry *e, const char *name)
{
    for (size_t i = 0; i < e->n; i++)
        if (slice_eq(name_of(e, i), slice_of(name)))
            return value_of(e, i);
    return (struct slice){"", 0};
}

/* The index of the next field of the same name, or e->n. */
static size_t next_of_name(const struct journald_entry *e, size_t i)
{
    size_t k = i + 1;

    while (k < e->n && !slice_eq(name_of(e, k), name_of(e, i)))
        k++;
    return k;
}

CHECKED enum err journald_entry_json(struct journald_entry *e, struct buf *out)
{
    struct jsonw w;

    jsonw_init(&w, out);
    jsonw_object(&w);
    for (size_t i = 0; i < e->n; i++) {
        if (e->field[i].done)
            continue;
        bool several = next_of_name(e, i) < e->n;
        jsonw_key(&w, name_of(e, i));
        if (several)
            jsonw_array(&w);
        for (size_t k = i; k < e->n; k = next_of_name(e, k)) {
            jsonw_str(&w, value_of(e, k));
            e->field[k].done = true;
        }
        if (several)
            jsonw_close_array(&w);
    }
    if (e->left_out > 0)
        jsonw_kint(&w, "coloa.fields_left_out", (int64_t)e->left_out);
    jsonw_close_object(&w);
    return jsonw_end(&w);
}
