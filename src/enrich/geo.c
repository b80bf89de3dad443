#include "enrich/geo_int.h"

#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "core/ip.h"

struct geo {
    MMDB_s db;
    bool open;
};

void geo_close(struct geo *g)
{
    if (!g)
        return;
    if (g->open)
        MMDB_close(&g->db);
    free(g);
}

CHECKED enum err geo_open(const char *path, struct geo **ret, struct diag *diag)
{
    struct geo *g = calloc(1, sizeof(*g));

    if (!g)
        return FAIL(diag, ERR_NOMEM, 0, "no memory for the geography");
    int rc = MMDB_open(path, MMDB_MODE_MMAP, &g->db);
    if (rc != MMDB_SUCCESS) {
        int sys = errno;
        /* Mapping an empty file is EINVAL: the file's fault, not the system's. */
        bool system = (rc == MMDB_IO_ERROR || rc == MMDB_FILE_OPEN_ERROR) && sys && sys != EINVAL;
        enum err e = !system ? ERR_CORRUPT : sys == ENOENT ? ERR_NOENT : ERR_SYS;
        diag_set(diag, e, 0, "%s: %s", path, system ? strerror(sys) : MMDB_strerror(rc));
        if (diag)
            diag->sys = system ? sys : 0;
        free(g);
        return e;
    }
    g->open = true;
    *ret = g;
    return ERR_NONE;
}

static struct slice text_of(MMDB_entry_s *entry, const char *const *path)
{
    MMDB_entry_data_s data;

    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return SLICE("");
    return (struct slice){data.utf8_string, data.data_size};
}

bool geo_find(const struct geo *g, const uint8_t ip[static 16], struct geo_answer *ret)
{
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const number[] = {"autonomous_system_number", NULL};
    static const char *const name[] = {"autonomous_system_organization", NULL};
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa = {0};
    MMDB_entry_data_s data;
    int rc;

    if (ip_is_v4(ip)) {
        sa.v4.sin_family = AF_INET;
        memcpy(&sa.v4.sin_addr, ip + 12, 4);
    } else {
        sa.v6.sin6_family = AF_INET6;
        memcpy(&sa.v6.sin6_addr, ip, 16);
    }
    MMDB_lookup_result_s hit = MMDB_lookup_sockaddr(&g->db, &sa.any, &rc);
    if (rc != MMDB_SUCCESS || !hit.found_entry)
        return false;
    *ret = (struct geo_answer){.country = text_of(&hit.entry, country),
                               .as_name = text_of(&hit.entry, name)};
    if (MMDB_aget_value(&hit.entry, &data, number) == MMDB_SUCCESS && data.has_data &&
        data.type == MMDB_DATA_TYPE_UINT32)
        ret->as_number = data.uint32;
    return true;
}
