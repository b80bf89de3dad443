/* The outputs for programs: JSON lines and CSV. */
#include <string.h>

#include "cmd/hunt_out.h"
#include "core/jsonw.h"
#include "core/timefmt.h"

static void put_field(void *arg, struct slice name, const struct slice *values, size_t n)
{
    struct jsonw *w = arg;

    jsonw_key(w, name);
    if (n == 1) {
        jsonw_str(w, values[0]);
        return;
    }
    jsonw_array(w);
    for (size_t i = 0; i < n; i++)
        jsonw_str(w, values[i]);
    jsonw_close_array(w);
}

static void put_number(struct jsonw *w, double v)
{
    if (v >= -9e15 && v <= 9e15 && v == (double)(int64_t)v)
        jsonw_int(w, (int64_t)v);
    else
        jsonw_double(w, v);
}

static void put_records(struct hunt_out *o, const struct hunt_found *f, struct jsonw *w)
{
    bool other = false;

    jsonw_key(w, SLICE("records"));
    jsonw_array(w);
    for (size_t i = 0; i < f->records_n; i++) {
        jsonw_uint(w, f->records[i].record);
        other |= f->records[i].file != f->at.file;
    }
    jsonw_close_array(w);
    if (!other)
        return;
    jsonw_key(w, SLICE("files")); /* one a record, when they are not all in `file` */
    jsonw_array(w);
    for (size_t i = 0; i < f->records_n; i++)
        jsonw_str(w, slice_of(hunt_file_name(o->h, f->records[i].file)));
    jsonw_close_array(w);
}

CHECKED enum err hunt_out_json(struct hunt_out *o, const struct hunt_found *f, struct buf *to)
{
    struct jsonw w;

    jsonw_init(&w, to);
    jsonw_object(&w);
    jsonw_kcstr(&w, "rule_id", f->rule->id);
    jsonw_kcstr(&w, "rule_title", f->rule->title);
    jsonw_kcstr(&w, "author", f->rule->author);
    jsonw_kcstr(&w, "level", rule_level_name(f->rule->level));
    jsonw_kcstr(&w, "file", hunt_file_name(o->h, f->at.file));
    jsonw_kint(&w, "record", (int64_t)f->at.record);
    if (f->ordinal)
        jsonw_kint(&w, "element", (int64_t)f->ordinal);
    if (f->has_time)
        jsonw_ktime(&w, "time", f->time_ns);
    else
        jsonw_kcstr(&w, "time", NULL);
    if (f->host.n)
        jsonw_kstr(&w, "host", f->host);
    else
        jsonw_kcstr(&w, "host", NULL);
    jsonw_key(&w, SLICE("tags"));
    jsonw_array(&w);
    for (size_t i = 0; i < f->rule->tags_n; i++)
        jsonw_str(&w, slice_of(f->rule->tags[i]));
    jsonw_close_array(&w);
    if (f->correlation) {
        jsonw_kbool(&w, "correlation", true);
        jsonw_key(&w, SLICE("count"));
        put_number(&w, f->count);
    }
    jsonw_key(&w, f->correlation ? SLICE("group") : SLICE("matched"));
    jsonw_object(&w);
    hunt_out_fields(f, put_field, &w);
    jsonw_close_object(&w);
    if (f->correlation)
        put_records(o, f, &w);
    jsonw_close_object(&w);
    return jsonw_end(&w);
}

static bool nothing(struct hunt_out *o)
{
    (void)o;
    return true;
}

static void no_end(struct hunt_out *o)
{
    (void)o;
}

static void jsonl_finding(struct hunt_out *o, const struct hunt_found *f)
{
    buf_reset(&o->line);
    if (hunt_out_json(o, f, &o->line) != ERR_NONE || buf_putc(&o->line, '\n') != ERR_NONE)
        o->failed = true;
    else
        hunt_out_put(o, buf_slice(&o->line));
}

const struct hunt_output hunt_out_jsonl = {
    .name = "jsonl", .begin = nothing, .finding = jsonl_finding, .end = no_end};

/* --- CSV --- */

/* A leading = + - @, tab or CR would be run as a formula by spreadsheets. */
static void cell(struct buf *b, struct slice s, bool *ok)
{
    bool formula = s.n && s.p[0] && strchr("=+-@\t\r", s.p[0]);

    *ok &= buf_puts(b, formula ? "\"'" : "\"") == ERR_NONE;
    for (size_t i = 0; i < s.n; i++)
        *ok &= (s.p[i] != '"' || buf_putc(b, '"') == ERR_NONE) && buf_putc(b, s.p[i]) == ERR_NONE;
    *ok &= buf_puts(b, "\",") == ERR_NONE;
}

struct csv_fields {
    struct buf text;
    bool ok;
};

static void csv_field(void *arg, struct slice name, const struct slice *values, size_t n)
{
    struct csv_fields *c = arg;

    for (size_t i = 0; i < n; i++)
        c->ok &= (c->text.n == 0 || buf_puts(&c->text, "; ") == ERR_NONE) &&
                 buf_put(&c->text, name) == ERR_NONE && buf_putc(&c->text, '=') == ERR_NONE &&
                 buf_put(&c->text, values[i]) == ERR_NONE;
}

static bool csv_begin(struct hunt_out *o)
{
    hunt_out_put(o, SLICE("time,level,rule_id,rule_title,author,host,file,record,count,tags,"
                          "matched\r\n"));
    return !o->failed;
}

static void csv_finding(struct hunt_out *o, const struct hunt_found *f)
{
    char text[TIME_TEXT_BYTES + 1] = "", number[32];
    struct csv_fields c = {.ok = true};
    bool ok = true;

    buf_init(&c.text, 16 << 20);
    hunt_out_fields(f, csv_field, &c);
    buf_reset(&o->line);
    if (f->has_time)
        time_rfc3339(f->time_ns, text);
    cell(&o->line, slice_of(text), &ok);
    cell(&o->line, slice_of(rule_level_name(f->rule->level)), &ok);
    cell(&o->line, slice_of(f->rule->id), &ok);
    cell(&o->line, slice_of(f->rule->title), &ok);
    cell(&o->line, slice_of(f->rule->author), &ok);
    cell(&o->line, f->host, &ok);
    cell(&o->line, slice_of(hunt_file_name(o->h, f->at.file)), &ok);
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)f->at.record);
    cell(&o->line, slice_of(number), &ok);
    (void)snprintf(number, sizeof(number), "%g", f->count);
    cell(&o->line, f->correlation ? slice_of(number) : SLICE(""), &ok);
    struct buf tags;
    buf_init(&tags, 1 << 20);
    for (size_t i = 0; i < f->rule->tags_n; i++)
        ok &= buf_printf(&tags, "%s%s", i ? " " : "", f->rule->tags[i]) == ERR_NONE;
    cell(&o->line, buf_slice(&tags), &ok);
    buf_done(&tags);
    cell(&o->line, buf_slice(&c.text), &ok);
    buf_done(&c.text);
    if (ok && c.ok) {
        o->line.n--; /* the last comma */
        ok = buf_puts(&o->line, "\r\n") == ERR_NONE;
    }
    o->failed |= !ok || !c.ok;
    hunt_out_put(o, buf_slice(&o->line));
}

const struct hunt_output hunt_out_csv = {
    .name = "csv", .begin = csv_begin, .finding = csv_finding, .end = no_end};
