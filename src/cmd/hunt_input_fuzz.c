/* A file as the hunt opens it: layers off, and when it is a tar archive its members, each with its
 * own layers. What comes out is bounded by the ceiling of a bomb, which small inputs can't reach.
 */
#include <stdlib.h>

#include "cmd/hunt_tar.h"

enum { OUT_MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ptrdiff_t pull(void *arg, char *to, size_t cap, struct diag *diag)
{
    struct slice *left = arg;
    size_t n = left->n < cap ? left->n : cap;

    (void)diag;
    n = n > 1000 ? 1000 : n;
    if (n)
        memcpy(to, left->p, n);
    *left = slice_cut(*left, n, left->n);
    return (ptrdiff_t)n;
}

static void drain(struct hunt_input *in, size_t portion)
{
    char out[5000];
    size_t all = 0, n = 1;
    struct diag d = {0};

    while (n > 0 && all < OUT_MOST &&
           hunt_input_read(in, out, portion < sizeof(out) ? portion : sizeof(out), &n, &d) ==
               ERR_NONE)
        all += n;
}

static void members(struct hunt_input *in, struct slice head)
{
    static struct hunt_tar t;
    struct diag d = {0};

    t = (struct hunt_tar){.in = in, .head = head};
    for (int i = 0; i < 100 && hunt_tar_next(&t, &d) == ERR_NONE; i++) {
        struct hunt_input *member = hunt_input_new(hunt_tar_pull, &t, NULL);
        if (!member || strlen(t.name) >= sizeof(t.name))
            abort();
        drain(member, 5000);
        hunt_input_free(member);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice left = {(const char *)data, size};
    struct hunt_input *in = hunt_input_new(pull, &left, NULL);
    char head[2048];
    struct diag d = {0};
    size_t n = 0;

    if (!in)
        abort();
    if (hunt_input_read(in, head, sizeof(head), &n, &d) == ERR_NONE) {
        if (hunt_tar_looks((struct slice){head, n}))
            members(in, (struct slice){head, n});
        else
            drain(in, 4 + size % 700);
    }
    hunt_input_free(in);
    return 0;
}
