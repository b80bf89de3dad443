#include "serve/store_role.h"

#include "core/log.h"
#include "store/server.h"

static CHECKED enum err store_start(struct role_ctx *c, struct diag *diag)
{
    char dir[4096];
    struct store_server *s;
    enum err e = role_path(c, "store", dir, sizeof(dir));

    if (e != ERR_NONE)
        return e;
    const struct store_server_options o = {
        .data_dir = dir,
        .library = config_text(c->cfg, OPT_STORE_LIBRARY),
        .listen_fd = role_fd(c, "listen"),
        .memory_bytes = (uint64_t)config_int(c->cfg, OPT_STORE_MEMORY_BYTES),
        .url = config_text(c->cfg, OPT_STORE_URL),
    };
    e = store_server_start(&o, &s, diag);
    if (e != ERR_NONE)
        return e;
    c->own = s;
    if (store_server_detached(s) > 0)
        log_error("store.detached",
                  "parts=%llu the engine set damaged parts aside: rows are missing; "
                  "see docs/operators.md",
                  (unsigned long long)store_server_detached(s));
    return ERR_NONE;
}

static void store_stop(struct role_ctx *c)
{
    store_server_stop(c->own);
}

const struct role_ops store_role = {
    .role = ROLE_STORE,
    .start = store_start,
    .stop = store_stop,
};
