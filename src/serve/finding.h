/* serve/finding.h - a match as the findings journal carries it: one JSON object a frame.
 * See docs/formats/findings.md. */
#ifndef SERVE_FINDING_H
#define SERVE_FINDING_H

#include "core/jsonw.h"
#include "detect/correlate.h"

/* Appends the frame's JSON to out. The id is the first half of SHA-256 over the rule's id, the
 * group of a correlation and the ids of the causing events: the same match always has the same id.
 */
CHECKED enum err finding_encode(const struct finding *f, struct buf *out);

#endif
