#include "serve/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CHECKED enum err pem_read(const char *option, struct pem *ret, struct diag *diag)
{
    struct pem p = {0};

    if (!option[0]) {
        *ret = p;
        return ERR_NONE;
    }
    if (strncmp(option, "file:", 5) != 0)
        return FAIL(diag, ERR_SYNTAX, 0, "write file:PATH, not the certificate or key itself");
    int fd = open(option + 5, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(diag, ERR_SYS, 0, "cannot read %s: %s", option + 5, strerror(errno));
    p.text = calloc(1, PEM_BYTES_MAX + 1);
    ssize_t n = p.text ? read(fd, p.text, PEM_BYTES_MAX) : -1;
    (void)close(fd);
    if (n <= 0) {
        pem_done(&p);
        return FAIL(diag, ERR_SYS, 0, "cannot read %s", option + 5);
    }
    *ret = p;
    return ERR_NONE;
}

void pem_done(struct pem *p)
{
    if (p->text)
        explicit_bzero(p->text, PEM_BYTES_MAX);
    free(p->text);
    p->text = NULL;
}
