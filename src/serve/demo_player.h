/* serve/demo_player.h - plays a scenario file through the same doors as everybody's logs.
 *
 * A scenario is text, one row a line; `#` begins a comment:
 *
 *   every MIN MAX DOOR PEER LINE     again and again, MIN to MAX seconds apart
 *   at T DOOR PEER LINE              once, T seconds after the start; all of them again after
 * `loop` loop T                           the length of the scenario in seconds
 *
 * DOOR is udp, tcp (syslog, LF framing) or http (POST /ingest with the demo's token). PEER is the
 * loopback address that the sender appears under (udp, tcp), or `-`. In LINE:
 *
 *   {syslog} "Nov 25 08:00:00" in local time · {iso} RFC 3339 · {clf} access-log time ·
 *   {pick:a|b|c} one of them · {rand:5-90} a whole number
 */
#ifndef SERVE_DEMO_PLAYER_H
#define SERVE_DEMO_PLAYER_H

#include "core/buf.h"
#include "core/err.h"

enum { DEMO_ROWS_MAX = 2000, DEMO_LINE_MAX = 4096 };

enum demo_door { DEMO_UDP, DEMO_TCP, DEMO_HTTP };

struct demo_row {
    bool every;
    int64_t least_ns, most_ns; /* of every; of at: least_ns is the time */
    enum demo_door door;
    char peer[48];
    struct slice line; /* borrowed from the scenario's text */
};

struct demo_scenario {
    size_t n;
    int64_t loop_ns;
    struct demo_row rows[DEMO_ROWS_MAX];
};

/* diag->at is the line's number. text must outlive the scenario. */
CHECKED enum err demo_read(struct slice text, struct demo_scenario *ret, struct diag *diag);

/* The line with its braces filled in. `random` is the generator's state. */
CHECKED enum err demo_fill(struct slice line, int64_t now_ns, uint64_t *random, struct buf *out);

/* The whole main() of coloa-demo: --scenario DIR --token-file F --syslog ADDR --ingest ADDR. */
int demo_main(int argc, char **argv);

#endif
