/* A cursor file's bytes → load, save, load: what was saved is what is loaded, whatever was there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SLOT_APART = 4096, SLOT = 64 };
    char path[64];
    struct jpos pos = {0, 0}, want = {5, 500};
    size_t first = size < SLOT ? size : SLOT;
    int fd = memfd_create("cursor", MFD_CLOEXEC);

    /* The second slot lies far behind the first: the input holds both without the gap. */
    if (fd < 0 || pwrite(fd, data, first, 0) != (ssize_t)first ||
        (size > first &&
         pwrite(fd, data + first, size - first, SLOT_APART) != (ssize_t)(size - first)))
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    enum err e = jcursor_load(path, &pos, NULL);
    if (e != ERR_NONE && e != ERR_CORRUPT && e != ERR_VERSION)
        abort();
    enum err saved = jcursor_save(path, want, NULL);
    if (saved != (e == ERR_VERSION ? ERR_VERSION : ERR_NONE))
        abort();
    if (saved == ERR_NONE && (jcursor_load(path, &pos, NULL) != ERR_NONE || jpos_cmp(pos, want)))
        abort();
    (void)close(fd);
    return 0;
}
