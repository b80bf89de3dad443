#include "parse/json_split.h"

void json_split_init(struct json_split *s)
{
    *s = (struct json_split){.line = 1};
}

/* An event may have such a member too: only what stands alone, or behind another wrapper, is one.
 */
static bool wraps(const struct json_split *s)
{
    static const char *const names[] = {"Records", "records", "Events", "events", "value", "items"};

    if (s->levels > 0 || (s->ordinal > 0 && !s->wrapped))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (s->key_n == strlen(names[i]) && memcmp(s->key, names[i], s->key_n) == 0)
            return true;
    return false;
}

static void begin(struct json_split *s, size_t at)
{
    s->open = true;
    s->wrapper = false;
    s->start = at;
    s->start_line = s->line;
    s->depth = 1;
    s->was_key = s->maybe = s->string = s->escape = false;
    s->key_n = 0;
}

/* Between objects, inside the innermost level. */
static void outside(struct json_split *s, char c, size_t at)
{
    if (c == '{') {
        begin(s, at);
    } else if (c == '[' && s->levels < JSON_SPLIT_LEVELS) {
        s->level_array[s->levels++] = true;
    } else if (c == ']' && s->levels && s->level_array[s->levels - 1]) {
        s->levels--;
        if (s->levels && !s->level_array[s->levels - 1]) { /* back in the object that wraps */
            s->levels--;
            begin(s, at);
            s->wrapper = true;
        }
    } else if (!strchr(" \t\r\n,\x1e", c) || c == 0) {
        if (!s->stray++)
            s->stray_line = s->line;
    }
}

static void string_byte(struct json_split *s, char c)
{
    if (s->escape) {
        s->escape = false;
    } else if (c == '\\') {
        s->escape = true;
    } else if (c == '"') {
        s->string = false;
        s->was_key = s->is_key;
        return;
    }
    if (s->is_key) {
        if (s->key_n < JSON_SPLIT_KEY_BYTES)
            s->key[s->key_n] = c;
        s->key_n++;
    }
}

/* true: the open object ended at this byte. */
static bool inside(struct json_split *s, char c)
{
    switch (c) {
    case '"':
        s->string = true;
        s->is_key = s->depth == 1;
        s->key_n = s->is_key ? 0 : s->key_n;
        break;
    case '[':
        s->maybe = s->depth == 1 && s->was_key && wraps(s);
        s->depth++;
        break;
    case '{':
        s->depth++;
        break;
    case ']':
    case '}':
        return --s->depth == 0;
    case ',':
        s->was_key = false;
        break;
    default:
        break;
    }
    return false;
}

/* Behind "Records": [ : an object here makes what is around it a wrapper. */
static void maybe_wrapper(struct json_split *s, char c, size_t at)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return;
    s->maybe = false;
    if (c != '{')
        return;
    s->wrapped = true;
    s->level_array[s->levels++] = false;
    s->level_array[s->levels++] = true;
    begin(s, at);
}

size_t json_split_run(struct json_split *s, struct slice buf, struct json_span *to, size_t cap)
{
    size_t n = 0, at = s->at;

    for (; at < buf.n && n < cap; at++) {
        char c = buf.p[at];
        s->line += c == '\n';
        if (!s->open) {
            outside(s, c, at);
        } else if (s->string) {
            string_byte(s, c);
        } else if (s->maybe && (maybe_wrapper(s, c, at), s->start == at)) {
            ;
        } else if (inside(s, c)) {
            s->open = false;
            if (s->wrapper)
                continue;
            s->ordinal++;
            to[n] = (struct json_span){s->start, at + 1 - s->start, s->start_line, s->ordinal};
            n++;
        }
    }
    s->at = at;
    return n;
}

size_t json_split_done(const struct json_split *s)
{
    return s->open && !s->wrapper ? s->start : s->at;
}

void json_split_dropped(struct json_split *s, size_t n)
{
    s->at -= n;
    if (s->open && !s->wrapper)
        s->start -= n;
    else
        s->start = SIZE_MAX; /* nowhere in the buffer */
}

void json_split_resync(struct json_split *s, struct slice buf)
{
    size_t at = s->start < buf.n ? s->start : s->at;
    uint64_t line = s->start < buf.n ? s->start_line : s->line;

    s->open = false;
    while (at < buf.n) {
        at += slice_find(slice_cut(buf, at, buf.n), '\n');
        if (at == buf.n)
            break;
        at++;
        line++;
        size_t k = at;
        while (k < buf.n && (buf.p[k] == ' ' || buf.p[k] == '\t'))
            k++;
        if (k < buf.n && buf.p[k] == '{')
            break;
    }
    s->at = at;
    s->line = line;
}
