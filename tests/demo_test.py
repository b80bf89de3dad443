"""`make run`'s promise: the first alert within a minute of the start, from the demo city's traffic, in its own organisation."""
import time

from centre import Centre, wait_for


def main():
    with Centre(sets=["demo=on"]) as c:
        begun = time.monotonic()
        c.start()
        wait_for("the first alert", 60, lambda: c.alerts(), every=0.5)
        first = time.monotonic() - begun
        wait_for("alerts of several rules", 90, lambda: len({a["rule_id"] for a in c.alerts()}) >= 5, every=1)
        orgs = {a["org_name"] for a in c.alerts()}
        assert len(orgs) == 1 and "demo" in orgs.pop(), orgs
        wait_for("events of the city", 60, lambda: c.count("*") > 50, every=0.5)
        text = c.tail(100000)
        for word in ("Console", "http://localhost:", "First login", "logger", "rsyslog", "curl"):
            assert word in text, f"{word} was not printed"
        c.run("admin", "demo", "remove")
        wait_for("the demo's alerts are gone", 20, lambda: not c.alerts())
        assert c.count("coloa.source:demo") == 0 and c.count("host.name:cong-dvc") == 0
        assert c.stop() == 0
        print(f"ok: first alert {first:.1f} s after start")


main()
