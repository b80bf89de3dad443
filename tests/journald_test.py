"""A real journald of this machine's systemd, run by hand in a mount namespace of its own: its journal is followed, over
rotation, vacuuming, kill -9 of intake and of journald, and down time; every entry is found once, with its fields.
"""
import collections
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from centre import Centre, skip, wait_for

JOURNALD = "/lib/systemd/systemd-journald"
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else int.from_bytes(os.urandom(4), "little")
CONF = """[Journal]
Storage=persistent
ReadKMsg=no
Audit=
ForwardToSyslog=no
ForwardToWall=no
RateLimitIntervalSec=0
"""


def private():
    """Once more in a mount namespace, where /run and /var/log/journal are ours."""
    if not os.path.exists(JOURNALD) or not shutil.which("journalctl"):
        skip("systemd's journald is not installed")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("a mount namespace needs root and unshare")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        skip("no mount namespace can be made here")
    if not os.path.exists("/etc/machine-id") or os.path.getsize("/etc/machine-id") < 32:
        skip("this machine has no /etc/machine-id")
    os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(__file__), str(SEED), "inside"])


def mount(*args):
    subprocess.run(["mount", *args], check=True)


def arrange(work):
    mount("--make-rprivate", "/")
    os.makedirs("/var/log/journal", exist_ok=True)
    for folder in ("/run", "/var/log/journal"):
        mount("-t", "tmpfs", "journald-test", folder)
    os.makedirs("/run/systemd/journal")
    with open(f"{work}/journald.conf", "w", encoding="utf-8") as f:
        f.write(CONF)
    if not os.path.exists("/etc/systemd/journald.conf"):
        skip("no /etc/systemd/journald.conf to cover")
    mount("--bind", f"{work}/journald.conf", "/etc/systemd/journald.conf")


class Journald:
    def __init__(self, work):
        self.log = open(f"{work}/journald.log", "ab")
        self.start()

    def start(self):
        self.p = subprocess.Popen([JOURNALD], stdout=self.log, stderr=self.log, env={**os.environ, "SYSTEMD_LOG_TARGET": "console"})

        def answers():
            assert self.p.poll() is None, f"journald ended with {self.p.returncode}"
            return subprocess.run(["journalctl", "--flush"], capture_output=True, timeout=20).returncode == 0
        wait_for("journald answers", 20, answers)

    def kill(self):
        self.p.kill()
        self.p.wait(10)

    def stop(self):
        self.p.terminate()
        self.p.wait(20)


def send(**fields):
    """One entry by journald's native protocol; binary-safe form for values with line feeds. Retries while it is down."""
    body = b""
    for k, v in fields.items():
        v = v if isinstance(v, bytes) else str(v).encode()
        body += k.encode() + (b"\n" + len(v).to_bytes(8, "little") if b"\n" in v else b"=") + v + b"\n"
    for _ in range(400):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            try:
                s.sendto(body, "/run/systemd/journal/socket")
                return
            except OSError:
                time.sleep(0.05)
    raise AssertionError("journald takes no entry")


def journalctl(*args):
    return subprocess.run(["journalctl", "--quiet", *args], check=True, capture_output=True, timeout=60).stdout


def in_journal():
    """What the journal holds is the truth: journald itself may lose what it had not written when it was killed."""
    out = journalctl("-o", "json", "SYSLOG_IDENTIFIER=journald-test")
    return {json.loads(line)["MESSAGE"] for line in out.splitlines() if b'"number ' in line}


def stored(c):
    return collections.Counter(e["message"] for e in c.events('"number" and log.syslog.appname:journald-test'))


class Writer(threading.Thread):
    def __init__(self, first):
        super().__init__(daemon=True)
        self.n, self.stop_asked, self.error = first, False, None

    def run(self):
        try:
            while not self.stop_asked:
                send(MESSAGE=f"number {self.n}", PRIORITY=5, SYSLOG_IDENTIFIER="journald-test")
                self.n += 1
                time.sleep(0.003)
        except Exception as e:
            self.error = e


def fields(c):
    send(MESSAGE="Failed password for root from 203.0.113.77 port 22 ssh2", PRIORITY=6, SYSLOG_IDENTIFIER="sshd", SYSLOG_PID=4711)
    send(MESSAGE=b"first line marker-lines\nsecond line", PRIORITY=3, SYSLOG_IDENTIFIER="journald-lines", CODE_FILE="m.c")
    subprocess.run(["systemd-cat", "-t", "journald-cat", "-p", "warning", "echo", "marker-cat by stdout"], check=True)
    wait_for("an sshd entry with its fields", 30, lambda: c.count("source.ip:203.0.113.77 and user.name:root and event.outcome:failure") == 1)
    wait_for("an entry of two lines", 20, lambda: c.count('"marker-lines"') == 1)
    (e,) = c.events('"marker-lines"')
    assert e["message"] == "first line marker-lines\nsecond line" and e["log"]["syslog"]["appname"] == "journald-lines", e
    wait_for("a line of a service's output", 20, lambda: c.count('"marker-cat" and log.syslog.appname:journald-cat') == 1)


def same(c, want, what):
    wait_for(f"{len(want)} entries ({what})", 60, lambda: len(stored(c)) >= len(want), every=0.5)
    time.sleep(1)
    got = stored(c)
    missing, double = want - set(got), [k for k, v in got.items() if v > 1]
    assert not missing, f"{what}: {len(missing)} of {len(want)} entries are lost, first {sorted(missing)[:5]} (seed {SEED})"
    assert not double, f"{what}: {len(double)} entries are stored twice, first {double[:5]} (seed {SEED})"


def kills(c, journald, rnd):
    """Rotations, and kills of intake and of journald, while entries come."""
    w = Writer(0)
    w.start()
    for i in range(8):
        time.sleep(rnd.uniform(0.2, 0.8))
        if i in (2, 5):
            journald.kill()
            journald.start()
        elif i % 2 == 0:
            journalctl("--rotate")
        else:
            os.kill(c.pid_of("intake"), signal.SIGKILL)
            c.wait_ready()
    w.stop_asked = True
    w.join(30)
    assert w.error is None, w.error
    journalctl("--sync")
    want = in_journal()
    assert len(want) > w.n // 2, f"the journal holds {len(want)} of {w.n}"
    same(c, want, "rotations and kills")
    return w.n, want


def down(c, first, want):
    """Written and rotated while all of us is down; then also with what was read vacuumed away."""
    for vacuum in (False, True):
        assert c.stop() == 0
        journalctl("--rotate")
        if vacuum:
            journalctl("--vacuum-files=1")
            journalctl("--rotate", "--vacuum-time=1s")
            left = in_journal()
            assert not left, f"{len(left)} entries were not vacuumed away, so that this proves nothing"
        for i in range(first, first + 300):
            send(MESSAGE=f"number {i}", PRIORITY=5, SYSLOG_IDENTIFIER="journald-test")
            if i % 100 == 50:
                journalctl("--rotate")
        journalctl("--sync")
        want |= {f"number {i}" for i in range(first, first + 300)}
        first += 300
        c.start()
        same(c, want, "down time, what was read is vacuumed away" if vacuum else "down time with rotations")
    return want


def main():
    print(f"seed {SEED}", flush=True)
    work = tempfile.mkdtemp(prefix="coloa-journald-")
    arrange(work)
    journald = Journald(work)
    try:
        send(MESSAGE="number -1", SYSLOG_IDENTIFIER="journald-test")
        with Centre(sets=["intake.journald=true"]) as c:
            c.start()
            fields(c)
            first, want = kills(c, journald, random.Random(SEED))
            want = down(c, first, want)
            assert c.stop() == 0
            print(f"ok: {len(want)} entries of a real journal once each")
    finally:
        journald.stop()
        shutil.rmtree(work, ignore_errors=True)


if sys.argv[2:] == ["inside"]:
    main()
else:
    private()
