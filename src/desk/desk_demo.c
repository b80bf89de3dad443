#include "desk/desk_demo.h"

#include "desk/desk_int.h"
#include "desk/org.h"
#include "desk/source.h"
#include "desk/system.h"

static const struct {
    const char *name, *owner;
    uint8_t level;
} systems[] = {
    {"Cổng dịch vụ công", "Văn phòng UBND", 4},
    {"Trục liên thông văn bản", "Sở Khoa học và Công nghệ", 3},
    {"Thư điện tử công vụ", "Sở Khoa học và Công nghệ", 3},
    {"Trang thông tin điện tử", "Trung tâm Báo chí", 2},
};

static const struct {
    const char *name, *input, *match;
    unsigned system; /* index into systems */
} sources[] = {
    {"cong-dvc-web", "syslog", "127.0.10.11", 0}, {"vpn-gw01", "syslog", "127.0.10.12", 1},
    {"mail01", "syslog", "127.0.10.13", 2},       {"fw01", "syslog", "127.0.10.14", 1},
    {"app01", "syslog", "127.0.10.15", 0},        {"demo", "http", "demo", 1},
};

static enum err make(struct desk *d, uint32_t *ret_org, struct diag *diag)
{
    const struct desk_actor *by = &DESK_ACTOR_SYSTEM;
    const struct org org = {.slug = SLICE("demo"),
                            .name = SLICE("Thành phố mẫu (demo)"),
                            .name_en = SLICE("Sample city (demo)")};
    uint32_t system_ids[ARRAY_LEN(systems)], id;

    enum err e = org_add(d, by, &org, ret_org, diag);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(systems); i++)
        e = system_add(d, by,
                       &(struct system){.org = *ret_org,
                                        .level = systems[i].level,
                                        .name = slice_of(systems[i].name),
                                        .owner = slice_of(systems[i].owner),
                                        .about = SLICE("")},
                       &system_ids[i], diag);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(sources); i++)
        e = source_add(d, by,
                       &(struct source){.org = *ret_org,
                                        .system = system_ids[sources[i].system],
                                        .status = SOURCE_REGISTERED,
                                        .name = slice_of(sources[i].name),
                                        .input = slice_of(sources[i].input),
                                        .match = slice_of(sources[i].match)},
                       &id, diag);
    return e;
}

CHECKED enum err desk_demo_ensure(struct desk *d, uint32_t *ret_org, struct diag *diag)
{
    uint32_t org = ORG_INVALID;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = org_find(d, SLICE("demo"), &org, NULL);
    if (e == ERR_NOENT)
        e = make(d, &org, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_org = org;
    return e;
}

CHECKED enum err desk_demo_remove(struct desk *d, const struct desk_actor *by, uint32_t *ret_org,
                                  struct diag *diag)
{
    static const char *const steps[] = {
        "DELETE FROM exceptions WHERE org = ?1", "DELETE FROM alerts WHERE org = ?1",
        "DELETE FROM tokens WHERE org = ?1",     "DELETE FROM users WHERE org = ?1",
        "DELETE FROM sources WHERE org = ?1",    "DELETE FROM systems WHERE org = ?1",
    };
    uint32_t org = ORG_INVALID;

    enum err e = desk_begin(d, diag);
    if (e != ERR_NONE)
        return e;
    e = org_find(d, SLICE("demo"), &org, diag);
    for (size_t i = 0; e == ERR_NONE && i < ARRAY_LEN(steps); i++)
        e = db_run(d->db, steps[i], DB_ARGS(db_i(org)), NULL, diag);
    if (e == ERR_NONE)
        e = desk_mark(d, PUBLISH_ACCESS, diag);
    if (e == ERR_NONE)
        e = org_remove(d, by, org, diag);
    e = desk_end(d, e, diag);
    if (e == ERR_NONE)
        *ret_org = org;
    return e;
}
