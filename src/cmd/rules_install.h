/* cmd/rules_install.h - folders of rules of which one is current, changed in one step.
 *
 *   PARENT/NAME                      a link to the current folder; what `rules.dirs` names
 *   PARENT/.NAME.versions/VERSION/   whole folders, never written again; .coloa-rules.json in each
 *
 * The link is replaced by rename(2): whoever opens PARENT/NAME has the old or the new folder,
 * whole, also when the machine stops in the middle. The manifest names the version before, for
 * going back; versions that are neither current nor before are removed by the next installation.
 * One at a time (flock). Failures leave what was.
 */
#ifndef CMD_RULES_INSTALL_H
#define CMD_RULES_INSTALL_H

#include "cmd/rules_pin.h"
#include "core/json.h"

enum { RULES_INSTALL_PATH_MAX = 4096, RULES_INSTALL_NAME_MAX = 64 };

struct rules_install {
    char into[RULES_INSTALL_PATH_MAX];     /* PARENT/NAME */
    char versions[RULES_INSTALL_PATH_MAX]; /* PARENT/.NAME.versions */
    char name[256];
    char current[RULES_INSTALL_NAME_MAX]; /* version; "" = none yet */
    struct rules_pin pin;                 /* of the current one, as its manifest says */
    char previous[RULES_INSTALL_NAME_MAX];
    int lock; /* -1: not held */
};

/* What is installed at `into`. Fails when something stands there that this did not make. */
CHECKED enum err rules_install_open(const char *into, struct rules_install *ret, struct diag *diag);
void rules_install_close(struct rules_install *in);

struct rules_install_facts {
    const char *source;
    size_t rules, loaded;
};
/* Copies the folder and makes it current. ERR_SYNTAX when its content is no longer `pin`. */
CHECKED enum err rules_install_put(struct rules_install *in, const char *folder,
                                   const struct rules_pin *pin,
                                   const struct rules_install_facts *facts, struct diag *diag);
/* Makes the version before current. ERR_NOENT: there is none. */
CHECKED enum err rules_install_back(struct rules_install *in, struct diag *diag);

#endif
