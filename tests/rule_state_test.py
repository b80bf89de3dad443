"""What is seen of the rules themselves: an empty set and rules that don't load raise alarms, log sources that send are told,
and an exception silences a finding from the moment that it is made until it is ended."""
import datetime
import json
import os
import signal
import tempfile

from centre import Centre, wait_for

RULE = """title: Test %(name)s
id: test-%(name)s
status: test
level: high
logsource: {product: linux, service: sshd}
detection: {s: {message|contains: '%(name)s'}, condition: s}
"""
BAD = "title: Bad\nid: test-bad\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {a|nosuch: b}, condition: s}\n"


def line(word, user, n):
    return (f"<38>Nov 25 10:00:{n % 60:02d} web1 sshd[77]: Failed password for {user} from 192.0.2.{n % 250 + 1} port 2222 ssh2 "
            f"{word}").encode()


def main():
    with tempfile.TemporaryDirectory(prefix="coloa-rules-") as rules:
        centre(rules)


def centre(rules):
    with Centre(sets=["rules.shipped=false", f"rules.dirs={rules}"]) as c:
        c.start()
        found = lambda rule: [a for a in c.alerts() if a["rule_id"] == rule]
        wait_for("the alarm of the empty set", 30, lambda: found("coloa-rules-none"), every=0.5)

        for name, text in (("one.yml", RULE % {"name": "alphaword"}), ("bad.yml", BAD)):
            with open(os.path.join(rules, name), "w") as f:
                f.write(text)
        c.process.send_signal(signal.SIGHUP)
        wait_for("the alarm of the bad rule", 30, lambda: found("coloa-rules-failed"), every=0.5)
        assert found("coloa-rules-failed")[0]["level"] == "medium"

        state = lambda: json.load(open(os.path.join(c.data, "run", "logsources.json")))
        assert state()["blind"] == ["test-alphaword"], state()["blind"]
        c.syslog_tcp([line("alphaword", "binh", 1)])
        wait_for("an alert", 20, lambda: found("test-alphaword"), every=0.3)
        wait_for("the log source seen", 20, lambda: state()["blind"] == [], every=0.5)

        before = found("test-alphaword")[0]["count"]
        made = c.api("POST", "/api/v1/exceptions", {"rule_id": "test-alphaword", "field": "user.name", "value": "an*",
                                                    "reason": "a test", "ends": tomorrow()})
        assert made["in_force"], made
        wait_for("the exception at watch", 20, lambda: excepted(c), every=0.5)
        c.syslog_tcp([line("alphaword", "anh", 2), line("alphaword", "binh", 3)])
        wait_for("the other user's alert", 20, lambda: sum(a["count"] for a in found("test-alphaword")) > before, every=0.3)
        assert all("anh" not in json.dumps(a["entities"]) for a in found("test-alphaword"))

        c.api("DELETE", f"/api/v1/exceptions/{made['id']}")
        wait_for("alerts again", 30, lambda: c.syslog_tcp([line("alphaword", "anh", 4)]) or any(
            "anh" in json.dumps(a["entities"]) for a in found("test-alphaword")), every=1)
        assert c.stop() == 0


def tomorrow():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat(timespec="seconds").replace("+00:00", "Z")


def excepted(c):
    c.syslog_tcp([line("alphaword", "andy", 9)])
    return c.metric("coloa_detect_excepted") > 0


main()
