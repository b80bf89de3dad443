#include <dirent.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/hunt_int.h"

enum { DEPTH_MAX = 64, PATH_BYTES_MAX = 4096 };

struct walk {
    bool (*each)(void *arg, const char *path);
    void *arg;
};

static int visible(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Symbolic links inside a folder are not followed: they may lead in circles. */
static bool folder(const struct walk *w, const char *path, unsigned depth)
{
    struct dirent **names;
    bool go = true;
    int n = depth < DEPTH_MAX ? scandir(path, &names, visible, by_bytes) : -1;

    if (n < 0)
        return w->each(w->arg, path); /* opening it says why */
    for (int i = 0; i < n; i++) {
        char below[PATH_BYTES_MAX];
        struct stat st;
        size_t len = strlen(path);
        int k = snprintf(below, sizeof(below), "%s%s%s", path,
                         len && path[len - 1] == '/' ? "" : "/", names[i]->d_name);
        if (go && k > 0 && (size_t)k < sizeof(below) && lstat(below, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                go = folder(w, below, depth + 1);
            else if (S_ISREG(st.st_mode))
                go = w->each(w->arg, below);
        }
        free(names[i]);
    }
    free(names);
    return go;
}

static bool one(const struct walk *w, const char *path)
{
    struct stat st;

    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return folder(w, path, 0);
    return w->each(w->arg, path);
}

/* A name that does not exist and has a pattern's characters: for shells that leave patterns alone,
 * and patterns in quotes. */
static bool pattern(const struct walk *w, const char *path)
{
    glob_t g;
    bool go = true;

    if (glob(path, 0, NULL, &g) != 0)
        return w->each(w->arg, path);
    for (size_t i = 0; i < g.gl_pathc && go; i++)
        go = one(w, g.gl_pathv[i]);
    globfree(&g);
    return go;
}

void hunt_list(const struct arg_many *paths, bool (*each)(void *arg, const char *path), void *arg)
{
    const struct walk w = {each, arg};
    struct stat st;

    for (size_t i = 0; i < paths->n; i++) {
        const char *p = paths->at[i];
        bool exists = strcmp(p, "-") == 0 || stat(p, &st) == 0;
        if (!(exists || !strpbrk(p, "*?[") ? one(&w, p) : pattern(&w, p)))
            return;
    }
}
