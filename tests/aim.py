"""Aimed kills: a role is stopped (SIGSTOP) when a folder shows that it is where it should be killed, looked at while nothing
of it can move, and only then killed. What was not inside goes on (SIGCONT) and the next chance is waited for.

No fault hook in the product: inotify and /proc alone.
"""
import ctypes
import glob
import json
import os
import select
import signal
import struct
import time

IN_OPEN, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE = 0x20, 0x40, 0x80, 0x100
LIBC = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """What happens in one folder, as (mask, cookie, name)."""

    def __init__(self, folder, mask):
        self.fd = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0 or LIBC.inotify_add_watch(self.fd, os.fsencode(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {folder}")

    def events(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            data, at = os.read(self.fd, 65536), 0
            while at < len(data):
                _, mask, cookie, n = struct.unpack_from("iIII", data, at)
                yield mask, cookie, data[at + 16:at + 16 + n].rstrip(b"\0").decode()
                at += 16 + n

    def close(self):
        os.close(self.fd)


def frozen(pid):
    """Stops all threads of pid; false when it is gone."""
    try:
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2000):
            states = [open(f, encoding="ascii").read().rsplit(")", 1)[1].split()[0] for f in glob.glob(f"/proc/{pid}/task/*/stat")]
            if states and all(s == "T" for s in states):
                return True
            if not states or "Z" in states:
                return False
            time.sleep(0.001)
        os.kill(pid, signal.SIGCONT)
    except OSError:
        pass
    return False


def let_go(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def table_of(c):
    return os.path.realpath(os.path.join(c.data, "store/engine/data/coloa/events"))


def cursor_of(path):
    """journal/jcursor.c: two slots; the position of the newer one."""
    slots = []
    with open(path, "rb") as f:
        data = f.read()
    for at in (0, 4096):
        if data[at:at + 8] == b"coloaCUR":
            slots.append(struct.unpack_from("<QQQ", data, at + 16))
    return max(slots)[1:] if slots else (0, 0)


def plan_of(path):
    """store/plan.h: (from, to, rows), or None."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        return None
    a, b, x, y, _, rows = struct.unpack_from("<QQQQII", data, 8)
    return (a, b), (x, y), rows


def aimed(pid_of, folder, mask, ready, inside, seconds):
    """Kills pid_of() at an event of which ready(event) is true, if inside(event, pid) says what proves it. (words, misses)"""
    w, misses = Watcher(folder, mask), 0
    try:
        for event in w.events(seconds):
            if not ready(event):
                continue
            pid = pid_of()
            if not pid or not frozen(pid):
                misses += 1
                continue
            words = inside(event, pid)
            let_go(pid, signal.SIGKILL if words else signal.SIGCONT)
            if words:
                return words, misses
            misses += 1
    finally:
        w.close()
    return None, misses


def part(c, seconds):
    """The store, while the engine writes or commits a part."""
    table = table_of(c)

    def inside(event, pid):
        path = os.path.join(table, event[2])
        return f"{event[2]} with {len(os.listdir(path))} files was not renamed" if os.path.isdir(path) else None
    return aimed(lambda: c.pid_of("store"), table, IN_CREATE, lambda e: e[2].startswith("tmp_insert_"), inside, seconds)


def gap(c, seconds):
    """Watch, when its rows are a part of the table and its cursor stands before them."""
    table, moving = table_of(c), {}

    def ready(event):
        if event[0] & IN_MOVED_FROM:
            moving[event[1]] = event[2]
            return False
        return moving.pop(event[1], "").startswith("tmp_insert_")

    def inside(event, pid):
        plan = plan_of(os.path.join(c.data, "state/plans/store.plan"))
        cursor = cursor_of(os.path.join(c.data, "cursors/watch/store"))
        try:
            with open(os.path.join(table, event[2], "count.txt"), encoding="ascii") as f:
                rows = int(f.read())
        except FileNotFoundError:  # merged meanwhile
            return None
        if not plan or rows != plan[2] or not cursor < plan[1]:
            return None
        return f"{rows} rows stored, plan to {plan[1][0]}:{plan[1][1]}, cursor at {cursor[0]}:{cursor[1]}"
    return aimed(lambda: c.pid_of("watch"), table, IN_MOVED_FROM | IN_MOVED_TO, ready, inside, seconds)


def reload(c, rules, write_rules, seconds):
    """Watch, while it reads new rules: it has opened one of `rules`, and has not published them."""
    published = os.path.join(c.data, "run/rules.json")

    def loaded_at():
        with open(published, encoding="utf-8") as f:
            return json.load(f)["loaded_at"]
    before, of = loaded_at(), c.pid_of("watch")
    write_rules()
    w = Watcher(rules, IN_OPEN)
    try:
        os.kill(c.process.pid, signal.SIGHUP)
        for _ in w.events(seconds):
            if c.pid_of("watch") != of or not frozen(of):
                break
            if loaded_at() == before:  # opened, and not done
                let_go(of, signal.SIGKILL)
                return f"rules of {before} in force, new ones half read", 0
            let_go(of, signal.SIGCONT)
    finally:
        w.close()
    return None, 1
