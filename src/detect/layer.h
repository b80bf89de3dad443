/* detect/layer.h - which techniques of ATT&CK rules are about, as a layer of the Navigator
 * (https://github.com/mitre-attack/attack-navigator, layer format 4.5).
 *
 * A technique is one that a rule's tags name (attack.t1110, attack.t1110.003); its score is the
 * number of rules that can match and name it. A technique stands under every tactic that has it,
 * since tags do not say which tactic belongs to which technique; the tactics of its rules' tags are
 * its metadata, as written (old defense-evasion, new stealth and defense-impairment).
 */
#ifndef DETECT_LAYER_H
#define DETECT_LAYER_H

#include "core/buf.h"
#include "detect/detect.h"

/* One JSON object. Order: by technique. */
CHECKED enum err layer_put(const struct ruleset *rs, struct buf *out);

#endif
