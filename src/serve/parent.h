/* serve/parent.h - the keeper: `coloa serve`.
 *
 * Reads the configuration, opens the listening sockets, starts the roles and restarts them with
 * back-off, passes their messages on, and stops them in the order of the data's way. It parses
 * nothing from outside but its own configuration file.
 *
 * Signals: SIGTERM, SIGINT stop in order (5 s at most, then SIGKILL); SIGHUP reloads coloa.yaml and
 * the rules; a rejected reload changes nothing.
 */
#ifndef SERVE_PARENT_H
#define SERVE_PARENT_H

#include "core/config.h"

struct parent_options {
    const char *data_dir;
    const char *config_file; /* NULL = DATA/coloa.yaml, made with safe defaults if missing */
    size_t sets_n;
    const char *const *sets; /* "key=value", the last word over the file */
};

/* Returns the exit code of `coloa serve`: 0 after an orderly stop, 3 when it could not start. */
int parent_main(const struct parent_options *o);

#endif
