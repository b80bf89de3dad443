"""Starting, stopping and what a person is told when something is wrong: one clear message that says what to do."""
import os
import socket
import subprocess
import tempfile
import time

from centre import PROGRAM, Centre, wait_for


def refused(args, *words, env=None):
    p = subprocess.run([PROGRAM, *args], capture_output=True, timeout=30, env={**os.environ, **(env or {})})
    text = p.stderr.decode()
    assert p.returncode in (2, 3), (args, p.returncode, text)
    for w in words:
        assert w in text, f"{args}: {w!r} is not in: {text}"


def mistakes():
    with tempfile.TemporaryDirectory() as d:
        refused(["serve", "--dta", d], "unknown option", "--dta")
        refused(["serve", "--data", d, "--set", "intake.filez=x"], "intake.files")
        refused(["serve", "--data", d, "--set", "journal.commit_ms=999999"], "journal.commit_ms")
        with open(f"{d}/bad.yaml", "w", encoding="utf-8") as f:
            f.write("listen:\n  webb: 127.0.0.1:1\n")
        refused(["serve", "--data", d, "--config", f"{d}/bad.yaml"], "listen.web")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            refused(["serve", "--data", d, "--listen-web", f"127.0.0.1:{port}"], str(port))
        refused(["serve", "--data", d, "--listen-web", "0.0.0.0:0"], "tls.certificate", "behind_proxy")
        refused(["nonsense"], "unknown command")
        with open(f"{d}/rule.yml", "w", encoding="utf-8") as f:
            f.write("title: x\nlogsource:\n  product: linux\ndetection:\n  a:\n    f|bogus: x\n  condition: a\n")
        p = subprocess.run([PROGRAM, "rules", "check", f"{d}/rule.yml"], capture_output=True)
        assert p.returncode == 1 and b"rule.yml" in p.stdout and b"bogus" in p.stdout, p
        os.makedirs(f"{d}/new")
        with open(f"{d}/new/FORMAT", "w", encoding="utf-8") as f:
            f.write("999\n")
        refused(["serve", "--data", f"{d}/new"], "newer")


def missing_library():
    with Centre(sets=["store.library=/nowhere/libchdb.so"]) as c:
        c.start(wait=False)
        wait_for("the message about the library", 20, lambda: "libchdb.so" in c.tail() and "/nowhere" in c.tail())
        c.stop()


def damaged_database():
    with Centre() as c:
        c.start()
        assert c.stop() == 0
        for name in os.listdir(f"{c.data}/desk"):
            path = f"{c.data}/desk/{name}"
            if os.path.isfile(path) and os.path.getsize(path) > 4096:
                with open(path, "r+b") as f:
                    f.write(b"this is not a database, it was overwritten" * 100)
        c.start(wait=False)
        wait_for("the message about the database", 20, lambda: "damaged" in c.tail() or "corrupt" in c.tail())
        c.stop()


def times():
    with Centre() as c:
        begun = time.monotonic()
        c.start()
        first = time.monotonic() - begun
        token = c.token()
        for i in range(20):
            c.ingest([b'{"message":"stop","stop":{"n":"s%d"}}' % (i * 100 + k) for k in range(100)], token, f"s{i}")
        begun = time.monotonic()
        assert c.stop() == 0
        stopped = time.monotonic() - begun
        begun = time.monotonic()
        c.start()
        second = time.monotonic() - begun
        wait_for("2000 events after the stop", 30, lambda: c.count("stop.n:s*") == 2000)
        second_centre = subprocess.run([PROGRAM, "serve", "--data", c.data], capture_output=True, timeout=30)
        assert second_centre.returncode == 3 and b"in use" in second_centre.stderr, second_centre
        assert c.stop() == 0
        print(f"first start {first:.2f} s, stop {stopped:.2f} s, second start {second:.2f} s")
        slow = 4 if "asan" in PROGRAM or "tsan" in PROGRAM else 1
        assert stopped < 5 and first < 3 * slow and second < 3 * slow, (first, stopped, second)


mistakes()
missing_library()
damaged_database()
times()
print("ok")
