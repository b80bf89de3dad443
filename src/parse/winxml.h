/* parse/winxml.h - Windows events as XML: wevtutil's and PowerShell's output, Event Viewer's "save
 * as XML", a list with or without a root.
 *
 * An own small reader of what such exports hold: elements, attributes, text, CDATA, comments,
 * processing instructions, the five named and the numbered entities. There are no other entities,
 * no DTD and no outside references: a hostile file can only be wrong. Namespaces' prefixes are left
 * off.
 *
 * Names are flat, as Windows events come from most senders: Channel, EventID, Computer,
 * Provider_Name, EventRecordID, TimeCreated ...; <Data Name="X"> and elements of UserData under
 * their own names; nameless <Data> as a list "Data"; rendered texts as "message" and Rendered*.
 */
#ifndef PARSE_WINXML_H
#define PARSE_WINXML_H

#include "core/arena.h"
#include "parse/pairs.h"

enum { WINXML_DEPTH_MAX = 32, WINXML_EVENT_BYTES_MAX = 4 << 20 };

/* Whether the text begins as such an export does. */
bool winxml_looks(struct slice head);

/* The first whole <Event>...</Event> at or behind `from`: *ret is it. false: there is none. An
 * event that another one begins inside of is cut off: *ret_broken, and *ret is what there is of it.
 */
bool winxml_next(struct slice text, size_t from, struct slice *ret, bool *ret_broken);

/* Where the last whole event ends, 0 when there is none. */
size_t winxml_cut(struct slice text);

/* Values are borrowed from `event` or live in the arena. ERR_SYNTAX with the place. */
CHECKED enum err winxml_pairs(struct slice event, struct arena *a, struct pairs *ret,
                              struct diag *diag);

#endif
