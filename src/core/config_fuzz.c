#include <stdlib.h>

#include "core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config *c)
{
    for (int o = 0; o < OPT_N; o++) {
        const struct option_info *i = option_info((enum option)o);
        int64_t v = config_int(c, (enum option)o);
        if ((i->type == OT_INT && (v < i->least || v > i->most)) ||
            (i->type == OT_BOOL && v != 0 && v != 1))
            abort();
        for (size_t k = 0; k < config_list_n(c, (enum option)o); k++)
            if (config_list_at(c, (enum option)o, k)[0] == 0)
                abort();
    }
}

/* Whatever a file holds reaches each role unchanged. */
static void check_roles(const struct config *c)
{
    for (int r = 0; r < ROLE_N; r++) {
        struct config *got = NULL;
        struct buf b;
        buf_init(&b, 1 << 20);
        if (config_encode_for(c, (enum role)r, &b) != ERR_NONE ||
            config_decode(buf_slice(&b), &got, NULL) != ERR_NONE)
            abort();
        for (int o = 0; o < OPT_N; o++)
            if ((option_info((enum option)o)->roles >> r & 1) &&
                strcmp(config_text(c, (enum option)o), config_text(got, (enum option)o)) != 0)
                abort();
        config_free(got);
        buf_done(&b);
    }
}

/* The first byte chooses: a file, a message, or "key=value" as after --set. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = size ? (struct slice){(const char *)data + 1, size - 1} : SLICE("");
    struct config *c = config_new(), *got = NULL;
    struct diag d = {0};

    if (!c)
        abort();
    if (size > 0 && data[0] == 'm') {
        if (config_decode(in, &got, &d) == ERR_NONE)
            check(got);
        config_free(got);
    } else if (size > 0 && data[0] == 's') {
        size_t eq = slice_find(in, '=');
        if (eq < in.n &&
            config_set(c, slice_cut(in, 0, eq), slice_cut(in, eq + 1, in.n), &d) == ERR_NONE)
            check_roles(c);
    } else if (size > 0 && config_read_yaml(c, in, &d) == ERR_NONE) {
        check_roles(c);
    } else if (size > 0 && d.at > in.n) {
        abort();
    }
    check(c);
    config_free(c);
    return 0;
}
