"""kill -9 of each role at random moments under load: every acknowledged record is stored exactly once and every
expected alert's findings are there exactly once. A client whose batch was not answered retries it under the same
idempotency key.

Three kinds of moments are aimed (aim.py) and proven while the role stands still: the store inside of the engine's part,
watch between the insert and its cursor, watch in the middle of new rules. Each must be hit.

usage: kill_test.py [MOMENTS] [SEED]
"""
import collections
import os
import random
import signal
import sys
import tempfile
import threading
import time

import aim
from centre import Centre, wait_for

MOMENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "little")
ROLES = ["store", "watch", "intake", "desk", "parent"]
AIMED = ["part", "gap", "reload"]
BATCH, AIM_SECONDS, LEAST_HITS = 200, 30, 2
RULE = """title: Numbered root failures, version %d
id: 5b0c3f5e-5f0e-4a53-9f0e-0c7a1d1b7a11
status: test
logsource: {product: linux, service: sshd}
detection:
  selection: {user.name: root, source.ip: 203.0.113.5}
  condition: selection
level: low
"""


class Sender(threading.Thread):
    """Numbered records in batches; a batch without an answer is sent again under its key until it has one."""

    def __init__(self, centre, token):
        super().__init__(daemon=True)
        self.c, self.token, self.n, self.acked, self.stop_asked = centre, token, 0, 0, False
        self.repeats = 0
        self.error = None

    def line(self, i):
        if i % 100 == 7:  # an sshd line that a shipped rule must find
            return (b'{"message":"Failed password for root from 203.0.113.5 port 22 ssh2","log":{"syslog":{"appname":"sshd"}},'
                    b'"kill":{"n":"k%d"},"host":{"name":"kill-host"}}' % i)
        return b'{"message":"numbered record","kill":{"n":"k%d"},"host":{"name":"kill-host"}}' % i

    def run(self):
        try:
            while not self.stop_asked:
                lines = [self.line(i) for i in range(self.n, self.n + BATCH)]
                key = f"kill-{SEED}-{self.n}"
                while True:
                    try:
                        status, answer = self.c.ingest(lines, self.token, key, timeout=10)
                    except (OSError, KeyError, ValueError):
                        status, answer = 0, {}
                    if status == 200:
                        assert answer["accepted"] == BATCH and answer["quarantined"] == 0, answer
                        break
                    assert status in (0, 409, 429, 503), (status, answer)
                    self.repeats += 1
                    time.sleep(0.05)
                self.n += BATCH
                self.acked = self.n
                time.sleep(0.002 if MOMENTS <= 50 else 0.05)  # every record is read back at the end
        except Exception as e:  # reported by the main thread
            self.error = e


def check(c, sender):
    """All numbers once. Read in pages by prefix so that no answer is large."""
    total = sender.acked

    def arrived():
        return c.count("kill.n:k*") >= total
    wait_for(f"{total} records stored", 90, arrived, every=0.5)
    time.sleep(1.5)  # a duplicate would still be on its way
    seen = collections.Counter(e["kill"]["n"] for e in c.events("kill.n:k*", limit=total + 100000))
    missing = [f"k{i}" for i in range(total) if f"k{i}" not in seen]
    double = [k for k, v in seen.items() if v > 1]
    assert not missing, f"{len(missing)} of {total} acknowledged records are lost, first {missing[:5]}"
    assert not double, f"{len(double)} records are stored twice, first {double[:5]}"


def check_alerts(c, sender):
    want = sum(1 for i in range(sender.acked) if i % 100 == 7)

    got = {}

    def enough():
        rows = [a for a in c.alerts() if "kill-host" in str(a["entities"])]
        got.clear()
        for a in rows:
            got[a["rule_id"]] = got.get(a["rule_id"], 0) + a["count"]
        return got and max(got.values()) >= want
    wait_for(f"{want} findings", 60, enough, every=0.5)
    time.sleep(1)
    enough()
    assert "5b0c3f5e-5f0e-4a53-9f0e-0c7a1d1b7a11" in got, f"the rule that was reloaded found nothing: {got}"
    assert all(v == want for v in got.values()), f"each rule must have found {want} records once: {got}"
    return len(got)


def write_rule(folder, version):
    """The same rule under another title, and a folder that takes a while to read."""
    for i in range(20):
        path = os.path.join(folder, f"r{i:02}.yml")
        text = RULE % version if i == 0 else (RULE % version).replace("203.0.113.5", "192.0.2.77").replace("7a11", f"7b{i:02}")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)


def aimed_kill(c, kind, rules, version):
    if kind == "part":
        return aim.part(c, AIM_SECONDS)
    if kind == "gap":
        return aim.gap(c, AIM_SECONDS)
    return aim.reload(c, rules, lambda: write_rule(rules, version), AIM_SECONDS)


def hit(c, kind, rules, version):
    """Aims until it hits. Returns (words of proof, misses)."""
    end, misses = time.monotonic() + 3 * AIM_SECONDS, 0
    while time.monotonic() < end:
        c.wait_ready()  # a role that is just starting has nothing to be hit in
        words, m = aimed_kill(c, kind, rules, version)
        misses += m
        if words:
            return words, misses
    raise AssertionError(f"no moment inside of '{kind}' was hit, {misses} missed (seed {SEED})")


def plain_kill(c, role, rnd):
    pid = c.pid_of(role)
    if role == "parent":
        c.process.send_signal(signal.SIGKILL)
        c.process.wait(10)
        c.start()
    elif pid:
        os.kill(pid, signal.SIGKILL)
    if rnd.random() < 0.3 and role != "parent":
        os.kill(c.process.pid, signal.SIGHUP)  # a reload in the middle of it


def moments(c, sender, rnd, rules):
    must = ROLES + AIMED * LEAST_HITS
    hits = collections.Counter()
    for m in range(MOMENTS):
        kind = must[m] if m < len(must) else rnd.choice(ROLES + AIMED)
        time.sleep(rnd.uniform(0.05, 0.8))
        words = ""
        if kind in AIMED:
            words, misses = hit(c, kind, rules, m + 1)
            words = f": {words}" + (f" ({misses} missed before)" if misses else "")
        else:
            plain_kill(c, kind, rnd)
        hits[kind] += 1
        print(f"  {m + 1:3} {kind:7} after {sender.acked} acknowledged{words}", flush=True)
        assert sender.error is None, sender.error
        if rnd.random() < 0.5:
            c.wait_ready()
    if MOMENTS >= len(must):
        assert all(hits[k] >= LEAST_HITS for k in AIMED), hits
    print("moments: " + ", ".join(f"{k} {hits[k]}" for k in ROLES + AIMED), flush=True)


def main():
    print(f"seed {SEED}, {MOMENTS} moments", flush=True)
    rnd = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="coloa-kill-rules-") as rules:
        write_rule(rules, 0)
        # small blocks and segments, so that commits, rotations and plans are hit often
        sets = ["watch.batch_ms=50", "watch.batch_rows=2000", "journal.segment_bytes=1048576", f"rules.dirs={rules}"]
        with Centre(sets=sets) as c:
            run(c, rnd, rules)


def run(c, rnd, rules):
    c.start()
    token = c.token()
    sender = Sender(c, token)
    sender.start()
    wait_for("first batch", 30, lambda: sender.acked > 0)
    moments(c, sender, rnd, rules)
    c.wait_ready()
    before = sender.acked
    wait_for("the flow goes on", 30, lambda: sender.acked > before)
    sender.stop_asked = True
    sender.join(60)
    assert sender.error is None, sender.error
    check(c, sender)
    n = check_alerts(c, sender)
    assert c.stop() == 0
    print(f"ok: {sender.acked} acknowledged records once each, findings of {n} rules once each, "
          f"{sender.repeats} repeats under their key")


main()
