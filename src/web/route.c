#include "web/web_int.h"

enum { PARAM_BYTES_MAX = 200 };

static const struct web_route routes[] = {
#define ROUTE(m, p, perm, body, r, h) {#m, p, &#h[4], PERM_##perm, body, RATE_##r, h},
#include "web/routes.def"
#undef ROUTE
};

size_t route_n(void)
{
    return ARRAY_LEN(routes);
}

const struct web_route *route_at(size_t i)
{
    return &routes[i];
}

bool route_fits(const char *pattern, const char *path, struct slice *ret_param)
{
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t n = strcspn(path, "/");
        if (n == 0 || n > PARAM_BYTES_MAX)
            return false;
        *ret_param = (struct slice){path, n};
        path += n;
        pattern = strchr(pattern, '}') + 1;
    }
    return *path == '\0';
}

const struct web_route *route_find(const char *method, const char *path, struct slice *ret_param,
                                   bool *ret_known)
{
    const struct web_route *best = NULL;

    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    *ret_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct slice param = {0};
        if (!route_fits(routes[i].path, path, &param))
            continue;
        *ret_known = true;
        /* a fixed word goes before a parameter */
        if (strcmp(routes[i].method, method) != 0 || (best && param.n > 0))
            continue;
        best = &routes[i];
        *ret_param = param;
    }
    return best;
}
