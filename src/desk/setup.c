#include "desk/setup.h"

#include "desk/desk_int.h"
#include "desk/secret.h"
#include "desk/user.h"

/* 32 signs that nobody mixes up when reading them from a terminal: 24 of them are 120 bits. */
static void random_password(char to[static SETUP_PASSWORD_BYTES + 1])
{
    static const char signs[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char raw[SETUP_PASSWORD_BYTES];

    _Static_assert(sizeof(signs) == 33, "a power of two keeps it even");
    secret_random(raw, sizeof(raw));
    for (size_t i = 0; i < sizeof(raw); i++)
        to[i] = signs[raw[i] & 31];
    to[SETUP_PASSWORD_BYTES] = 0;
}

CHECKED enum err setup_first_admin(struct desk *d, bool *ret_created,
                                   char ret_password[static SETUP_PASSWORD_BYTES + 1],
                                   struct diag *diag)
{
    const struct user admin = {.login = SLICE("admin"),
                               .name = SLICE("Administrator"),
                               .role = USER_ADMIN,
                               .locale = SLICE("vi"),
                               .must_change = true};
    char password[SETUP_PASSWORD_BYTES + 1];
    int64_t users = 0;
    uint64_t id;

    desk_lock(d);
    enum err e = db_one(d->db, "SELECT COUNT(*) FROM users", DB_NONE, &users, diag);
    desk_unlock(d);
    if (e != ERR_NONE)
        return e;
    if (users) {
        *ret_created = false;
        return ERR_NONE;
    }
    random_password(password);
    e = user_add(d, &DESK_ACTOR_SYSTEM, &admin, slice_of(password), &id, diag);
    /* Another desk on the same database was quicker: its administrator is the first. */
    if (e != ERR_NONE && e != ERR_CONFLICT)
        return e;
    *ret_created = e == ERR_NONE;
    if (*ret_created)
        memcpy(ret_password, password, sizeof(password));
    return ERR_NONE;
}

CHECKED enum err setup_reset_password(struct desk *d, const struct desk_actor *by,
                                      struct slice login,
                                      char ret_password[static SETUP_PASSWORD_BYTES + 1],
                                      struct diag *diag)
{
    char password[SETUP_PASSWORD_BYTES + 1];
    struct arena a;
    struct user u;

    arena_init(&a, 64 << 10);
    random_password(password);
    enum err e = user_find(d, login, &a, &u, diag);
    if (e == ERR_NONE)
        e = user_password(d, by, u.id, slice_of(password), true, diag);
    arena_done(&a);
    if (e == ERR_NONE)
        memcpy(ret_password, password, sizeof(password));
    return e;
}
