"""A running centre for tests: starts build/coloa in a folder of its own on free ports, talks to it as users do.

COLOA_BUILD_ROOT names the build folder. Nothing here reaches into the program: only its command line,
its doors and what it writes to run/.
"""
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

BUILD = os.environ.get("COLOA_BUILD_ROOT", os.path.join(os.path.dirname(__file__), "..", "build"))
PROGRAM = os.path.join(BUILD, "coloa")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def wait_for(what, seconds, probe, every=0.05):
    """The first true answer of probe(), or a failure that says what was waited for."""
    end = time.monotonic() + seconds
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


class Centre:
    def __init__(self, data=None, sets=(), env=None, extra=()):
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix="coloa-test-")
        # what a test makes is often for its own user alone; own_users_test asks for the others
        self.sets, self.env, self.extra = ["serve.users=one", *sets], dict(env or {}), list(extra)
        self.process = None
        self.log_path = os.path.join(self.data, "..", os.path.basename(self.data) + ".log")

    def start(self, wait=True, seconds=60):
        args = [PROGRAM, "serve", "--data", self.data, "--listen-web", "127.0.0.1:0", "--listen-ingest", "127.0.0.1:0",
                "--listen-syslog", "127.0.0.1:0", *self.extra]
        for s in self.sets:
            args += ["--set", s]
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(args, stdout=self.log, stderr=self.log, env={**os.environ, "COLOA_SEAL": "strict",
                                                # the leak checker traces the process at its end, which the seal forbids
                                                "ASAN_OPTIONS": "detect_leaks=0", **self.env})
        if wait:
            self.wait_ready(seconds)
        return self

    def status(self):
        try:
            with open(os.path.join(self.data, "run", "status.json"), encoding="utf-8") as f:
                s = json.load(f)
        except (OSError, ValueError):
            return {}
        return s if s.get("parent_pid") == (self.process.pid if self.process else None) else {}

    def wait_ready(self, seconds=60):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"coloa serve ended with {self.process.returncode}:\n{self.tail()}")
            return self.status().get("ready")
        wait_for("all roles serving", seconds, ready)

    def pid_of(self, role):
        if role == "parent":
            return self.process.pid
        for r in self.status().get("roles", []):
            if r["name"] == role:
                return r["pid"]
        return 0

    def port(self, door):
        return int(self.status()[door].rsplit(":", 1)[1])

    def tail(self, n=3000):
        with open(self.log_path, "rb") as f:
            return f.read()[-n:].decode("utf-8", "replace")

    def stop(self, seconds=8):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(seconds)
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def close(self):
        self.kill()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
            os.path.exists(self.log_path) and os.unlink(self.log_path)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(f"--- log of {self.data}\n{self.tail(6000)}\n---", file=sys.stderr)
        self.close()

    # ---- the command line ----
    def run(self, *args, check=True, timeout=120):
        p = subprocess.run([PROGRAM, *args, "--data", self.data], capture_output=True, timeout=timeout)
        if check and p.returncode != 0:
            raise AssertionError(f"coloa {' '.join(args)}: {p.returncode}\n{p.stderr.decode('utf-8', 'replace')}")
        return p

    def count(self, query, frm="-10y"):
        frm = "1971-01-01" if frm == "-10y" else frm
        p = self.run("search", "--from", frm, "--to", "2200-01-01", "--count", query, check=False)
        return json.loads(p.stdout)["count"] if p.returncode == 0 else -1

    def events(self, query, limit=1000000, frm="1971-01-01"):
        p = self.run("search", "--from", frm, "--to", "2200-01-01", "--output", "jsonl", "--limit", str(limit), query, timeout=900)
        return [json.loads(line) for line in p.stdout.splitlines()]

    def alerts(self):
        p = self.run("alerts", "list", "--output", "jsonl", "--limit", "100000")
        return [json.loads(line) for line in p.stdout.splitlines()]

    def token(self, org="2", role="machine"):
        return self.run("admin", "token", "--role", role, "--org", org).stdout.decode().split()[-1]

    # ---- the doors ----
    def api(self, method, path, body=None, token=None):
        """One call of the API, with a token through the web door, else as the local administrator through the desk's socket;
        the answer's JSON, or a failure with the problem."""
        c = http.client.HTTPConnection("127.0.0.1", self.port("web"), timeout=30)
        if not token:
            c.sock = socket.socket(socket.AF_UNIX)
            c.sock.connect(os.path.join(self.data, "run", "desk.sock"))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        c.request(method, path, None if body is None else json.dumps(body), headers)
        r = c.getresponse()
        text = r.read()
        c.close()
        if r.status >= 300:
            raise AssertionError(f"{method} {path}: {r.status} {text[:500]!r}")
        return json.loads(text) if text and r.headers.get("Content-Type", "").endswith("json") else text

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port('web')}/metrics", timeout=10) as r:
            rows = r.read().decode().splitlines()
        for row in rows:
            if row.startswith((name + " ", name + "_total ", name + "{")):
                return float(row.rsplit(" ", 1)[1])
        return 0.0

    def ingest(self, lines, token, key=None, timeout=30):
        """POST /ingest; (status, answer). Raises OSError when there was no answer."""
        c = http.client.HTTPConnection("127.0.0.1", self.port("ingest"), timeout=timeout)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            c.request("POST", "/ingest", b"".join(x + b"\n" for x in lines), headers)
            r = c.getresponse()
            body = r.read()
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            c.close()
        try:
            return r.status, json.loads(body)
        except ValueError:
            return r.status, {}

    def syslog_tcp(self, lines):
        with socket.create_connection(("127.0.0.1", self.port("syslog")), 5) as s:
            s.sendall(b"".join(x + b"\n" for x in lines))

    def syslog_udp(self, lines):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for x in lines:
                s.sendto(x, ("127.0.0.1", self.port("syslog")))
