#include "web/web_int.h"

enum {
    VIEWER = 1 << USER_VIEWER,
    ANALYST = 1 << USER_ANALYST,
    LEAD = 1 << USER_LEAD,
    OFFICER = 1 << USER_OFFICER,
    MANAGER = 1 << USER_MANAGER,
    ENGINEER = 1 << USER_ENGINEER,
    ASSESSOR = 1 << USER_ASSESSOR,
    ADMIN = 1 << USER_ADMIN,
    MACHINE = 1 << USER_MACHINE,
    PEOPLE = VIEWER | ANALYST | LEAD | OFFICER | MANAGER | ENGINEER | ASSESSOR | ADMIN,
    EVERYBODY = PEOPLE | MACHINE,
};

static const struct {
    const char *word;
    unsigned roles;
} permissions[PERM_N] = {
    [PERM_PUBLIC] = {NULL, EVERYBODY},
    [PERM_SIGNED_IN] = {NULL, EVERYBODY},
#define PERMISSION(id, word, roles) [PERM_##id] = {word, roles},
#include "web/permissions.def"
#undef PERMISSION
};

const char *permission_word(enum web_permission p)
{
    return permissions[p].word;
}

bool permission_has(enum user_role role, enum web_permission p)
{
    return (permissions[p].roles >> role & 1U) != 0;
}
