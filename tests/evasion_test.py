"""Hostile encodings never hide an event from a rule or from search, and one sender's clock disturbs nobody else."""
import time

from centre import Centre, wait_for

RULE = """title: Evasion marker
id: 7d0f2b0c-6d83-4a3e-9d4c-5a1f6a2b9e01
status: test
description: test rule
author: tests
logsource:
  category: application
detection:
  a:
    cmd|contains: 'đánh-cắp-DỮ-liệu'
  b:
    cmd|contains: 'marker'
  condition: a or (b and not c)
  c:
    cmd: never
level: high
"""

T = "đánh-cắp-dữ-liệu".encode()
CASES = {
    "plain": b'{"cmd":"run %s","case":"plain"}' % T,
    "upper": '{"cmd":"run ĐÁNH-CẮP-DỮ-LIỆU","case":"upper"}'.encode(),
    "escaped": b'{"cmd":"run \\u0111\\u00e1nh-c\\u1eafp-d\\u1eef-li\\u1ec7u","case":"escaped"}',
    "fullwidth": '{"cmd":"ｍａｒｋｅｒ","case":"fullwidth"}'.encode(),
    "badutf8": b'{"cmd":"\xff\xfe%s\xc3","case":"badutf8"}' % T,
    "nul": b'{"cmd":"a\\u0000%s\\u0000b","case":"nul"}' % T,
    "surrogate": b'{"cmd":"\\ud800%s","case":"surrogate"}' % T,
    "hugenumber": b'{"cmd":"%s","n":1e999999,"m":123456789012345678901234567890,"case":"hugenumber"}' % T,
    "duplicate": b'{"cmd":"harmless","cmd":"%s","case":"duplicate"}' % T,
    "duplicate2": b'{"cmd":"%s","cmd":"harmless","case":"duplicate2"}' % T,
    "rawcontrol": b'{"cmd":"x\t\x01%s","case":"rawcontrol"}' % T,
    "deep": b'{"a":' * 20 + b'{"x":1}' + b'}' * 20,
}


def main():
    import os
    import tempfile
    rules = tempfile.mkdtemp(prefix="coloa-rules-")
    with open(f"{rules}/evasion.yml", "w", encoding="utf-8") as f:
        f.write(RULE)
    with Centre(sets=[f"rules.dirs={rules}"]) as c:
        c.start()
        token = c.token()
        status, answer = c.ingest(list(CASES.values()), token)
        assert status == 200 and answer["accepted"] + answer["quarantined"] == len(CASES), (status, answer)
        assert answer["quarantined"] == 0, answer
        names = [k for k in CASES if k != "deep"]
        for name in names:
            wait_for(f"search finds {name}", 20, lambda n=name: c.count(f"case:{n}") == 1)
        for name in names:
            if name != "fullwidth":
                assert c.count(f'case:{name} and cmd:*đánh-cắp-dữ-liệu*') == 1, name
        assert c.count("case:fullwidth and cmd:marker") == 1

        def found():
            return sum(a["count"] for a in c.alerts() if a["rule_id"].startswith("7d0f2b0c")) == len(names)
        wait_for("the rule finds every encoding", 30, found, every=0.5)

        # free text folds marks: "dang nhap that bai" finds the accented line, in syslog with bad bytes too
        c.syslog_tcp(["<13>Nov 25 08:00:00 may-chu app: Đăng nhập thất bại".encode() + b" \xff\xfe"])
        wait_for("folded free text", 20, lambda: c.count('"dang nhap that bai"') == 1)

        # a clock a century off, both ways: the event is there, at its receive time, and today's others are undisturbed
        c.ingest([b'{"@timestamp":"1926-11-25T08:00:00Z","case":"past"}', b'{"@timestamp":"2126-11-25T08:00:00Z","case":"future"}',
                  b'{"case":"today"}'], token)
        for name in ("past", "future", "today"):
            wait_for(f"clock {name}", 20, lambda n=name: c.count(f"case:{n}") == 1)
            (e,) = c.events(f"case:{name}", frm="-5m")
            assert abs(time.time() - time.mktime(time.strptime(e["event"]["ingested"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 600
        assert c.stop() == 0
    os.unlink(f"{rules}/evasion.yml")
    os.rmdir(rules)
    print(f"ok: {len(names)} encodings found by rule and by search")


main()
