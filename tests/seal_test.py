"""Every thread of every role is under the seal, and a followed file that comes later is still read through the fence."""
import os
import tempfile

from centre import Centre, wait_for

logs = tempfile.mkdtemp(prefix="coloa-seal-logs-")
late = os.path.join(logs, "late.log")
try:
    with Centre(sets=[f"intake.files={logs}/*.log"]) as c:
        c.start()
        bare, seen = [], 0
        for role in ("store", "intake", "watch", "desk"):
            tasks = f"/proc/{c.pid_of(role)}/task"
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/status", encoding="utf-8") as f:
                    rows = dict(row.split(":", 1) for row in f.read().splitlines() if ":" in row)
                seen += 1
                if rows["Seccomp"].strip() != "2" or rows["NoNewPrivs"].strip() != "1":
                    bare.append((role, rows["Name"].strip()))
        assert seen > 4 and not bare, f"threads without a seal: {bare}"
        for n in range(2):  # made after the fence, then rotated
            with open(late, "w", encoding="utf-8") as f:
                f.write(f"sealed-line-{n}\n")
            wait_for(f"line {n} of a file made after the start", 30, lambda: c.count(f"sealed-line-{n}") == 1)
            os.rename(late, f"{late}.{n}")
        assert c.stop() == 0
    print(f"ok: {seen} threads of 4 roles sealed, a file made later and rotated is read")
finally:
    for name in os.listdir(logs):
        os.unlink(os.path.join(logs, name))
    os.rmdir(logs)
