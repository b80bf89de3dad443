"""Started as root, each role runs under a user of its own that reads what is its own and nothing else; it survives kill -9 of each
and a change to one user for all and back."""
import json
import os
import pwd
import signal
import subprocess
import tempfile

from centre import BUILD, Centre, skip, wait_for

ROOT = os.environ.get("COLOA_SOURCE_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROLES = ("store", "intake", "watch", "desk")
# Whose files others may not read (and, of the readable ones, not write).
PRIVATE = {"store": "store", "desk": "desk", "state": "watch"}
READABLE = {"journal": "intake", "snapshots": "desk", "findings": "watch", "quarantine/watch": "watch", "cursors/desk": "desk"}


def reachable(path):
    path = os.path.realpath(path)
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


def ids(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        rows = dict(row.split(":", 1) for row in f.read().splitlines() if ":" in row)
    return set(rows["Uid"].split()), set(rows["Gid"].split()), rows["Groups"].split(), int(rows["CapEff"], 16)


def as_role(role, *command):
    return subprocess.run(["setpriv", f"--reuid=coloa-{role}", "--regid=coloa", "--clear-groups", *command],
                          capture_output=True).returncode == 0


def check_ids(c):
    seen = {}
    for role in ROLES:
        uids, gids, _, caps = ids(c.pid_of(role))
        assert uids == {str(pwd.getpwnam(f"coloa-{role}").pw_uid)}, (role, uids)
        assert len(gids) == 1 and caps == 0, (role, gids, caps)
        seen[role] = uids.pop()
    assert len(set(seen.values())) == len(ROLES), seen


def check_folders(data):
    for folder, owner in {**PRIVATE, **READABLE}.items():
        path = os.path.join(data, folder)
        for role in (*ROLES, "lab", "demo"):
            may = role == owner
            assert as_role(role, "ls", path) == (may or folder in READABLE), (role, "lists", folder)
            assert as_role(role, "touch", os.path.join(path, "probe")) == may, (role, "writes", folder)
        os.unlink(os.path.join(path, "probe"))
    db = os.path.join(data, "desk", "desk.db")
    assert as_role("desk", "test", "-r", db) and not as_role("watch", "test", "-r", db)
    assert not as_role("watch", "rm", "-f", os.path.join(data, "run", "status.json"))
    assert subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "ls", data + "/run"],
                          capture_output=True).returncode != 0


def send(c, token, first, n):
    lines = [json.dumps({"message": "own users", "n": i}).encode() for i in range(first, first + n)]
    status, answer = wait_for("an answer", 20, lambda: again(lambda: c.ingest(lines, token)))
    assert status == 200 and answer["accepted"] == n, answer


def again(call):
    try:
        return call()
    except OSError:
        return None


def main():
    if os.geteuid() != 0:
        skip("needs root")
    if not reachable(BUILD) or not reachable(os.environ.get("COLOA_SHARE", ROOT) + "/rules"):
        skip(f"other users cannot reach {BUILD}")
    subprocess.run([os.path.join(ROOT, "tools", "setup"), "users"], check=True)
    log = tempfile.mkdtemp(prefix="coloa-own-")
    os.chmod(log, 0o755)
    followed = os.path.join(log, "auth.log")
    with open(followed, "w") as f:
        f.write("Nov 25 10:00:00 web1 sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2\n")
    subprocess.run(["chown", "root:adm", followed], check=True)
    os.chmod(followed, 0o640)
    own = ["serve.users=own", f"intake.files={followed}", "demo=on"]
    with Centre(sets=own) as c:
        c.start()
        check_ids(c)
        token = c.token()
        send(c, token, 0, 100)
        wait_for("the records", 30, lambda: c.count('"own users"') == 100, every=0.5)
        wait_for("the followed file", 30, lambda: c.count("host.name:web1 event.original:*192.0.2.1*") >= 1 or c.count("192.0.2.1") >= 1, every=0.5)
        wait_for("alerts of the demo", 60, lambda: len(c.alerts()) > 0, every=0.5)
        players = [p for p in os.listdir("/proc") if p.isdigit() and comm(p) == "coloa-demo" and parent(p) == c.process.pid]
        assert players and ids(players[0])[0] == {str(pwd.getpwnam("coloa-demo").pw_uid)}
        check_folders(c.data)
        p = subprocess.run([os.path.join(BUILD, "coloa"), "decode", followed], capture_output=True)
        assert p.returncode == 0 and b"192.0.2.1" in p.stdout, p.stderr

        for n, role in enumerate(ROLES):
            before = c.pid_of(role)
            os.kill(before, signal.SIGKILL)
            wait_for(f"{role} again", 30, lambda r=role, b=before: c.pid_of(r) not in (0, b) and c.status().get("ready"))
            send(c, token, 100 * (n + 1), 100)
        check_ids(c)
        wait_for("all of them", 60, lambda: c.count('"own users"') == 500, every=0.5)
        assert c.stop() == 0

        closed = tempfile.mkdtemp(prefix="coloa-closed-")  # nobody else goes through it
        for users, word in (("own", f"go through the folder {closed}"), ("perhaps", "auto, own or one")):
            p = subprocess.run([os.path.join(BUILD, "coloa"), "serve", "--data", f"{closed}/data", "--set", f"serve.users={users}"],
                               capture_output=True, timeout=30)
            assert p.returncode == 3 and word in p.stderr.decode(), p.stderr
        subprocess.run(["rm", "-r", closed], check=True)

        # one user for all, and back: the same rows, and more
        for turn, users in enumerate(("one", "own")):
            c.sets[1:] = [f"serve.users={users}"]
            c.start()
            send(c, token, 500 + 100 * turn, 100)
            wait_for(f"rows as {users}", 60, lambda t=turn: c.count('"own users"') == 600 + 100 * t, every=0.5)
            assert c.stop() == 0
    subprocess.run(["rm", "-r", log], check=True)


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return ""


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return int(f.read().rsplit(") ", 1)[1].split()[1])
    except OSError:
        return 0


main()
