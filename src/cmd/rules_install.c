#include "cmd/rules_install.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/jsonw.h"

#define MANIFEST ".coloa-rules.json"
enum { MANIFEST_BYTES_MAX = 65536 };

static CHECKED enum err path_of(char to[static PATH_MAX], const struct rules_install *in,
                                const char *version, const char *below, struct diag *diag)
{
    int n = snprintf(to, PATH_MAX, "%s/%s%s", in->versions, version, below);

    return n > 0 && n < PATH_MAX ? ERR_NONE : FAIL(diag, ERR_LIMIT, 0, "the path is too long");
}

static void text(const struct json_node *root, const char *key, char *to, size_t cap)
{
    struct slice s = json_get_str(root, key);

    if (s.n < cap && !memchr(s.p, 0, s.n) && !memchr(s.p, '/', s.n))
        (void)snprintf(to, cap, "%.*s", SLICE_ARG(s));
}

static void read_manifest(struct rules_install *in)
{
    struct json_reader *r = json_reader_new(MANIFEST_BYTES_MAX, 1000);
    char path[PATH_MAX], bytes[MANIFEST_BYTES_MAX];
    const struct json_node *root;
    FILE *f = NULL;

    if (r && path_of(path, in, in->current, "/" MANIFEST, NULL) == ERR_NONE)
        f = fopen(path, "rbe");
    size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
    if (n && json_read_strict(r, (struct slice){bytes, n}, &root, NULL) == ERR_NONE) {
        text(root, "commit", in->pin.commit, sizeof(in->pin.commit));
        text(root, "sha256", in->pin.sha256, sizeof(in->pin.sha256));
        text(root, "previous", in->previous, sizeof(in->previous));
        in->pin.files = (size_t)json_get_int(root, "files", 0);
    }
    if (f)
        (void)fclose(f);
    json_reader_free(r);
}

static CHECKED enum err read_link(struct rules_install *in, struct diag *diag)
{
    char to[PATH_MAX], before[300];
    struct stat st;
    ssize_t n = readlink(in->into, to, sizeof(to) - 1);
    int len = snprintf(before, sizeof(before), ".%s.versions/", in->name);

    if (n < 0 && errno == ENOENT)
        return ERR_NONE;
    if (n < 0 && lstat(in->into, &st) == 0 && S_ISDIR(st.st_mode) && rmdir(in->into) == 0)
        return ERR_NONE; /* an empty folder, made to be filled */
    to[n > 0 ? n : 0] = 0;
    if (n <= len || n - len >= RULES_INSTALL_NAME_MAX || strncmp(to, before, (size_t)len) != 0 ||
        strchr(to + len, '/'))
        return FAIL(diag, ERR_UNSUPPORTED, 0,
                    "%.120s is there and was not made by `rules update`: move it away, or name "
                    "another folder",
                    in->into);
    (void)snprintf(in->current, sizeof(in->current), "%s", to + len);
    read_manifest(in);
    return ERR_NONE;
}

CHECKED enum err rules_install_open(const char *into, struct rules_install *ret, struct diag *diag)
{
    size_t n = strlen(into);

    *ret = (struct rules_install){.lock = -1};
    while (n > 1 && into[n - 1] == '/')
        n--;
    if (n == 0 || n > RULES_INSTALL_PATH_MAX - 300)
        return FAIL(diag, ERR_LIMIT, 0, "the path of the folder is empty or too long");
    (void)snprintf(ret->into, sizeof(ret->into), "%s%.*s", strchr(into, '/') ? "" : "./", (int)n,
                   into);
    char *slash = strrchr(ret->into, '/');
    const char *name = slash + 1;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strlen(name) >= sizeof(ret->name))
        return FAIL(diag, ERR_LIMIT, 0, "%.150s can't be a name for rules", into);
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    (void)snprintf(ret->versions, sizeof(ret->versions), "%.*s/.%s.versions",
                   (int)(slash - ret->into), ret->into, name);
    return read_link(ret, diag);
}

void rules_install_close(struct rules_install *in)
{
    if (in->lock >= 0)
        (void)close(in->lock);
    in->lock = -1;
}

static bool make_folders(const char *path)
{
    char part[PATH_MAX];

    for (const char *at = path + 1;; at++) {
        if (*at && *at != '/')
            continue;
        (void)snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        if (!*at)
            return true;
    }
}

static CHECKED enum err take_lock(struct rules_install *in, struct diag *diag)
{
    char path[PATH_MAX], was[RULES_INSTALL_NAME_MAX];

    if (!make_folders(in->versions) || path_of(path, in, ".lock", "", NULL) != ERR_NONE)
        return FAIL(diag, ERR_SYS, 0, "can't make %.150s: %s", in->versions, strerror(errno));
    in->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (in->lock < 0 || flock(in->lock, LOCK_EX | LOCK_NB) != 0)
        return FAIL(diag, ERR_SYS, 0, "another `rules update` is at work in %.120s", in->versions);
    (void)snprintf(was, sizeof(was), "%s", in->current);
    in->current[0] = 0;
    enum err e = read_link(in, diag);
    if (e == ERR_NONE && strcmp(was, in->current) != 0)
        e = FAIL(diag, ERR_SYS, 0, "another `rules update` was quicker: look again");
    return e;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

/* What is left of broken installations, and versions that nothing leads back to. */
static void sweep(const struct rules_install *in, const char *keep)
{
    DIR *dp = opendir(in->versions);
    const struct dirent *d;
    char path[PATH_MAX];

    while (dp && (d = readdir(dp))) {
        if (d->d_name[0] == '.' || strcmp(d->d_name, in->current) == 0 ||
            strcmp(d->d_name, keep) == 0)
            continue;
        if (path_of(path, in, d->d_name, "", NULL) == ERR_NONE)
            (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (dp)
        (void)closedir(dp);
}

static bool sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static CHECKED enum err swap(const struct rules_install *in, const char *version, struct diag *diag)
{
    char target[PATH_MAX], temporary[PATH_MAX], parent[PATH_MAX];
    int n = (int)(strrchr(in->into, '/') - in->into);

    (void)snprintf(parent, sizeof(parent), "%.*s", n ? n : 1, in->into);
    (void)snprintf(target, sizeof(target), ".%s.versions/%s", in->name, version);
    enum err e = path_of(temporary, in, ".link", "", diag);
    if (e != ERR_NONE)
        return e;
    (void)unlink(temporary);
    if (symlink(target, temporary) != 0 || rename(temporary, in->into) != 0 || !sync_path(parent))
        return FAIL(diag, ERR_SYS, 0, "can't change %.150s: %s", in->into, strerror(errno));
    return ERR_NONE;
}

static CHECKED enum err write_manifest(const struct rules_install *in, const char *folder,
                                       const struct rules_pin *pin,
                                       const struct rules_install_facts *facts, struct diag *diag)
{
    struct buf b;
    struct jsonw w;
    char path[PATH_MAX];

    buf_init(&b, MANIFEST_BYTES_MAX);
    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kcstr(&w, "source", facts->source);
    jsonw_kcstr(&w, "commit", pin->commit);
    jsonw_kcstr(&w, "sha256", pin->sha256);
    jsonw_kint(&w, "files", (int64_t)pin->files);
    jsonw_kint(&w, "rules", (int64_t)facts->rules);
    jsonw_kint(&w, "loaded", (int64_t)facts->loaded);
    jsonw_ktime(&w, "installed", clock_wall_ns());
    jsonw_kcstr(&w, "previous", in->current);
    jsonw_close_object(&w);
    enum err e = jsonw_end(&w);
    if (e == ERR_NONE)
        e = buf_putc(&b, '\n');
    (void)snprintf(path, sizeof(path), "%.4000s/" MANIFEST, folder);
    FILE *f = e == ERR_NONE ? fopen(path, "wbxe") : NULL;
    bool ok = f && fwrite(b.p, 1, b.n, f) == b.n && fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f)
        ok = fclose(f) == 0 && ok;
    buf_done(&b);
    if (e == ERR_NONE && !(ok && sync_path(folder)))
        e = FAIL(diag, ERR_SYS, 0, "can't write %.150s: %s", path, strerror(errno));
    return e;
}

CHECKED enum err rules_install_put(struct rules_install *in, const char *folder,
                                   const struct rules_pin *pin,
                                   const struct rules_install_facts *facts, struct diag *diag)
{
    char version[RULES_INSTALL_NAME_MAX], staged[PATH_MAX], final[PATH_MAX];
    struct rules_pin copied = {.files = 0};
    enum err e = take_lock(in, diag);

    if (e != ERR_NONE)
        return e;
    sweep(in, in->previous);
    (void)snprintf(version, sizeof(version), "%.12s-%lld",
                   pin->commit[0] ? pin->commit : pin->sha256,
                   (long long)(clock_wall_ns() / 1000000));
    e = path_of(staged, in, version, ".new", diag);
    if (e == ERR_NONE)
        e = path_of(final, in, version, "", diag);
    if (e == ERR_NONE)
        e = rules_pin_copy(folder, staged, &copied, diag);
    if (e == ERR_NONE && strcmp(copied.sha256, pin->sha256) != 0)
        e = FAIL(diag, ERR_SYNTAX, 0, "%.150s changed while it was read", folder);
    if (e == ERR_NONE)
        e = write_manifest(in, staged, pin, facts, diag);
    if (e == ERR_NONE && (rename(staged, final) != 0 || !sync_path(in->versions)))
        e = FAIL(diag, ERR_SYS, 0, "can't make %.150s: %s", final, strerror(errno));
    if (e == ERR_NONE)
        e = swap(in, version, diag);
    if (e != ERR_NONE) {
        (void)nftw(staged, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return e;
    }
    (void)snprintf(in->previous, sizeof(in->previous), "%s", in->current);
    (void)snprintf(in->current, sizeof(in->current), "%s", version);
    in->pin = *pin;
    sweep(in, in->previous);
    return ERR_NONE;
}

CHECKED enum err rules_install_back(struct rules_install *in, struct diag *diag)
{
    char path[PATH_MAX];

    if (!in->current[0])
        return FAIL(diag, ERR_NOENT, 0, "nothing is installed at %.150s", in->into);
    enum err e = take_lock(in, diag);
    if (e == ERR_NONE)
        e = path_of(path, in, in->previous, "/" MANIFEST, diag);
    if (e == ERR_NONE && (!in->previous[0] || access(path, R_OK) != 0))
        e = FAIL(diag, ERR_NOENT, 0, "no version before the current one is kept");
    if (e == ERR_NONE)
        e = swap(in, in->previous, diag);
    if (e != ERR_NONE)
        return e;
    (void)snprintf(in->current, sizeof(in->current), "%s", in->previous);
    in->previous[0] = 0;
    in->pin = (struct rules_pin){.files = 0};
    read_manifest(in);
    return ERR_NONE;
}
