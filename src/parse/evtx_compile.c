#include "parse/evtx_int.h"

#include "core/utf8.h"

#define TEXT(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

enum {
    TOKEN_END = 0x00,
    TOKEN_OPEN = 0x01,
    TOKEN_CLOSE_START = 0x02,
    TOKEN_CLOSE_EMPTY = 0x03,
    TOKEN_CLOSE = 0x04,
    TOKEN_VALUE = 0x05,
    TOKEN_ATTRIBUTE = 0x06,
    TOKEN_CDATA = 0x07,
    TOKEN_CHAR = 0x08,
    TOKEN_ENTITY = 0x09,
    TOKEN_PI_TARGET = 0x0a,
    TOKEN_PI_DATA = 0x0b,
    TOKEN_TEMPLATE = 0x0c,
    TOKEN_NORMAL = 0x0d,
    TOKEN_OPTIONAL = 0x0e,
    TOKEN_FRAGMENT = 0x0f,
    TOKEN_MORE = 0x40, /* flag: attributes, or more of the kind, follow */
    VALUE_STRING = 0x01,
    NAME_UNITS_MAX = 160,
};

struct pieces {
    struct evtx_piece *first, **tail;
};

struct frame {
    enum evtx_section own;      /* where the element stands */
    struct slice name;          /* the way to it */
    struct evtx_place inner;    /* for what is in it */
    struct pieces value, named; /* its text; its Name */
    bool data;                  /* <Data>: Name names it */
    bool has_name, children, attributes;
};

struct compile {
    struct evtx_reader *r;
    struct bytes b; /* over the chunk, up to the end of the fragment */
    struct evtx_program *program;
    struct evtx_leaf **tail;
    bool definition, in_attribute;
    char name_text[NAME_UNITS_MAX * 3];
    struct slice attribute;
    struct pieces attribute_value;
    unsigned depth;
    struct frame stack[EVTX_DEPTH_MAX];
};

static void broken(struct compile *c, const char *why)
{
    if (!c->program->broken)
        c->program->broken = why;
    c->b.bad = true;
}

static void *room(struct compile *c, size_t n)
{
    void *p = arena_calloc(&c->r->programs, 1, n);

    if (!p)
        broken(c, "evtx: a chunk with too much binary XML");
    return p;
}

static void pieces_init(struct pieces *p)
{
    p->first = NULL;
    p->tail = &p->first;
}

static void add_piece(struct compile *c, enum evtx_piece_kind kind, uint16_t index,
                      struct slice text)
{
    struct pieces *to = c->in_attribute ? &c->attribute_value : &c->stack[c->depth].value;
    struct evtx_piece *p = room(c, sizeof(*p));

    if (!p)
        return;
    *p = (struct evtx_piece){.kind = kind, .index = index, .text = text};
    *to->tail = p;
    to->tail = &p->next;
}

static void add_literal(struct compile *c, const char *p, size_t n)
{
    char *own = room(c, n + 1);

    if (!own)
        return;
    memcpy(own, p, n); /* cppcheck-suppress uninitvar ; filled by the caller */
    add_piece(c, EVTX_LITERAL, 0, (struct slice){own, n});
}

static void add_utf16(struct compile *c, struct slice utf16)
{
    char *own = room(c, utf16.n + utf16.n / 2 + 4);

    if (own)
        add_piece(c, EVTX_LITERAL, 0, (struct slice){own, evtx_value_utf8(utf16, own)});
}

/* A name is stored once in a chunk, where it is used first: then it stands in the midst. */
static struct slice read_name(struct compile *c)
{
    uint32_t at = bytes_u32(&c->b);
    struct bytes b = bytes_of(c->r->chunk);

    if (c->b.bad || at > c->r->chunk.n) {
        broken(c, "evtx: a name outside the chunk");
        return SLICE("");
    }
    b.at = at;
    (void)bytes_u32(&b);
    (void)bytes_u16(&b);
    uint16_t n = bytes_u16(&b);
    struct slice utf16 = bytes_get(&b, n * (size_t)2);
    if (b.bad) {
        broken(c, "evtx: a name outside the chunk");
        return SLICE("");
    }
    if (at == c->b.at)
        (void)bytes_get(&c->b, 10 + (size_t)n * 2);
    if (n > NAME_UNITS_MAX)
        utf16.n = NAME_UNITS_MAX * 2;
    return (struct slice){c->name_text, evtx_value_utf8(utf16, c->name_text)};
}

/* "prefix" + "name" + `end`; the last byte is for the names below. */
static struct slice join(struct compile *c, struct slice prefix, struct slice name, char end)
{
    size_t n = prefix.n + name.n;
    char *p = n <= EVTX_NAME_MAX ? room(c, n + 1) : NULL;

    if (!p) {
        broken(c, "evtx: a name of great length");
        return SLICE("");
    }
    memcpy(p, prefix.p, prefix.n);
    memcpy(p + prefix.n, name.p, name.n);
    p[n] = end;
    return (struct slice){p, n};
}

static struct evtx_leaf *add_leaf(struct compile *c, const struct frame *f, struct slice name,
                                  const struct evtx_piece *value, bool attribute)
{
    struct evtx_leaf *leaf = room(c, sizeof(*leaf));
    enum evtx_section section = f->own == EVTX_IN_SYSTEM ? EVTX_IN_SYSTEM : EVTX_IN_DATA;

    if (!leaf)
        return NULL;
    *leaf = (struct evtx_leaf){.value = value, .place = f->inner, .attribute = attribute};
    leaf->top = f->own != EVTX_IN_DATA && f->own != EVTX_IN_BODY;
    leaf->name = evtx_name_get(c->r, section, name);
    if (!leaf->name)
        broken(c, "evtx: too many names");
    *c->tail = leaf;
    c->tail = &leaf->next;
    return leaf;
}

static void end_attribute(struct compile *c)
{
    struct frame *f = &c->stack[c->depth];

    if (!c->in_attribute)
        return;
    c->in_attribute = false;
    if (slice_starts(c->attribute, SLICE("xmlns")))
        return;
    if (f->data && slice_eq(c->attribute, SLICE("Name"))) {
        f->named = c->attribute_value;
        f->has_name = f->named.first != NULL;
        return;
    }
    f->attributes = true;
    struct slice prefix =
        f->own == EVTX_IN_USER ? SLICE("") : (struct slice){f->name.p, f->name.n + 1};
    struct slice name = join(c, prefix, c->attribute, 0);
    (void)add_leaf(c, f, name, c->attribute_value.first, true);
}

static void attribute(struct compile *c)
{
    end_attribute(c);
    struct slice name = read_name(c);
    c->attribute = join(c, SLICE(""), name, 0);
    pieces_init(&c->attribute_value);
    c->in_attribute = c->depth > 0;
}

/* The way into the element `name` of a parent whose inside is `in`. */
static void enter(struct compile *c, struct frame *f, const struct evtx_place *in,
                  struct slice name)
{
    static const struct {
        struct slice name;
        enum evtx_section section;
    } parts[] = {{TEXT("System"), EVTX_IN_SYSTEM},
                 {TEXT("EventData"), EVTX_IN_DATA},
                 {TEXT("UserData"), EVTX_IN_USER}};
    enum evtx_section in_section = in->section;

    if (in_section == EVTX_IN_ROOT && !slice_eq(name, SLICE("Event")))
        in_section = EVTX_IN_EVENT;
    f->own = in_section;
    f->name = join(c, in->prefix, name, in_section == EVTX_IN_SYSTEM ? '_' : '.');
    f->inner = (struct evtx_place){EVTX_IN_BODY, {f->name.p, f->name.n + 1}};
    f->data = in_section == EVTX_IN_DATA &&
              (slice_eq(name, SLICE("Data")) || slice_eq(name, SLICE("ComplexData")));
    if (in_section == EVTX_IN_ROOT)
        f->inner = (struct evtx_place){EVTX_IN_EVENT, SLICE("")};
    else if (in_section == EVTX_IN_SYSTEM)
        f->inner.section = EVTX_IN_SYSTEM;
    else if (in_section == EVTX_IN_USER)
        f->inner.prefix = SLICE("");
    for (size_t i = 0; in_section == EVTX_IN_EVENT && i < ARRAY_LEN(parts); i++)
        if (slice_eq(name, parts[i].name))
            f->inner = (struct evtx_place){parts[i].section, SLICE("")};
}

/* Only definitions have a dependency number before the size; some writers have it elsewhere. */
static void skip_dependency(struct compile *c)
{
    bool there = c->definition;

    for (int turn = 0; turn < 2; turn++, there = !there) {
        struct bytes b = c->b;
        if (there)
            (void)bytes_u16(&b);
        uint32_t size = bytes_u32(&b), name = bytes_u32(&b);
        if (b.bad || size > EVTX_CHUNK_BYTES || name >= c->r->chunk.n)
            continue;
        if (there)
            (void)bytes_u16(&c->b);
        return;
    }
    broken(c, "evtx: an element that is none");
}

static void open_element(struct compile *c, bool attributes)
{
    struct frame *parent = &c->stack[c->depth], *f;

    end_attribute(c);
    skip_dependency(c);
    (void)bytes_u32(&c->b);
    struct slice name = read_name(c);
    if (attributes)
        (void)bytes_u32(&c->b);
    if (c->depth + 1 >= EVTX_DEPTH_MAX)
        broken(c, "evtx: elements nested too deep");
    if (c->b.bad)
        return;
    parent->children = true;
    f = &c->stack[++c->depth];
    *f = (struct frame){.own = EVTX_IN_ROOT};
    pieces_init(&f->value);
    pieces_init(&f->named);
    enter(c, f, &parent->inner, name);
}

static bool blank(const struct evtx_piece *p)
{
    for (; p; p = p->next) {
        if (p->kind != EVTX_LITERAL || slice_trim(p->text).n)
            return false;
    }
    return true;
}

/* The name in <Data Name="...">, blanks out; false when a record's values make it. */
static bool data_name(struct compile *c, const struct frame *f, struct slice *ret)
{
    char text[EVTX_NAME_MAX];
    size_t n = 0;

    for (const struct evtx_piece *p = f->named.first; p; p = p->next) {
        if (p->kind != EVTX_LITERAL)
            return false;
        for (size_t i = 0; i < p->text.n && n < sizeof(text); i++)
            if (p->text.p[i] != ' ')
                text[n++] = p->text.p[i];
    }
    if (n)
        *ret = join(c, SLICE(""), (struct slice){text, n}, 0);
    return true;
}

static void close_element(struct compile *c)
{
    struct frame *f = &c->stack[c->depth];
    struct slice name = f->name;
    bool known = true;

    end_attribute(c);
    if (c->depth == 0)
        return;
    c->depth--;
    if (f->children && blank(f->value.first))
        return;
    bool data = f->own == EVTX_IN_DATA || f->own == EVTX_IN_BODY;
    if (!f->value.first && (!data || f->attributes))
        return;
    if (f->has_name)
        known = data_name(c, f, &name);
    struct evtx_leaf *leaf = add_leaf(c, f, name, f->value.first, false);
    if (leaf && !known)
        leaf->named = f->named.first;
}

static void text_value(struct compile *c)
{
    uint8_t type = bytes_u8(&c->b);

    if (type == VALUE_STRING) {
        add_utf16(c, bytes_get(&c->b, (size_t)bytes_u16(&c->b) * 2));
        return;
    }
    unsigned width = evtx_value_width(type);
    if (width == 0) {
        broken(c, "evtx: text of a type that has no size");
        return;
    }
    struct value v = evtx_value(c->r, type, bytes_get(&c->b, width));
    add_literal(c, v.text.p, v.text.n);
}

static void entity(struct compile *c)
{
    static const struct {
        struct slice name, text;
    } known[] = {{TEXT("amp"), TEXT("&")},
                 {TEXT("lt"), TEXT("<")},
                 {TEXT("gt"), TEXT(">")},
                 {TEXT("quot"), TEXT("\"")},
                 {TEXT("apos"), TEXT("'")}};
    struct slice name = read_name(c);

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (slice_eq(name, known[i].name)) {
            add_piece(c, EVTX_LITERAL, 0, known[i].text);
            return;
        }
    }
    add_literal(c, "&", 1);
    add_literal(c, name.p, name.n);
    add_literal(c, ";", 1);
}

static void character(struct compile *c)
{
    char text[4];
    uint32_t code = bytes_u16(&c->b);

    add_literal(c, text, utf8_put(text, code));
}

static void substitution(struct compile *c, bool optional)
{
    uint16_t index = bytes_u16(&c->b);

    (void)bytes_u8(&c->b);
    add_piece(c, optional ? EVTX_VALUE_OPTIONAL : EVTX_VALUE, index, SLICE(""));
}

/* Text, in an element or an attribute. */
static void content(struct compile *c, uint8_t token)
{
    switch (token) {
    case TOKEN_VALUE:
        text_value(c);
        break;
    case TOKEN_CDATA:
        add_utf16(c, bytes_get(&c->b, (size_t)bytes_u16(&c->b) * 2));
        break;
    case TOKEN_CHAR:
        character(c);
        break;
    case TOKEN_ENTITY:
        entity(c);
        break;
    case TOKEN_NORMAL:
    case TOKEN_OPTIONAL:
        substitution(c, token == TOKEN_OPTIONAL);
        break;
    case TOKEN_PI_TARGET:
        (void)read_name(c);
        break;
    case TOKEN_PI_DATA:
        (void)bytes_get(&c->b, (size_t)bytes_u16(&c->b) * 2);
        break;
    default:
        broken(c, "evtx: no binary XML");
        break;
    }
}

/* False at the end of the fragment. */
static bool step(struct compile *c)
{
    size_t at = c->b.at;
    uint8_t whole = bytes_u8(&c->b), token = whole & (uint8_t)~TOKEN_MORE;

    switch (token) {
    case TOKEN_OPEN:
        open_element(c, whole & TOKEN_MORE);
        return true;
    case TOKEN_CLOSE_START:
        end_attribute(c);
        return true;
    case TOKEN_CLOSE_EMPTY:
    case TOKEN_CLOSE:
        close_element(c);
        return true;
    case TOKEN_ATTRIBUTE:
        attribute(c);
        return true;
    case TOKEN_FRAGMENT:
        (void)bytes_get(&c->b, 3);
        return true;
    case TOKEN_END:
    case TOKEN_TEMPLATE:
        c->b.at = at;
        if (c->depth)
            broken(c, "evtx: elements that do not end");
        return false;
    default:
        content(c, token);
        return true;
    }
}

struct evtx_program *evtx_compile(struct evtx_reader *r, size_t from, size_t to,
                                  struct evtx_place place, bool definition, size_t *ret_end)
{
    struct compile all, *c = &all;
    struct evtx_program *p = arena_calloc(&r->programs, 1, sizeof(*p));

    *ret_end = to;
    if (!p)
        return NULL;
    *p = (struct evtx_program){.at = (uint32_t)from, .place = place};
    c->r = r;
    c->program = p;
    c->b = bytes_of(slice_cut(r->chunk, 0, to));
    c->b.at = from;
    c->tail = &p->first;
    c->definition = definition;
    c->in_attribute = false;
    c->depth = 0;
    c->stack[0] = (struct frame){.inner = place};
    pieces_init(&c->stack[0].value);
    while (!c->b.bad && c->b.at < to && step(c))
        ;
    if (c->b.bad || c->depth) {
        broken(c, "evtx: binary XML that is cut short");
        while (c->depth)
            close_element(c);
    } else {
        *ret_end = c->b.at;
    }
    r->compiled += c->b.at - from + sizeof(*p);
    return p;
}
