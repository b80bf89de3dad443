#include "serve/rules_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 3800 };

bool rules_dir_shipped(const char *name, char *out, size_t cap)
{
    /* from build/coloa, from build/libexec/coloa-x, and from an installed prefix */
    static const char *const tries[] = {"..", "../..", "../share/coloa", "../../share/coloa"};
    char exe[PATH_BYTES];
    const char *env = getenv("COLOA_SHARE");
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

    if (env) {
        int len = snprintf(out, cap, "%s/%s", env, name);
        if (len > 0 && (size_t)len < cap && access(out, R_OK) == 0)
            return true;
    }
    exe[n > 0 ? n : 0] = 0;
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        int len = snprintf(out, cap, "%s/%s/%s", exe, tries[i], name);
        if (len > 0 && (size_t)len < cap && access(out, R_OK) == 0)
            return true;
    }
    return false;
}

void rules_dir_list(const struct config *cfg, struct rules_dir *ret)
{
    ret->n = 0;
    if (config_bool(cfg, OPT_RULES_SHIPPED) &&
        rules_dir_shipped("rules", ret->shipped, sizeof(ret->shipped)))
        ret->paths[ret->n++] = ret->shipped;
    for (size_t i = 0; i < config_list_n(cfg, OPT_RULES_DIRS) && ret->n < RULES_DIRS_MAX; i++)
        ret->paths[ret->n++] = config_list_at(cfg, OPT_RULES_DIRS, i);
}

const char *rules_dir_cache(void)
{
    static char path[PATH_BYTES];
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = xdg && xdg[0] == '/';
    int n = 0;

    if (own)
        n = snprintf(path, sizeof(path), "%s", xdg);
    else if (home && home[0] == '/')
        n = snprintf(path, sizeof(path), "%s/.cache", home);
    if (n <= 0 || (size_t)n >= sizeof(path) - 8)
        return "";
    (void)mkdir(path, 0700);
    (void)snprintf(path + n, sizeof(path) - (size_t)n, "/coloa");
    return mkdir(path, 0700) == 0 || access(path, W_OK) == 0 ? path : "";
}
