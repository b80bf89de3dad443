/* parse/put_int.h - how parsers fill an event.
 *
 * None of these fail: what no longer fits sets event.overflow, and the rest stays in the record's
 * payload, which is stored too. Slices are borrowed for as long as the event lives. Empty slices
 * are not set, except by put_add (a sender's empty value is a value).
 */
#ifndef PARSE_PUT_INT_H
#define PARSE_PUT_INT_H

#include "parse/parse.h"

void put_text(struct event *ev, enum field f, struct slice s);
void put_int(struct event *ev, enum field f, int64_t v);
void put_push(struct event *ev, enum field f, struct slice s);
/* Only when the field is not set yet. */
void put_default(struct event *ev, enum field f, struct slice s);

/* The name under which a sender's field is kept: names that only this system may give (coloa.*,
 * event.id and the other base fields) become "sent.NAME", so that no sender can pretend to be it.
 */
struct slice put_name(struct event *ev, struct slice name);

/* A field under the sender's own name, by put_name. */
void put_add(struct event *ev, struct slice name, struct value v);
void put_add_text(struct event *ev, const char *name, struct slice s);

/* Both halves joined in the arena; empty when that is full. */
struct slice put_join(struct event *ev, struct slice a, struct slice b);

/* An address goes to `ip`; anything else to `domain`. IPv4 mapped into IPv6 is written as IPv4,
 * brackets are taken off. */
void put_address(struct event *ev, enum field ip, enum field domain, struct slice s);

/* event.module and event.dataset, unless the sender named its own. */
void put_module(struct event *ev, struct slice module, struct slice dataset);

/* Words divided by blanks, each pushed; f is event.category or event.type. */
void put_words(struct event *ev, enum field f, const char *words);

/* The time that the sender claims, clamped by the limits of ctx: beyond them the event keeps the
 * time it had (an outer header's or receive time), is marked, and the claim is kept as
 * coloa.claimed_time. */
void put_time(const struct parse_ctx *ctx, struct event *ev, int64_t ns, struct slice as_sent);

/* Hands the text after a header to the content parsers; `json` says whether those that use the
 * JSON reader may be asked (not when the caller stands inside its tree). A content parser that
 * fails leaves its reason in coloa.reason, the event stays what the header made it. */
void put_content(struct parse_ctx *ctx, struct event *ev, struct slice msg, bool json);

#endif
