/* The report: one HTML file without anything from outside. Rows pass through a nameless file, sums
 * are kept, and at the end hunt_report.html is written with both in their places. Every byte of an
 * event goes through escape(). */
#include <stdlib.h>
#include <string.h>

#include "cmd/hunt_out.h"
#include "cmd/hunt_sum.h"
#include "core/timefmt.h"
#include "core/utf8.h"
#include "net/digest.h"

enum { ROWS_MAX = 20000, VALUE_BYTES_MAX = 2000, BARS_MAX = 120, CHART_HEIGHT = 150 };

extern const char hunt_report_page[], hunt_report_script[];
extern const size_t hunt_report_page_n, hunt_report_script_n;

struct html {
    struct hunt_sum sum;
    FILE *rows; /* owned */
    uint64_t rows_n;
    struct hunt_out *o;
};

static const struct {
    const char *en, *vi;
} level_name[] = {
    [LEVEL_INFORMATIONAL] = {"informational", "thông tin"},
    [LEVEL_LOW] = {"low", "thấp"},
    [LEVEL_MEDIUM] = {"medium", "trung bình"},
    [LEVEL_HIGH] = {"high", "cao"},
    [LEVEL_CRITICAL] = {"critical", "nghiêm trọng"},
};

/* Text for an element or a quoted attribute. Control characters and bytes that are not UTF-8 are
 * shown as \xNN, marks that turn the writing direction as \uNNNN. */
static void escape(FILE *to, struct slice s)
{
    for (size_t at = 0; at < s.n;) {
        uint32_t c = 0;
        unsigned n = utf8_get(s.p + at, s.n - at, &c);
        if (n == 0 || (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0)) {
            n = n ? n : 1;
            for (unsigned i = 0; i < n; i++)
                (void)fprintf(to, "\\x%02x", (uint8_t)s.p[at + i]);
        } else if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'') {
            (void)fprintf(to, "&#%u;", c);
        } else if ((c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
                   (c >= 0x2066 && c <= 0x2069)) {
            (void)fprintf(to, "\\u%04x", c);
        } else {
            (void)fwrite(s.p + at, 1, n, to);
        }
        at += n;
    }
}

static void both(FILE *to, const char *en, const char *vi)
{
    (void)fputs("<span class=\"en\">", to);
    escape(to, slice_of(en));
    (void)fputs("</span><span class=\"vi\">", to);
    escape(to, slice_of(vi));
    (void)fputs("</span>", to);
}

static void level(FILE *to, enum rule_level l)
{
    (void)fprintf(to, "<span class=\"l l%d\">", (int)l);
    both(to, level_name[l].en, level_name[l].vi);
    (void)fputs("</span>", to);
}

static void title(FILE *to, const struct rule_info *r)
{
    both(to, r->title, r->title_vi[0] ? r->title_vi : r->title);
}

static void when(FILE *to, int64_t ns)
{
    char text[TIME_TEXT_BYTES + 1];

    time_rfc3339(ns, text);
    text[10] = ' ';
    text[19] = 0;
    (void)fputs(text, to);
}

/* --- rows --- */

static bool html_begin(struct hunt_out *o)
{
    struct html *x = calloc(1, sizeof(*x));

    if (!x)
        return false;
    x->o = o;
    x->rows = tmpfile();
    if (!x->rows || !hunt_sum_init(&x->sum)) {
        (void)fprintf(stderr, "coloa hunt: no memory or temporary file for the report\n");
        if (x->rows)
            (void)fclose(x->rows);
        hunt_sum_done(&x->sum);
        free(x);
        return false;
    }
    o->state = x;
    return true;
}

static void field(void *arg, struct slice name, const struct slice *values, size_t n)
{
    FILE *to = arg;

    for (size_t i = 0; i < n; i++) {
        struct slice v = values[i];
        (void)fputs("<dt>", to);
        escape(to, name);
        (void)fputs("</dt><dd>", to);
        escape(to, v.n > VALUE_BYTES_MAX ? slice_cut(v, 0, VALUE_BYTES_MAX) : v);
        (void)fputs(v.n > VALUE_BYTES_MAX ? "…</dd>" : "</dd>", to);
    }
}

static void row(struct html *x, const struct hunt_found *f)
{
    FILE *to = x->rows;
    struct slice file = slice_of(hunt_file_name(x->o->h, f->at.file));

    (void)fprintf(to, "<tr data-l=\"%d\"><td>", (int)f->rule->level);
    if (f->has_time)
        when(to, f->time_ns);
    (void)fputs("</td><td>", to);
    level(to, f->rule->level);
    (void)fputs("</td><td>", to);
    title(to, f->rule);
    (void)fputs("<br><small>", to);
    escape(to, slice_of(f->rule->author));
    for (size_t i = 0; i < f->rule->tags_n; i++) {
        (void)fputs(i ? " " : "<br>", to);
        escape(to, slice_of(f->rule->tags[i]));
    }
    (void)fputs("</small></td><td>", to);
    escape(to, f->host);
    (void)fputs("</td><td data-s=\"", to);
    escape(to, file);
    (void)fprintf(to, ":%012llu\">", (unsigned long long)f->at.record);
    escape(to, file);
    (void)fprintf(to, ":%llu", (unsigned long long)f->at.record);
    if (f->correlation) {
        (void)fprintf(to, "<br><small>%g × · ", f->count);
        for (size_t i = 0; i < f->records_n && i < 20; i++)
            (void)fprintf(to, "%s%llu", i ? ", " : "", (unsigned long long)f->records[i].record);
        (void)fputs(f->records_n > 20 ? "…</small>" : "</small>", to);
    }
    (void)fputs("</td><td><dl>", to);
    hunt_out_fields(f, field, to);
    (void)fputs("</dl></td></tr>\n", to);
}

static void html_finding(struct hunt_out *o, const struct hunt_found *f)
{
    struct html *x = o->state;

    hunt_sum_add(&x->sum, f);
    if (x->rows_n < ROWS_MAX) {
        x->rows_n++;
        row(x, f);
    }
    if (ferror(x->rows))
        o->failed = true;
}

/* --- the page's places --- */

static void put_lang(struct html *x, FILE *to)
{
    (void)fputs(x->o->h->o.lang, to);
}

static void put_count(struct html *x, FILE *to)
{
    (void)fprintf(to, "%llu", (unsigned long long)x->sum.n);
}

static void put_hash(struct html *x, FILE *to)
{
    static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t d[DIGEST_SHA256_BYTES + 1] = {0};

    if (digest_sha256((struct slice){hunt_report_script, hunt_report_script_n}, d) != ERR_NONE)
        x->o->failed = true;
    (void)fputs("sha256-", to);
    for (unsigned i = 0; i < 43; i++) { /* 256 bits are 42 sixes and 4 */
        unsigned bit = i * 6;
        unsigned two = (unsigned)d[bit / 8] << 8 | d[bit / 8 + 1];
        (void)fputc(abc[two >> (10 - bit % 8) & 63], to);
    }
    (void)fputc('=', to);
}

static void put_made(struct html *x, FILE *to)
{
    const struct hunt_totals *t = &x->o->h->totals;
    char text[TIME_TEXT_BYTES + 1];
    char en[160], vi[160];
    unsigned long long events = t->events, bytes = t->bytes / 1000;
    size_t files = x->o->h->files_n, rules = ruleset_report(x->o->h->rules)->loaded;

    time_rfc3339(x->o->h->now_ns, text);
    text[10] = ' ';
    text[16] = 0;
    (void)snprintf(en, sizeof(en), "%s UTC · %zu rules · %zu files · %llu events · %llu kB", text,
                   rules, files, events, bytes);
    (void)snprintf(vi, sizeof(vi), "%s UTC · %zu luật · %zu tệp · %llu sự kiện · %llu kB", text,
                   rules, files, events, bytes);
    both(to, en, vi);
}

static void put_cards(struct html *x, FILE *to)
{
    (void)fprintf(to, "<div class=\"card\"><b>%llu</b>", (unsigned long long)x->sum.n);
    both(to, "findings", "phát hiện");
    (void)fputs("</div>", to);
    for (int l = LEVEL_CRITICAL; l >= LEVEL_INFORMATIONAL; l--) {
        (void)fprintf(to, "<div class=\"card c%d\"><b>%llu</b>", l,
                      (unsigned long long)x->sum.by_level[l]);
        both(to, level_name[l].en, level_name[l].vi);
        (void)fputs("</div>", to);
    }
}

static void note(FILE *to, uint64_t n, const char *en, const char *vi)
{
    if (n == 0)
        return;
    (void)fprintf(to, "<section class=\"note\">%llu ", (unsigned long long)n);
    both(to, en, vi);
    (void)fputs("</section>", to);
}

static void put_notes(struct html *x, FILE *to)
{
    const struct hunt_totals *t = &x->o->h->totals;
    const struct rule_report *r = ruleset_report(x->o->h->rules);

    note(to, t->damaged,
         "files could not be read, or not to their end: what is in them was not "
         "searched.",
         "tệp không đọc được, hoặc không đọc được đến hết: phần đó chưa được tìm.");
    note(to, t->bad, "records could not be read in their format.",
         "bản ghi không đọc được theo định dạng.");
    note(to, r->rules > r->loaded ? r->rules - r->loaded : 0, "rules could not be loaded.",
         "luật không nạp được.");
    note(to, x->sum.n - x->rows_n,
         "more findings are not listed below; the sums count them. Use --output csv or jsonl, or "
         "--level.",
         "phát hiện nữa không có trong bảng dưới; phần tổng hợp có tính. Hãy dùng --output csv hay "
         "jsonl, hoặc --level.");
}

static void bar(FILE *to, const struct hunt_sum_bucket *b, int64_t width_ns, double at,
                double width, uint64_t most)
{
    double y = CHART_HEIGHT;
    uint64_t all = 0;

    for (int l = LEVEL_INFORMATIONAL; l <= LEVEL_CRITICAL; l++) {
        double h = (double)b->n[l] * (CHART_HEIGHT - 4) / (double)most;
        all += b->n[l];
        if (b->n[l] == 0)
            continue;
        h = h < 1.5 ? 1.5 : h;
        y -= h;
        (void)fprintf(to,
                      "<rect class=\"b%d\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                      "height=\"%.2f\"/>",
                      l, at, y, width, h);
    }
    (void)fprintf(
        to, "<rect x=\"%.2f\" y=\"0\" width=\"%.2f\" height=\"%d\" fill=\"transparent\"><title>",
        at, width, CHART_HEIGHT);
    when(to, b->at * width_ns);
    (void)fprintf(to, " · %llu</title></rect>", (unsigned long long)all);
}

static void put_timeline(struct html *x, FILE *to)
{
    struct hunt_sum *s = &x->sum;
    uint64_t most = 1;

    hunt_sum_narrow(s, BARS_MAX);
    if (s->buckets_n == 0) {
        both(to, "No finding has a time.", "Không phát hiện nào có thời gian.");
        return;
    }
    int64_t first = s->buckets[0].at, slices = s->buckets[s->buckets_n - 1].at - first + 1;
    int64_t shown = slices < 12 ? 12 : slices;
    double width = 1000.0 / (double)shown;
    for (size_t i = 0; i < s->buckets_n; i++) {
        uint64_t all = 0;
        for (int l = LEVEL_INFORMATIONAL; l <= LEVEL_CRITICAL; l++)
            all += s->buckets[i].n[l];
        most = all > most ? all : most;
    }
    (void)fprintf(to,
                  "<svg viewBox=\"0 0 1000 %d\" preserveAspectRatio=\"none\" role=\"img\" "
                  "aria-label=\"%llu\">",
                  CHART_HEIGHT, (unsigned long long)s->n);
    for (size_t i = 0; i < s->buckets_n; i++)
        bar(to, &s->buckets[i], s->width_ns, (double)(s->buckets[i].at - first) * width,
            width * 0.9, most);
    (void)fputs("</svg><div class=\"axis\"><span>", to);
    when(to, first * s->width_ns);
    (void)fprintf(to, "</span><span>max %llu</span><span>", (unsigned long long)most);
    when(to, (first + shown) * s->width_ns);
    (void)fputs("</span></div>", to);
}

static void put_rules(struct html *x, FILE *to)
{
    (void)fputs("<table><thead><tr><th>", to);
    both(to, "Level", "Mức");
    (void)fputs("</th><th>", to);
    both(to, "Rule", "Luật");
    (void)fputs("</th><th class=\"wide\">", to);
    both(to, "First", "Lần đầu");
    (void)fputs("</th><th class=\"n\">", to);
    both(to, "Findings", "Số lần");
    (void)fputs("</th></tr></thead><tbody>", to);
    for (size_t i = 0; i < x->sum.rules_n; i++) {
        const struct hunt_sum_row *r = &x->sum.rules[i];
        (void)fputs("<tr><td>", to);
        level(to, r->rule->level);
        (void)fputs("</td><td><button type=\"button\" class=\"pick\" data-q=\"", to);
        escape(to, slice_of(r->rule->title));
        (void)fputs("\">", to);
        title(to, r->rule);
        (void)fputs("</button></td><td class=\"wide\">", to);
        if (r->timed)
            when(to, r->first_ns);
        (void)fprintf(to, "</td><td class=\"n\">%llu</td></tr>", (unsigned long long)r->n);
    }
    (void)fputs("</tbody></table>", to);
}

static void put_hosts(struct html *x, FILE *to)
{
    (void)fputs("<table><tbody>", to);
    for (size_t i = 0; i < x->sum.hosts_n; i++) {
        const struct hunt_sum_row *r = &x->sum.hosts[i];
        (void)fputs("<tr><td>", to);
        level(to, r->worst);
        (void)fputs("</td><td><button type=\"button\" class=\"pick\" data-q=\"", to);
        escape(to, slice_of(r->host));
        (void)fputs("\">", to);
        escape(to, slice_of(r->host));
        (void)fprintf(to, "</button></td><td class=\"n\">%llu</td></tr>", (unsigned long long)r->n);
    }
    if (x->sum.other_hosts)
        (void)fprintf(to, "<tr><td></td><td>…</td><td class=\"n\">%llu</td></tr>",
                      (unsigned long long)x->sum.other_hosts);
    (void)fputs("</tbody></table>", to);
}

static void put_tactics(struct html *x, FILE *to)
{
    (void)fputs("<table><tbody>", to);
    for (size_t i = 0; i < HUNT_SUM_TACTICS; i++) {
        if (x->sum.tactics[i] == 0)
            continue;
        (void)fputs("<tr><td>", to);
        both(to, hunt_sum_tactic(i, false), hunt_sum_tactic(i, true));
        (void)fprintf(to, "</td><td class=\"n\">%llu</td></tr>",
                      (unsigned long long)x->sum.tactics[i]);
    }
    (void)fputs("</tbody></table>", to);
}

static void put_levels(struct html *x, FILE *to)
{
    (void)x;
    for (int l = LEVEL_CRITICAL; l >= LEVEL_INFORMATIONAL; l--) {
        (void)fprintf(to, "<label><input type=\"checkbox\" data-level=\"%d\" checked> ", l);
        both(to, level_name[l].en, level_name[l].vi);
        (void)fputs("</label> ", to);
    }
}

static void put_rows(struct html *x, FILE *to)
{
    char part[64 << 10];
    size_t n;

    rewind(x->rows);
    while ((n = fread(part, 1, sizeof(part), x->rows)) > 0)
        (void)fwrite(part, 1, n, to);
    if (ferror(x->rows))
        x->o->failed = true;
}

static void put_foot(struct html *x, FILE *to)
{
    (void)x;
    both(
        to,
        "Made by Cổ Loa. The author of each rule is named with its findings. Values come from the "
        "searched files and may be an attacker's words.",
        "Do Cổ Loa lập. Tác giả mỗi luật ghi cùng phát hiện. Giá trị lấy từ các tệp được tìm và có "
        "thể là lời của kẻ tấn công.");
}

static void put_script(struct html *x, FILE *to)
{
    (void)x;
    (void)fwrite(hunt_report_script, 1, hunt_report_script_n, to);
}

static const struct {
    const char *name;
    void (*put)(struct html *x, FILE *to);
} places[] = {
    {"LANG", put_lang},         {"HASH", put_hash},     {"COUNT", put_count},
    {"MADE", put_made},         {"CARDS", put_cards},   {"NOTES", put_notes},
    {"TIMELINE", put_timeline}, {"RULES", put_rules},   {"HOSTS", put_hosts},
    {"TACTICS", put_tactics},   {"LEVELS", put_levels}, {"ROWS", put_rows},
    {"FOOT", put_foot},         {"SCRIPT", put_script},
};

static void html_end(struct hunt_out *o)
{
    struct html *x = o->state;
    struct slice page = {hunt_report_page, hunt_report_page_n};

    hunt_sum_sort(&x->sum);
    for (;;) {
        const char *at = memmem(page.p, page.n, "@@", 2);
        size_t n = at ? (size_t)(at - page.p) : page.n;
        (void)fwrite(page.p, 1, n, o->to);
        if (!at)
            break;
        page = slice_cut(page, n + 2, page.n);
        const char *end = memmem(page.p, page.n, "@@", 2);
        struct slice name = slice_cut(page, 0, end ? (size_t)(end - page.p) : 0);
        for (size_t i = 0; i < ARRAY_LEN(places); i++)
            if (slice_eq(name, slice_of(places[i].name)))
                places[i].put(x, o->to);
        page = slice_cut(page, name.n + 2, page.n);
    }
    if (ferror(o->to))
        o->failed = true;
    (void)fclose(x->rows);
    hunt_sum_done(&x->sum);
    free(x);
    o->state = NULL;
}

const struct hunt_output hunt_out_html = {
    .name = "html", .begin = html_begin, .finding = html_finding, .end = html_end};
