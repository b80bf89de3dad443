/* cmd/hunt_input.h - one input as a stream of UTF-8 or binary bytes, whatever it is packed in.
 *
 * Layers are told by their first bytes: gzip or zstd (once), then UTF-16 with a byte order mark to
 * UTF-8; a UTF-8 mark is left off. Constant memory. What inflates beyond HUNT_BOMB_BYTES at more
 * than HUNT_BOMB_RATIO to one is a bomb and is left.
 */
#ifndef CMD_HUNT_INPUT_H
#define CMD_HUNT_INPUT_H

#include <stdatomic.h>

#include "core/err.h"
#include "core/slice.h"

#define HUNT_BOMB_BYTES (UINT64_C(2) << 30)
enum { HUNT_BOMB_RATIO = 300 };

/* Where the packed bytes come from: 0 at the end, negative on failure with *diag filled. */
typedef ptrdiff_t hunt_pull_fn(void *arg, char *to, size_t cap, struct diag *diag);

struct hunt_input;
void hunt_input_free(struct hunt_input *in);
/* `counter` (may be NULL) gets the packed bytes. */
struct hunt_input *hunt_input_new(hunt_pull_fn *pull, void *arg, atomic_ullong *counter);
/* The first bytes, packed: to see whether it is an archive. */
CHECKED enum err hunt_input_peek(struct hunt_input *in, struct slice *ret, struct diag *diag);
/* Fills `to` up to cap bytes, fewer only at the end. Bytes before damage are given first: then
 * *ret_n > 0 and the error comes with the next call. */
CHECKED enum err hunt_input_read(struct hunt_input *in, char *to, size_t cap, size_t *ret_n,
                                 struct diag *diag);
/* "gzip", "zstd, UTF-16 ..." or "". */
const char *hunt_input_layers(const struct hunt_input *in);

#endif
