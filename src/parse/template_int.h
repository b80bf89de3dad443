/* parse/template_int.h - messages of daemons as rows: a text with holes, and what it means.
 *
 * In a text, "%X" is a hole named by one letter and everything else stands for itself:
 *   %u %e  user.name, user.effective.name: any bytes, as many as possible
 *   %i     source address, a word            %h  source.domain, a word
 *   %p     source.port, digits               %m  ssh.method, a word
 *   %d     digits, not kept                  %x  a word, not kept
 *   %l     url.path, any bytes
 *   %r     event.reason, any bytes           %c  process.command_line, any bytes
 *   %*     any bytes, not kept
 * A word holds no blank. Holes take as much as they can and give back, so that a name chosen by
 * an attacker ("root from 10.0.0.1 port 1") cannot move the address: the last fit wins.
 * The whole message must be used. Work per message is bounded; past the bound nothing matches.
 */
#ifndef PARSE_TEMPLATE_INT_H
#define PARSE_TEMPLATE_INT_H

#include "parse/put_int.h"

enum { TEMPLATE_HOLES_MAX = 8 };

struct template_hole {
    char letter;
    struct slice value;
};

struct template_row {
    const char *text;
    const char *action;   /* event.action */
    const char *category; /* words, "" none */
    const char *type;
    const char *outcome; /* "success", "failure" or "" */
};

/* ret_holes has room for TEMPLATE_HOLES_MAX; returns whether it matched. */
CHECKED bool template_match(const char *text, struct slice s, struct template_hole *ret_holes,
                            size_t *ret_n);

/* The first row that matches s fills ev; false when none does. */
bool template_apply(const struct template_row *rows, size_t n, struct slice s, struct event *ev);

#endif
