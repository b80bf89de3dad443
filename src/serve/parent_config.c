#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/datadir.h"
#include "serve/parent_int.h"

enum { CONFIG_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

static const char first_file[] =
    "# coloa.yaml - this installation's settings. All options: docs/configuration.md, or\n"
    "# `coloa serve --help-options`. After a change: kill -HUP the parent, or restart.\n"
    "listen:\n"
    "  web: 127.0.0.1:8443\n"
    "  ingest: 127.0.0.1:8514\n"
    "  syslog: 127.0.0.1:5514\n";

static CHECKED enum err read_file(const char *path, struct buf *out, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *to;

    if (fd < 0)
        return FAIL(diag, errno == ENOENT ? ERR_NOENT : ERR_SYS, 0, "cannot read %s: %s", path,
                    strerror(errno));
    enum err e = buf_reserve(out, CONFIG_BYTES_MAX, &to);
    ssize_t n = e == ERR_NONE ? read(fd, to, CONFIG_BYTES_MAX) : -1;
    (void)close(fd);
    if (e != ERR_NONE || n < 0)
        return FAIL(diag, e != ERR_NONE ? e : ERR_SYS, 0, "cannot read %s", path);
    if (n == CONFIG_BYTES_MAX)
        return FAIL(diag, ERR_LIMIT, 0, "%s is larger than 1 MiB", path);
    out->n = (size_t)n;
    return ERR_NONE;
}

static CHECKED enum err apply_sets(const struct parent_options *o, struct config *c,
                                   struct diag *diag)
{
    for (size_t i = 0; i < o->sets_n; i++) {
        struct slice s = slice_of(o->sets[i]);
        size_t eq = slice_find(s, '=');
        if (eq == s.n)
            return FAIL(diag, ERR_SYNTAX, 0, "--set %s: write key=value", o->sets[i]);
        enum err e = config_set(c, slice_cut(s, 0, eq), slice_cut(s, eq + 1, s.n), diag);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

CHECKED enum err parent_config(const struct parent_options *o, struct config **ret,
                               struct diag *diag)
{
    char path[PATH_BYTES];
    struct config *c = config_new();
    struct buf text;

    if (!c)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the configuration");
    buf_init(&text, CONFIG_BYTES_MAX + 1);
    (void)snprintf(path, sizeof(path), "%s%s", o->config_file ? o->config_file : o->data_dir,
                   o->config_file ? "" : "/coloa.yaml");
    enum err e = read_file(path, &text, diag);
    if (e == ERR_NOENT && !o->config_file)
        e = datadir_write_file(path, first_file, sizeof(first_file) - 1, 0600, true, diag);
    else if (e == ERR_NONE)
        e = config_read_yaml(c, buf_slice(&text), diag);
    if (e == ERR_NONE)
        e = apply_sets(o, c, diag);
    buf_done(&text);
    if (e != ERR_NONE) {
        config_free(c);
        return e;
    }
    *ret = c;
    return ERR_NONE;
}
