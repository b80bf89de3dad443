#include "cmd/hunt_zip.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "cmd/hunt_input.h"

struct hunt_zip {
    zip_t *zip; /* owned */
    zip_file_t *member;
    size_t n;
    uint64_t packed, unpacked; /* of the member */
};

void hunt_zip_free(struct hunt_zip *z)
{
    if (!z)
        return;
    if (z->member)
        (void)zip_fclose(z->member);
    zip_discard(z->zip);
    free(z);
}

CHECKED enum err hunt_zip_open(int fd, struct hunt_zip **ret, struct diag *diag)
{
    struct hunt_zip *z = calloc(1, sizeof(*z));
    int code = 0, own = dup(fd);

    if (!z || own < 0) {
        free(z);
        return FAIL(diag, ERR_NOMEM, 0, "out of memory or descriptors");
    }
    z->zip = zip_fdopen(own, 0, &code);
    if (!z->zip) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        diag_set(diag, ERR_SYNTAX, 0, "zip: %s", zip_error_strerror(&e));
        zip_error_fini(&e);
        (void)close(own);
        free(z);
        return ERR_SYNTAX;
    }
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    z->n = n < 0 ? 0 : (size_t)n;
    if (z->n > HUNT_ZIP_MEMBERS_MAX) {
        hunt_zip_free(z);
        return FAIL(diag, ERR_LIMIT, 0, "zip: more than %d members", HUNT_ZIP_MEMBERS_MAX);
    }
    *ret = z;
    return ERR_NONE;
}

size_t hunt_zip_n(const struct hunt_zip *z)
{
    return z->n;
}

const char *hunt_zip_name(struct hunt_zip *z, size_t i)
{
    const char *name = zip_get_name(z->zip, i, ZIP_FL_ENC_GUESS);
    size_t n = name ? strlen(name) : 0;

    return n == 0 || name[n - 1] == '/' ? NULL : name;
}

CHECKED enum err hunt_zip_begin(struct hunt_zip *z, size_t i, struct diag *diag)
{
    zip_stat_t st;

    if (z->member)
        (void)zip_fclose(z->member);
    z->member = zip_fopen_index(z->zip, i, 0);
    z->packed = z->unpacked = 0;
    if (!z->member)
        return FAIL(diag, ERR_SYNTAX, 0, "zip: %s", zip_strerror(z->zip));
    if (zip_stat_index(z->zip, i, 0, &st) == 0 && st.valid & ZIP_STAT_COMP_SIZE)
        z->packed = st.comp_size;
    return ERR_NONE;
}

ptrdiff_t hunt_zip_pull(void *arg, char *to, size_t cap, struct diag *diag)
{
    struct hunt_zip *z = arg;
    zip_int64_t n = zip_fread(z->member, to, cap);

    if (n < 0) {
        diag_set(diag, ERR_SYNTAX, (size_t)z->unpacked, "zip: %s",
                 zip_error_strerror(zip_file_get_error(z->member)));
        return -1;
    }
    z->unpacked += (uint64_t)n;
    if (z->unpacked > HUNT_BOMB_BYTES && z->unpacked / HUNT_BOMB_RATIO > z->packed) {
        diag_set(diag, ERR_LIMIT, (size_t)z->unpacked,
                 "zip: inflates more than %d times: left as a decompression bomb", HUNT_BOMB_RATIO);
        return -1;
    }
    return (ptrdiff_t)n;
}
