/* cmd/cmd.h - what the commands share: where the installation is, and talking to its desk.
 *
 * A command reaches a running centre through DATA/run/desk.sock (the caller is known by its user
 * id), or, with --url, over HTTP with the token in COLOA_TOKEN. Failures are printed; the functions
 * then return false and the command exits with EXIT_FAILED.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdio.h>

#include "core/buf.h"
#include "core/json.h"

/* $COLOA_DATA, else ./coloa-data. */
const char *cmd_data_dir(void);

struct cmd_target {
    const char *data; /* folder, or NULL */
    const char *url;  /* http(s)://HOST:PORT, or NULL */
};

/* One exchange. `path` begins with /api/. Body may be empty (p NULL); a JSON body is sent as such.
 * On 2xx *out holds the answer's body and true is returned; `status` (may be NULL) is the HTTP
 * status. Everything else is explained on stderr after "coloa COMMAND: ". */
bool cmd_call(const char *command, const struct cmd_target *t, const char *method, const char *path,
              struct slice body, const char *if_match, struct buf *out);
/* The same, then parsed. *ret lives in the reader. */
bool cmd_call_json(const char *command, const struct cmd_target *t, const char *method,
                   const char *path, struct slice body, struct json_reader *r,
                   const struct json_node **ret);

/* Percent-encodes into buf. */
CHECKED enum err cmd_url_put(struct buf *b, struct slice s);

/* One JSON value and a line feed on standard output. */
void cmd_print_json(const struct json_node *n);

/* Prints bytes from outside to a terminal: control characters as \xNN. */
void cmd_print_safe(FILE *to, struct slice s);

#endif
