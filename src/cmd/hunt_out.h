/* cmd/hunt_out.h - the ways in which a hunt's findings are written. A row in hunt_outputs.def each.
 */
#ifndef CMD_HUNT_OUT_H
#define CMD_HUNT_OUT_H

#include "cmd/hunt_int.h"

struct hunt_out {
    struct hunt *h;
    FILE *to;
    const struct hunt_output *how;
    struct buf line;
    bool colour;
    unsigned columns; /* of the terminal; 0: not one */
    void *state;      /* the output's own */
    bool failed;
};

struct hunt_output {
    const char *name, *summary;
    CHECKED bool (*begin)(struct hunt_out *o);
    void (*finding)(struct hunt_out *o, const struct hunt_found *f);
    void (*end)(struct hunt_out *o);
};

const struct hunt_output *hunt_output_find(const char *name);

/* Each field's distinct values: calls each(name, values, n) once a name, in order of appearance. */
void hunt_out_fields(const struct hunt_found *f,
                     void (*each)(void *arg, struct slice name, const struct slice *values,
                                  size_t n),
                     void *arg);
/* The finding as the contract's JSON object, appended. */
CHECKED enum err hunt_out_json(struct hunt_out *o, const struct hunt_found *f, struct buf *to);
/* The bytes to the output; a failure is remembered. */
void hunt_out_put(struct hunt_out *o, struct slice s);

#endif
