/* Lines of hostile frames: taking them never fails, and taking them again makes nothing new. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "desk/findings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FRAMES_MAX = 50 };

static struct desk *desk;
static char dir[] = "/dev/shm/coloa-fuzz-XXXXXX";

static void check(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_dir(void)
{
    desk_close(desk);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_once(void)
{
    struct desk_options opt = {.data_dir = dir};

    if (desk)
        return;
    check(mkdtemp(dir) != NULL, "no folder");
    check(desk_open(&opt, &desk, NULL) == ERR_NONE, "no desk");
    check(atexit(remove_dir) == 0, "no memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice in = {(const char *)data, n}, frames[FRAMES_MAX];
    struct findings_result first, second;
    struct diag diag = {.text = ""};
    size_t count = 0;

    open_once();
    while (in.n && count < FRAMES_MAX) {
        size_t end = slice_find(in, '\n');
        frames[count++] = slice_cut(in, 0, end);
        in = slice_cut(in, end < in.n ? end + 1 : end, in.n);
    }
    /* One transaction that is given up: no input leaves anything for the next. */
    check(desk_begin(desk, &diag) == ERR_NONE, "begin");
    enum err e =
        findings_apply(desk, SLICE("f"), frames, count, (struct jpos){1, 1}, &first, &diag);
    check(e == ERR_NONE, diag.text);
    e = findings_apply(desk, SLICE("f"), frames, count, (struct jpos){1, 1}, &second, &diag);
    check(e == ERR_NONE, diag.text);
    check(second.findings == 0 && second.alerts == 0, "a replay made something");
    check(first.findings + first.repeated == second.repeated, "a replay lost something");
    e = desk_end(desk, ERR_BUSY, NULL);
    check(e == ERR_BUSY, "end");
    return 0;
}
