"""Correlations in the stream: kill -9 of watch in the middle of brute force under load, again right after the alert (so that
it is found once more from the checkpoint), a reload and an orderly restart in between: each address has exactly one finding.

usage: correlation_test.py [ADDRESSES] [SEED]
"""
import os
import random
import signal
import sys
import tempfile
import threading
import time

from centre import Centre, wait_for

ADDRESSES = int(sys.argv[1]) if len(sys.argv) > 1 else 6
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "little")
FAILURES = 40
RULES = """
title: Test failure
id: 10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab001
name: test_failure
level: low
logsource: {product: linux, service: sshd}
detection:
  s: {event.action: ssh_login, event.outcome: failure}
  condition: s
---
title: Test success
id: 10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab002
name: test_success
level: low
logsource: {product: linux, service: sshd}
detection:
  s: {event.action: ssh_login, event.outcome: success}
  condition: s
---
title: Test brute force
id: 10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab003
name: test_brute_force
level: high
correlation:
  type: event_count
  rules: [test_failure]
  group-by: [source.ip]
  timespan: 10m
  condition: {gte: 40}
  generate: false
---
title: Test spraying
id: 10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab004
level: high
correlation:
  type: value_count
  rules: [test_failure]
  group-by: [source.ip]
  timespan: 10m
  condition: {field: user.name, gte: 40}
---
title: Test success behind it
id: 10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab005
level: critical
correlation:
  type: temporal_ordered
  rules: [test_failure, test_success]
  group-by: [source.ip]
  timespan: 10m
"""
IDS = [f"10f1b7a2-92b1-4f8e-8a45-0d1f6a5ab00{i}" for i in (3, 4, 5)]


class Load(threading.Thread):
    """Records that no rule is about, for the journal to be busy."""

    def __init__(self, c, token):
        super().__init__(daemon=True)
        self.c, self.token, self.sent, self.stop_asked = c, token, 0, False

    def run(self):
        while not self.stop_asked:
            try:
                if self.c.ingest([b'{"message":"load %d"}' % i for i in range(200)], self.token)[0] == 200:
                    self.sent += 200
            except (OSError, KeyError, ValueError):
                pass
            time.sleep(0.02)


def line(word, user, ip):
    return (b'{"message":"%s password for %s from %s port 22 ssh2","log":{"syslog":{"appname":"sshd"}},'
            b'"host":{"name":"corr-host"}}' % (word.encode(), user.encode(), ip.encode()))


def send(c, token, lines, key):
    def sent():
        try:
            return c.ingest(lines, token, key)[0] == 200
        except (OSError, KeyError, ValueError):
            return False
    wait_for("the batch is taken", 60, sent)


def found(c):
    """(rule, address) -> how many findings."""
    got = {}
    for a in c.alerts():
        if a["rule_id"] in IDS:
            key = (a["rule_id"], str(a["entities"].get("source.ip")))
            got[key] = got.get(key, 0) + a["count"]
    return got


def kill_watch(c):
    pid = c.pid_of("watch")
    if pid:
        os.kill(pid, signal.SIGKILL)
        wait_for("watch runs again", 60, lambda: c.pid_of("watch") not in (0, pid))


def attack(c, token, rnd, n, ip):
    """Failures one after the other; watch is killed in the middle and, every other time, once it has been told."""
    at = sorted(rnd.sample(range(1, FAILURES), 2))
    for i in range(FAILURES):
        send(c, token, [line("Failed", f"u{i}", ip)], f"corr-{SEED}-{n}-{i}")
        if i in at:
            time.sleep(rnd.uniform(0, 0.2))
            kill_watch(c)
    wait_for(f"the alert about {ip}", 30, lambda: found(c).get((IDS[0], ip)), every=0.2)
    if n % 2:
        kill_watch(c)
    if n == 2:
        os.kill(c.process.pid, signal.SIGHUP)
    if n == 3:
        assert c.stop() == 0
        c.start()
    send(c, token, [line("Accepted", "u1", ip)], f"corr-{SEED}-{n}-ok")


def main():
    print(f"seed {SEED}", flush=True)
    rnd = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="coloa-rules-") as rules:
        with open(f"{rules}/test.yml", "w", encoding="utf-8") as f:
            f.write(RULES)
        with Centre(sets=[f"rules.dirs={rules}", "rules.shipped=false"]) as c:
            c.start()
            token = c.token()
            load = Load(c, token)
            load.start()
            wait_for("load", 30, lambda: load.sent > 0)
            ips = [f"203.0.113.{10 + n}" for n in range(ADDRESSES)]
            for n, ip in enumerate(ips):
                attack(c, token, rnd, n, ip)
                print(f"  {ip} done, {load.sent} records beside it", flush=True)
            want = {(r, ip): 1 for r in IDS for ip in ips}
            wait_for("all alerts", 60, lambda: found(c).keys() >= want.keys(), every=0.5)
            time.sleep(8)  # a checkpoint later, a double would be there
            kill_watch(c)
            c.wait_ready()
            time.sleep(2)
            got = found(c)
            assert got == want, f"exactly one each is wanted: {({k: v for k, v in got.items() if want.get(k) != v}, want.keys() - got.keys())}"
            assert not [a for a in c.alerts() if a["rule_id"].endswith(("001", "002"))], "base rules made alerts of their own"
            assert c.metric("coloa_correlate_limited") == 0
            load.stop_asked = True
            assert c.stop() == 0
            assert os.path.getsize(f"{c.data}/state/correlate") > 100
            print(f"ok: {len(want)} findings once each, {load.sent} records beside them")


main()
