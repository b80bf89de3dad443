#include "cmd/hunt_out.h"

#include <string.h>

#define OUTPUT(name, summary) extern const struct hunt_output hunt_out_##name;
#include "cmd/hunt_outputs.def"
#undef OUTPUT

static const struct hunt_output *const outputs[] = {
#define OUTPUT(name, summary) &hunt_out_##name,
#include "cmd/hunt_outputs.def"
#undef OUTPUT
};

const struct hunt_output *hunt_output_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        if (strcmp(outputs[i]->name, name) == 0)
            return outputs[i];
    return NULL;
}

void hunt_out_put(struct hunt_out *o, struct slice s)
{
    if (!o->failed && s.n && fwrite(s.p, 1, s.n, o->to) != s.n)
        o->failed = true;
}

static bool before(const struct hunt_found *f, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_eq(f->matched[k].name, f->matched[i].name))
            return true;
    return false;
}

void hunt_out_fields(const struct hunt_found *f,
                     void (*each)(void *arg, struct slice name, const struct slice *values,
                                  size_t n),
                     void *arg)
{
    struct slice values[64];

    for (size_t i = 0; i < f->matched_n; i++) {
        size_t n = 0;
        if (before(f, i))
            continue;
        for (size_t k = i; k < f->matched_n && n < ARRAY_LEN(values); k++) {
            bool known = !slice_eq(f->matched[k].name, f->matched[i].name);
            for (size_t v = 0; v < n && !known; v++)
                known = slice_eq(values[v], f->matched[k].value);
            if (!known)
                values[n++] = f->matched[k].value;
        }
        each(arg, f->matched[i].name, values, n);
    }
}
