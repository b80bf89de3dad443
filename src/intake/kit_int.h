/* intake/kit_int.h - what the tests of this room share: a data folder, the real journal, the whole
 * intake on ephemeral loopback ports, and the records that came of it.
 */
#ifndef INTAKE_KIT_INT_H
#define INTAKE_KIT_INT_H

#include "core/test.h"

#include "intake/intake.h"
#include "core/record.h"

enum { KIT_RECORDS_MAX = 200000 };

struct kit_record {
    struct record r; /* payload and name owned by `text` */
    char *text;
};

struct kit {
    char dir[64]; /* the data folder, kept over kit_stop */
    struct config *cfg;
    struct journal *journal;
    struct intake *in;
    uint16_t udp, tcp, http;
    struct kit_record *got; /* KIT_RECORDS_MAX, in the journal's order */
    size_t got_n;
};

void kit_new(struct kit *k); /* makes the folder, default options with token_required off */
void kit_set(struct kit *k, const char *key, const char *value);
void kit_start(struct kit *k);
void kit_stop(struct kit *k);
void kit_done(struct kit *k); /* stops, removes the folder */

/* Reads the whole journal again. */
void kit_read(struct kit *k);
/* Until at least n records are there, or fails after some seconds. */
void kit_wait(struct kit *k, size_t n);
bool kit_has(const struct kit *k, const char *payload);

/* The status as text; free it. */
char *kit_status(struct kit *k);
/* Until the status contains the text, or fails. */
void kit_wait_status(struct kit *k, const char *text);

int kit_connect(uint16_t port);
void kit_send(int fd, const void *p, size_t n);
void kit_write_file(struct kit *k, const char *name, const char *text, bool append);
/* All of DIR/quarantine/intake. Free it. */
char *kit_quarantine(struct kit *k);

/* POST to path with extra headers (NULL-terminated). The answer's body goes to `body`. 0 = broken
 * off, or nobody there. */
int kit_post(struct kit *k, const char *path, struct slice bytes, const char *const *headers,
             char *body, size_t cap);

#endif
