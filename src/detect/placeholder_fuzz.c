#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "detect/detect.h"

static const char rules[] =
    "title: R\nid: r\nlevel: low\nlogsource: {product: linux}\ndetection:\n"
    "  s: {a|expand: ['%a%', 'x%b%y\\%a%*'], b|re|expand: '%a%', c|cidr|expand: '%c%'}\n"
    "  condition: s\n";

static void put(int fd, const void *p, size_t n)
{
    if (ftruncate(fd, 0) != 0 || pwrite(fd, p, n, 0) != (ssize_t)n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The lists are the input, the rule that asks for them is always the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int lists = -1, file = -1;
    static char lists_path[64], file_path[64];
    const char *const paths[] = {file_path};
    struct ruleset_options options = {.placeholders = lists_path};
    struct ruleset *rs = NULL;

    if (lists < 0) {
        lists = memfd_create("lists", MFD_CLOEXEC);
        file = memfd_create("rules", MFD_CLOEXEC);
        if (lists < 0 || file < 0)
            abort();
        (void)snprintf(lists_path, sizeof(lists_path), "/proc/self/fd/%d", lists);
        (void)snprintf(file_path, sizeof(file_path), "/proc/self/fd/%d", file);
        put(file, rules, sizeof(rules) - 1);
    }
    put(lists, data, size);
    if (ruleset_load_with(paths, 1, &options, &rs, NULL) == ERR_NONE) {
        const struct rule_report *r = ruleset_report(rs);
        if (r->loaded != 1 && r->issues_n == 0)
            abort(); /* skipped in silence */
    }
    ruleset_unref(rs);
    return 0;
}
