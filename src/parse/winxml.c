#include "parse/winxml.h"

#include "core/utf8.h"

#define END "</Event>"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool winxml_looks(struct slice head)
{
    struct slice s = slice_trim(head);

    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_trim(slice_cut(s, 3, s.n));
    return slice_starts(s, SLICE("<?xml")) || slice_starts(s, SLICE("<Event")) ||
           (s.n && s.p[0] == '<' && memmem(s.p, s.n, "<Event", 6));
}

/* Where the next "<Event" that is not the head of a longer name begins, or s.n. */
static size_t begin_of(struct slice s, size_t from)
{
    while (from < s.n) {
        const char *hit = memmem(s.p + from, s.n - from, "<Event", 6);
        if (!hit)
            return s.n;
        size_t at = (size_t)(hit - s.p);
        if (at + 6 >= s.n || blank(s.p[at + 6]) || s.p[at + 6] == '>')
            return at;
        from = at + 6;
    }
    return s.n;
}

bool winxml_next(struct slice s, size_t from, struct slice *ret, bool *ret_broken)
{
    size_t at = begin_of(s, from);

    if (at >= s.n)
        return false;
    const char *hit = memmem(s.p + at, s.n - at, END, sizeof(END) - 1);
    size_t end = hit ? (size_t)(hit - s.p) : s.n, other = begin_of(s, at + 6);
    if (!hit && other >= s.n)
        return false;
    *ret_broken = other < end;
    *ret = slice_cut(s, at, *ret_broken ? other : end + sizeof(END) - 1);
    return true;
}

size_t winxml_cut(struct slice s)
{
    for (size_t n = s.n; n >= sizeof(END) - 1; n--) {
        const char *gt = memrchr(s.p, '>', n);
        if (!gt)
            return 0;
        n = (size_t)(gt - s.p) + 1;
        if (n >= sizeof(END) - 1 && memcmp(s.p + n - (sizeof(END) - 1), END, sizeof(END) - 1) == 0)
            return n;
    }
    return 0;
}

struct reader {
    struct slice s;
    size_t at;
    struct arena *a;
    struct pairs *out;
    unsigned depth;
    struct slice open[WINXML_DEPTH_MAX];
    struct slice data_name; /* of the <Data Name="..."> that is open */
    char *text;             /* of the innermost element, in the arena; room for all of s */
    size_t text_n;
    bool child; /* the innermost element had one */
};

static uint32_t numbered(struct slice s)
{
    uint32_t c = 0;
    bool hex = s.n && (s.p[0] == 'x' || s.p[0] == 'X');

    for (size_t i = hex; i < s.n; i++) {
        char d = s.p[i];
        uint32_t v;
        if (d >= '0' && d <= '9')
            v = (uint32_t)(d - '0');
        else if (hex && (d | 32) >= 'a' && (d | 32) <= 'f')
            v = (uint32_t)((d | 32) - 'a' + 10);
        else
            return UINT32_MAX;
        c = c * (hex ? 16 : 10) + v;
        if (c > 0x10ffff)
            return UINT32_MAX;
    }
    return s.n > (size_t)hex ? c : UINT32_MAX;
}

/* The entity at the front of s ("&lt;"): writes its bytes, returns how many of s it takes, or 0. */
static size_t entity(struct slice s, char *to, size_t *ret_n)
{
    static const struct {
        const char *name;
        char c;
    } row[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    size_t n = slice_find(s.n > 12 ? slice_cut(s, 0, 12) : s, ';');

    if (n >= s.n || s.p[n] != ';' || n < 2)
        return 0;
    struct slice name = slice_cut(s, 1, n);
    if (name.p[0] == '#') {
        uint32_t c = numbered(slice_cut(name, 1, name.n));
        if (c == UINT32_MAX)
            return 0;
        *ret_n = utf8_put(to, c);
        return n + 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        if (slice_eq(name, slice_of(row[i].name))) {
            to[0] = row[i].c;
            *ret_n = 1;
            return n + 1;
        }
    return 0;
}

/* Text with entities resolved; an entity is never shorter than what it stands for. */
static size_t resolve(struct slice s, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n;) {
        size_t got = 0, used = s.p[i] == '&' ? entity(slice_cut(s, i, s.n), to + n, &got) : 0;
        if (used) {
            i += used;
            n += got;
        } else {
            to[n++] = s.p[i++];
        }
    }
    return n;
}

static struct slice resolved(struct reader *r, struct slice s)
{
    if (slice_find(s, '&') == s.n)
        return s;
    char *p = arena_alloc(r->a, s.n);
    return p ? (struct slice){p, resolve(s, p)} : s;
}

static struct slice local(struct slice name)
{
    size_t n = slice_find(name, ':');

    return n < name.n ? slice_cut(name, n + 1, name.n) : name;
}

static bool name_char(char c)
{
    return !blank(c) && c != '>' && c != '/' && c != '=' && c != '<';
}

static struct slice name_at(struct reader *r)
{
    size_t from = r->at;

    while (r->at < r->s.n && name_char(r->s.p[r->at]))
        r->at++;
    return slice_cut(r->s, from, r->at);
}

static void skip_blank(struct reader *r)
{
    while (r->at < r->s.n && blank(r->s.p[r->at]))
        r->at++;
}

static bool inside(const struct reader *r, const char *name)
{
    return r->depth >= 2 && slice_eq(local(r->open[1]), slice_of(name));
}

/* "Process Name" is called ProcessName, as by every sender. */
static struct slice closed_up(struct reader *r, struct slice name)
{
    char *p = slice_find(name, ' ') < name.n ? arena_alloc(r->a, name.n) : NULL;
    size_t n = 0;

    for (size_t i = 0; p && i < name.n; i++)
        if (name.p[i] != ' ')
            p[n++] = name.p[i];
    return p ? (struct slice){p, n} : name;
}

/* Below UserData: the open elements behind the wrapper and `last` (may be empty), joined by dots.
 */
static struct slice dotted(struct reader *r, struct slice last)
{
    size_t n = last.n + 1, at = 0;

    for (unsigned i = 3; i < r->depth; i++)
        n += local(r->open[i]).n + 1;
    char *p = arena_alloc(r->a, n);
    if (!p)
        return last.n ? last : local(r->open[r->depth - 1]);
    for (unsigned i = 3; i < r->depth; i++) {
        struct slice s = local(r->open[i]);
        if (at)
            p[at++] = '.';
        memcpy(p + at, s.p, s.n);
        at += s.n;
    }
    if (last.n) {
        p[at++] = '.';
        memcpy(p + at, last.p, last.n);
        at += last.n;
    }
    return (struct slice){p, at};
}

/* What an attribute of a System element is called: Provider's Name is Provider_Name, the time is
 * that of the event, the others keep their names. */
static void attribute(struct reader *r, struct slice element, struct slice name, struct slice value)
{
    static const struct {
        const char *element, *name, *as;
    } row[] = {
        {"Provider", "Name", "Provider_Name"},
        {"Provider", "Guid", "Provider_Guid"},
        {"Provider", "EventSourceName", "EventSourceName"},
        {"TimeCreated", "SystemTime", "TimeCreated"},
        {"Execution", "ProcessID", "Execution_ProcessID"},
        {"Execution", "ThreadID", "Execution_ThreadID"},
        {"Security", "UserID", "UserID"},
        {"Correlation", "ActivityID", "ActivityID"},
        {"Correlation", "RelatedActivityID", "RelatedActivityID"},
        {"EventID", "Qualifiers", "Qualifiers"},
    };

    if (slice_eq(element, SLICE("Data")) && slice_eq(name, SLICE("Name"))) {
        r->data_name = closed_up(r, resolved(r, value));
        return;
    }
    if (inside(r, "UserData") && r->depth > 3 && value.n && !slice_starts(name, SLICE("xmlns")))
        pairs_add(r->out, dotted(r, local(name)), resolved(r, value));
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        if (inside(r, "System") && slice_eq(element, slice_of(row[i].element)) &&
            slice_eq(name, slice_of(row[i].name)) && value.n)
            pairs_add(r->out, slice_of(row[i].as), resolved(r, value));
}

/* The element's text, when it has no children. */
static void leaf(struct reader *r)
{
    struct slice name = local(r->open[r->depth - 1]),
                 value = slice_trim((struct slice){r->text, r->text_n});

    if (r->depth < 2 || value.n == 0)
        return;
    char *p = arena_alloc(r->a, value.n);
    if (!p) {
        r->out->over = true;
        return;
    }
    memcpy(p, value.p, value.n);
    value.p = p;
    bool data = slice_eq(name, SLICE("Data"));
    if (data && r->data_name.n)
        name = r->data_name;
    else if (inside(r, "UserData") && r->depth > 4)
        name = dotted(r, SLICE(""));
    else if (inside(r, "RenderingInfo") && slice_eq(name, SLICE("Message")))
        name = SLICE("message");
    else if (inside(r, "RenderingInfo"))
        return; /* words for Level, Task ...: the numbers are there */
    bool more =
        data && !r->data_name.n && r->out->n && slice_eq(r->out->at[r->out->n - 1].name, name);
    pairs_add(r->out, name, value);
    if (!r->out->over)
        r->out->at[r->out->n - 1].more = more;
}

static enum err attributes(struct reader *r, struct slice element, struct diag *diag)
{
    for (;;) {
        skip_blank(r);
        if (r->at >= r->s.n)
            return FAIL(diag, ERR_SYNTAX, r->at, "xml: a tag is not closed");
        if (r->s.p[r->at] == '>' || r->s.p[r->at] == '/')
            return ERR_NONE;
        struct slice name = name_at(r);
        skip_blank(r);
        if (name.n == 0 || r->at + 1 >= r->s.n || r->s.p[r->at] != '=')
            return FAIL(diag, ERR_SYNTAX, r->at, "xml: an attribute without a value");
        r->at++;
        skip_blank(r);
        char quote = r->at < r->s.n ? r->s.p[r->at] : 0;
        if (quote != '"' && quote != '\'')
            return FAIL(diag, ERR_SYNTAX, r->at, "xml: an attribute's value is not quoted");
        struct slice rest = slice_cut(r->s, r->at + 1, r->s.n);
        size_t n = slice_find(rest, quote);
        if (n == rest.n)
            return FAIL(diag, ERR_SYNTAX, r->at, "xml: an attribute's value does not end");
        attribute(r, element, name, slice_cut(rest, 0, n));
        r->at += n + 2;
    }
}

static enum err open_tag(struct reader *r, struct diag *diag)
{
    struct slice name = name_at(r);

    if (name.n == 0)
        return FAIL(diag, ERR_SYNTAX, r->at, "xml: a tag without a name");
    if (r->depth == WINXML_DEPTH_MAX)
        return FAIL(diag, ERR_LIMIT, r->at, "xml: elements are nested too deep");
    r->open[r->depth++] = name;
    r->data_name = SLICE("");
    r->text_n = 0;
    r->child = false;
    enum err e = attributes(r, local(name), diag);
    if (e != ERR_NONE)
        return e;
    if (r->s.p[r->at] == '/') {
        r->depth--;
        r->child = true;
        r->at++;
    }
    if (r->at >= r->s.n || r->s.p[r->at] != '>')
        return FAIL(diag, ERR_SYNTAX, r->at, "xml: a tag is not closed");
    r->at++;
    return ERR_NONE;
}

static enum err close_tag(struct reader *r, struct diag *diag)
{
    size_t at = r->at;

    r->at++;
    struct slice name = name_at(r);
    skip_blank(r);
    if (r->depth == 0 || !slice_eq(name, r->open[r->depth - 1]) || r->at >= r->s.n ||
        r->s.p[r->at] != '>')
        return FAIL(diag, ERR_SYNTAX, at, "xml: a closing tag that fits no open one");
    if (!r->child)
        leaf(r);
    r->at++;
    r->depth--;
    r->child = true;
    r->text_n = 0;
    return ERR_NONE;
}

/* Behind `end`, or the end of the text. */
static struct slice until(struct reader *r, size_t from, const char *end)
{
    size_t len = strlen(end);
    const char *hit = from < r->s.n ? memmem(r->s.p + from, r->s.n - from, end, len) : NULL;
    struct slice s =
        slice_cut(r->s, from < r->s.n ? from : r->s.n, hit ? (size_t)(hit - r->s.p) : r->s.n);

    r->at = hit ? (size_t)(hit - r->s.p) + len : r->s.n;
    return s;
}

static enum err markup(struct reader *r, struct diag *diag)
{
    struct slice left = slice_cut(r->s, r->at, r->s.n);

    if (slice_starts(left, SLICE("<!--"))) {
        (void)until(r, r->at + 4, "-->");
    } else if (slice_starts(left, SLICE("<![CDATA["))) {
        struct slice s = until(r, r->at + 9, "]]>");
        if (s.n)
            memcpy(r->text + r->text_n, s.p, s.n);
        r->text_n += s.n;
    } else if (slice_starts(left, SLICE("<?")) || slice_starts(left, SLICE("<!"))) {
        (void)until(r, r->at + 2, ">");
    } else {
        r->at++;
        if (r->at < r->s.n && r->s.p[r->at] == '/')
            return close_tag(r, diag);
        return open_tag(r, diag);
    }
    return ERR_NONE;
}

CHECKED enum err winxml_pairs(struct slice event, struct arena *a, struct pairs *ret,
                              struct diag *diag)
{
    struct reader r = {.s = event, .a = a, .out = ret, .data_name = SLICE("")};

    if (event.n > WINXML_EVENT_BYTES_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "xml: an event of more than %d bytes",
                    WINXML_EVENT_BYTES_MAX);
    r.text = arena_alloc(a, event.n + 4);
    if (!r.text)
        return FAIL(diag, ERR_NOMEM, 0, "out of memory");
    while (r.at < event.n) {
        size_t n = slice_find(slice_cut(event, r.at, event.n), '<');
        r.text_n += resolve(slice_cut(event, r.at, r.at + n), r.text + r.text_n);
        r.at += n;
        if (r.at == event.n)
            break;
        enum err e = markup(&r, diag);
        if (e != ERR_NONE)
            return e;
        if (r.depth == 0)
            return ERR_NONE;
    }
    return FAIL(diag, ERR_SYNTAX, event.n, "xml: the event does not end");
}
