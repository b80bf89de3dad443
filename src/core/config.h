/* core/config.h - the options of options.def with their values, as one immutable object.
 *
 * Built from defaults, then a YAML file, then `--set` pairs; an unknown key is an error that
 * names the nearest one. A role receives only the options whose row names it (config_encode_for).
 * Never changed after building: a reload builds a second one and swaps the pointer.
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

enum option {
#define OPTION(id, key, type, def, least, most, roles, reload, help) OPT_##id,
#include "core/options.def"
#undef OPTION
    OPT_N
};

enum option_type { OT_INT, OT_BOOL, OT_TEXT, OT_LIST };

/* bit numbers of role masks; order = order of starting */
enum role { ROLE_PARENT, ROLE_STORE, ROLE_INTAKE, ROLE_WATCH, ROLE_DESK, ROLE_LAB, ROLE_N };
enum {
    R_PARENT = 1 << ROLE_PARENT,
    R_STORE = 1 << ROLE_STORE,
    R_INTAKE = 1 << ROLE_INTAKE,
    R_WATCH = 1 << ROLE_WATCH,
    R_DESK = 1 << ROLE_DESK,
    R_LAB = 1 << ROLE_LAB,
};
const char *role_name(enum role r);

struct option_info {
    const char *key, *def, *help;
    enum option_type type;
    int64_t least, most;
    unsigned roles;
    bool reload;
};
const struct option_info *option_info(enum option o);
/* OPT_N if there is none; *ret_nearest (may be NULL) then receives the closest key. */
enum option option_find(struct slice key, const char **ret_nearest);

struct config;

void config_free(struct config *c);
FREED_BY(config_free) struct config *config_new(void); /* all defaults; NULL: no memory */

/* Builders; only before the object is shared. config_read_yaml takes nested keys
 * ("intake: {files: [..]}") and dotted ones. diag carries the place. */
CHECKED enum err config_set(struct config *c, struct slice key, struct slice value,
                            struct diag *diag);
CHECKED enum err config_read_yaml(struct config *c, struct slice yaml, struct diag *diag);

int64_t config_int(const struct config *c, enum option o);
bool config_bool(const struct config *c, enum option o);
const char *config_text(const struct config *c, enum option o); /* never NULL */
size_t config_list_n(const struct config *c, enum option o);
const char *config_list_at(const struct config *c, enum option o, size_t i);

/* One message for a role: only what its rows allow; the role decodes it into a new object. */
CHECKED enum err config_encode_for(const struct config *c, enum role r, struct buf *out);
CHECKED enum err config_decode(struct slice in, struct config **ret, struct diag *diag);

/* Whether going from a to b changes an option that only a restart applies; *ret names the first. */
bool config_needs_restart(const struct config *a, const struct config *b, enum option *ret);

#endif
