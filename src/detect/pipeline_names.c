#include "detect/pipeline_int.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 40 };

static const struct pipe_word transformations[] = {
    {"field_name_mapping", PIPE_MAP, "m!mapping"},
    {"field_name_prefix_mapping", PIPE_MAP_PREFIX, "m!mapping"},
    {"field_name_transform", PIPE_MAP_FUNCTION, "s!transform_func m?mapping b?apply_keyword"},
    {"field_name_prefix", PIPE_PREFIX, "s!prefix"},
    {"field_name_suffix", PIPE_SUFFIX, "s!suffix"},
    {"drop_detection_item", PIPE_DROP, ""},
    {"hashes_fields", PIPE_HASHES,
     "l!valid_hash_algos s?field_prefix b?drop_algo_prefix l?field_to_parse"},
    {"wildcard_placeholders", PIPE_WILDCARDS, "l?include l?exclude"},
    {"value_placeholders", PIPE_VALUES, "l?include l?exclude"},
    {"add_condition", PIPE_ADD_CONDITION, "m!conditions s?name b?template b?negated"},
    {"change_logsource", PIPE_LOGSOURCE, "s?category s?product s?service"},
    {"add_field", PIPE_NOTHING, "l!field"},
    {"remove_field", PIPE_NOTHING, "l!field"},
    {"set_field", PIPE_NOTHING, "l!fields"},
    {"regex", PIPE_NOTHING, "s?method"},
    {"replace_string", PIPE_REPLACE, "s!regex s!replacement b?skip_special b?interpret_special"},
    {"map_string", PIPE_MAP_STRING, "m!mapping"},
    {"set_state", PIPE_STATE, "s!key v!val"},
    {"set_value", PIPE_SET, "v!value s?force_type"},
    {"convert_type", PIPE_CONVERT, "s!target_type"},
    {"rule_failure", PIPE_RULE_FAILS, "s!message"},
    {"detection_item_failure", PIPE_ITEM_FAILS, "s!message"},
    {"set_custom_attribute", PIPE_ATTRIBUTE, "s!attribute v!value"},
    {"nest", PIPE_NEST, "i!items"},
    {"case", PIPE_CASE, "s?method"},
    {"query_expression_placeholders", PIPE_REFUSED, NULL},
    {"file_placeholders", PIPE_REFUSED, NULL},
    {"http_placeholders", PIPE_REFUSED, NULL},
    {"command_placeholders", PIPE_REFUSED, NULL},
    {"extract_fields", PIPE_REFUSED, NULL},
    {"strict_field_mapping_failure", PIPE_REFUSED, NULL},
};

static const struct pipe_word of_rule[] = {
    {"logsource", WHEN_LOGSOURCE, "s?category s?product s?service"},
    {"contains_detection_item", WHEN_HAS_ITEM, "s!field v!value"},
    {"contains_field", WHEN_HAS_FIELD, "s!field"},
    {"processing_item_applied", WHEN_APPLIED, "s!processing_item_id"},
    {"processing_state", WHEN_STATE, "s!key v!val s?op"},
    {"is_sigma_rule", WHEN_IS_RULE, ""},
    {"is_sigma_correlation_rule", WHEN_IS_CORRELATION, ""},
    {"rule_attribute", WHEN_ATTRIBUTE, "s!attribute v!value s?op"},
    {"tag", WHEN_TAG, "s!tag"},
};

static const struct pipe_word of_item[] = {
    {"match_string", WHEN_STRING, "s!cond s!pattern b?negate"},
    {"match_value", WHEN_VALUE, "s!cond v!value"},
    {"contains_wildcard", WHEN_WILDCARD, "s!cond"},
    {"is_null", WHEN_NULL, "s!cond"},
    {"processing_item_applied", WHEN_APPLIED, "s!processing_item_id"},
    {"processing_state", WHEN_STATE, "s!key v!val s?op"},
};

static const struct pipe_word of_field[] = {
    {"include_fields", WHEN_INCLUDE, "l!fields s?mode"},
    {"exclude_fields", WHEN_EXCLUDE, "l!fields s?mode"},
    {"processing_item_applied", WHEN_APPLIED, "s!processing_item_id"},
    {"processing_state", WHEN_STATE, "s!key v!val s?op"},
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(struct slice a, struct slice b)
{
    size_t row[NAME_MAX_BYTES + 1];

    a.n = least(a.n, NAME_MAX_BYTES);
    for (size_t i = 0; i <= a.n; i++)
        row[i] = i;
    for (size_t j = 0; j < b.n; j++) {
        size_t diagonal = row[0];
        row[0] = j + 1;
        for (size_t i = 0; i < a.n; i++) {
            size_t up = row[i + 1];
            row[i + 1] = least(least(up, row[i]) + 1, diagonal + (a.p[i] != b.p[j]));
            diagonal = up;
        }
    }
    return row[a.n];
}

const char *pipe_nearest(struct slice name, const char *const *of, size_t n)
{
    size_t best = SIZE_MAX;
    const char *ret = "";

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(name, slice_of(of[i]));
        if (d < best) {
            best = d;
            ret = of[i];
        }
    }
    return ret;
}

static const struct pipe_word *find(const struct pipe_word *in, size_t n, struct slice name,
                                    const char **ret_nearest)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        struct slice word = slice_of(in[i].name);
        size_t d = distance(name, word);
        if (slice_eq(name, word))
            return &in[i];
        if (d < best) {
            best = d;
            *ret_nearest = in[i].name;
        }
    }
    return NULL;
}

const struct pipe_word *pipe_transformation(struct slice name, const char **ret_nearest)
{
    return find(transformations, ARRAY_LEN(transformations), name, ret_nearest);
}

const struct pipe_word *pipe_when_word(enum pipe_group_kind g, struct slice name,
                                       const char **ret_nearest)
{
    if (g == GROUP_RULE)
        return find(of_rule, ARRAY_LEN(of_rule), name, ret_nearest);
    if (g == GROUP_ITEM)
        return find(of_item, ARRAY_LEN(of_item), name, ret_nearest);
    return find(of_field, ARRAY_LEN(of_field), name, ret_nearest);
}

static bool scalar(const struct json_node *n)
{
    return n->type != JSON_ARRAY && n->type != JSON_OBJECT;
}

static bool named(const struct json_node *n)
{
    return scalar(n) && n->type != JSON_NULL;
}

static bool list_of(const struct json_node *n, bool maps)
{
    for (const struct json_node *k = n->child; k; k = k->next)
        if (maps ? k->type != JSON_OBJECT : !named(k))
            return false;
    return n->type == JSON_ARRAY;
}

static bool fits(const struct json_node *n, char type)
{
    switch (type) {
    case 's':
        return named(n);
    case 'b':
        return n->type == JSON_BOOL;
    case 'm':
        return n->type == JSON_OBJECT;
    case 'l':
        return named(n) || list_of(n, false);
    case 'i':
        return list_of(n, true);
    default:
        return scalar(n);
    }
}

static const char *type_name(char type)
{
    static const struct {
        char type;
        const char *name;
    } names[] = {{'s', "a text"},
                 {'b', "true or false"},
                 {'m', "a map"},
                 {'l', "a list of texts"},
                 {'i', "a list of transformations"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return "one value";
}

/* The next word of `says`: "m!mapping". */
static bool next_word(const char **says, struct slice *ret)
{
    while (**says == ' ')
        ++*says;
    *ret = (struct slice){*says, strcspn(*says, " ")};
    *says += ret->n;
    return ret->n > 0;
}

static bool known(struct slice key, const char *says, const char *const *common, size_t n)
{
    struct slice word;

    for (size_t i = 0; i < n; i++)
        if (slice_eq(key, slice_of(common[i])))
            return true;
    while (next_word(&says, &word))
        if (slice_eq(key, slice_cut(word, 2, word.n)))
            return true;
    return false;
}

static const char *nearest_key(struct slice key, const char *says, const char *const *common,
                               size_t n, char *to, size_t cap)
{
    const char *best = pipe_nearest(key, common, n);
    size_t least_d = distance(key, slice_of(best));
    struct slice word;

    (void)snprintf(to, cap, "%s", best);
    while (next_word(&says, &word)) {
        struct slice name = slice_cut(word, 2, word.n);
        size_t d = distance(key, name);
        if (d <= least_d) {
            least_d = d;
            (void)snprintf(to, cap, "%.*s", SLICE_ARG(name));
        }
    }
    return to;
}

const struct json_node *pipe_wrong(const struct json_node *def, const struct pipe_word *w,
                                   const char *const *common, size_t common_n, char *why,
                                   size_t why_cap)
{
    const char *says = w->says;
    struct slice word;
    char near[NAME_MAX_BYTES];

    for (const struct json_node *m = def->child; m; m = m->next) {
        if (known(m->key, w->says, common, common_n))
            continue;
        (void)snprintf(why, why_cap, "%s has no '%.*s'; did you mean '%s'?", w->name,
                       (int)least(m->key.n, NAME_MAX_BYTES), m->key.n ? m->key.p : "",
                       nearest_key(m->key, w->says, common, common_n, near, sizeof(near)));
        return m;
    }
    while (next_word(&says, &word)) {
        char key[NAME_MAX_BYTES];
        (void)snprintf(key, sizeof(key), "%.*s", (int)(word.n - 2), word.p + 2);
        const struct json_node *n = json_get(def, key);
        if (!n && word.p[1] == '!') {
            (void)snprintf(why, why_cap, "%s needs '%s'", w->name, key);
            return def;
        }
        if (n && !fits(n, word.p[0])) {
            (void)snprintf(why, why_cap, "'%s' of %s is %s", key, w->name, type_name(word.p[0]));
            return n;
        }
    }
    return NULL;
}
