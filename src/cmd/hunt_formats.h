/* cmd/hunt_formats.h - what a format does for a hunt: tell, cut, and take records apart. */
#ifndef CMD_HUNT_FORMATS_H
#define CMD_HUNT_FORMATS_H

#include "cmd/hunt_int.h"

/* The reader's state of one file. */
struct hunt_cut {
    struct hunt_layout *layout; /* a reference of the reader, or NULL */
    struct json_split split;
    struct slice broken;  /* set by cut: why the front record is no good; empty: fine */
    uint64_t broken_line; /* 0: the batch's first */
    bool drop;            /* set by cut: what it cut is a header or no good, not records */
};

struct hunt_format {
    const char *name, *summary;
    /* The first bytes of the text, up to 64 KiB. */
    bool (*looks)(struct slice head, const char *path);
    /* How many bytes of `have` are whole records that may go into one batch; may fill the batch's
     * spans. 0: none is whole yet. `last`: there is no more; `full`: no more fits, something must
     * be given up. */
    size_t (*cut)(struct hunt_cut *c, struct hunt_batch *b, struct slice have, bool last,
                  bool full);
    /* Every record of the batch to hunt_feed or hunt_feed_pairs. */
    void (*work)(struct hunt_worker *w, struct hunt_batch *b);
};

const struct hunt_format *hunt_format_of(struct slice head, const char *path);

struct hunt_layout *hunt_layout_new(void);
struct hunt_layout *hunt_layout_ref(struct hunt_layout *l);
void hunt_layout_unref(struct hunt_layout *l);

#endif
