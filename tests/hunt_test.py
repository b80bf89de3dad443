"""`coloa hunt` on files of every format: one attack, the same finding; damage beside it; any number of threads the same."""
import csv
import glob
import gzip
import io
import json
import os
import random
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from centre import PROGRAM

RULE = """title: Marker <b>&
id: 11111111-1111-4111-8111-11111111111{n}
status: test
description: test rule
author: Somebody, "Else"
logsource:
  {source}
detection:
  a:
    {field}: 'needle-xyz'
  condition: a
level: {level}
tags: [attack.execution, attack.t1059]
"""
CORRELATION = """
---
title: Three markers
id: 22222222-2222-4222-8222-222222222222
status: test
author: tests
correlation:
  type: event_count
  rules: [11111111-1111-4111-8111-111111111110]
  group-by: [user]
  timespan: 5m
  condition: {gte: 3}
level: critical
"""
DATA = os.path.join(os.environ.get("COLOA_SOURCE_ROOT", "."), "..", "shared", "data")


def hunt(*args, stdin=None, env=None, cwd=None):
    p = subprocess.run([PROGRAM, "hunt", *args], input=stdin, capture_output=True, timeout=300, env=env, cwd=cwd, check=False)
    return p.returncode, p.stdout, p.stderr.decode()


def found(*args, stdin=None):
    code, out, err = hunt("--output", "jsonl", *args, stdin=stdin)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == (1 if rows else 0) or "unreadable_files=0" not in err, (code, err)
    return rows, err


EVENTS = [{"ts": f"2026-11-20T08:00:0{i}Z", "host": f"h{i}", "cmd": "run needle-xyz" if i == 3 else "no", "user": "an"} for i in range(6)]
LINES = "".join(json.dumps(e) + "\n" for e in EVENTS)
SYSTEM = ("<System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>1</EventID><TimeCreated SystemTime='2026-11-20T08:00:0{i}Z'/>"
          "<EventRecordID>{i}</EventRecordID><Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>h{i}</Computer></System>")
XML = "".join("<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>" + SYSTEM.replace("{i}", str(i)) +
              f"<EventData><Data Name='CommandLine'>{e['cmd']} &lt;</Data></EventData></Event>\n" for i, e in enumerate(EVENTS))
ZEEK = ("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n#fields\tts\tuid\tpeer\tquery\n"
        "#types\ttime\tstring\tstring\tstring\n" + "".join(f"176362560{i}.5\tC{i}\th{i}\t{e['cmd']}\n" for i, e in enumerate(EVENTS)) + "#close\tx\n")
CSV = "\ufefftime;host;cmd;note\r\n" + "".join(f'{e["ts"]};{e["host"]};"{e["cmd"]} ""q""";"two\nlines"\r\n' for e in EVENTS)

# name -> bytes, record of the finding
FILES = {
    "lines.json": (LINES.encode(), 4),
    "array.json": (json.dumps(EVENTS).encode(), 1),
    "pretty.json": (json.dumps(EVENTS, indent=2).encode(), 20),
    "concatenated": ("".join(json.dumps(e) for e in EVENTS).encode(), 1),
    "objects.json": ("\n".join(json.dumps(e, indent=1) for e in EVENTS).encode(), 19),
    "records.json": (json.dumps({"next": "x", "Records": EVENTS, "more": [1, {"a": 2}]}).encode(), 1),
    "utf16.txt": (LINES.encode("utf-16"), 4),
    "utf16be.txt": (b"\xfe\xff" + LINES.encode("utf-16-be"), 4),
    "lines.json.gz": (gzip.compress(LINES.encode()), 4),
    "semicolon.csv": (CSV.encode(), 8),
    "list.xml": (XML.encode(), 4),
    "root.xml": (("<?xml version='1.0' encoding='utf-16'?>\n<Events>" + XML + "</Events>").encode("utf-16"), 5),
    "dns.log": (ZEEK.encode(), 11),
    "syslog.log": ("".join(f"<13>1 2026-11-20T08:00:0{i}Z h{i} app 1 - - {e['cmd']}\n" for i, e in enumerate(EVENTS)).encode(), 4),
    "old.log": ("".join(f"Nov 20 08:00:0{i} h{i} app[1]: {e['cmd']}\n" for i, e in enumerate(EVENTS)).encode(), 4),
}


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def rules(d):
    text = "---\n".join([RULE.format(n=0, source="category: application", field="cmd|contains", level="high"),
                         RULE.format(n=1, source="product: windows\n  category: process_creation", field="CommandLine|contains", level="high"),
                         RULE.format(n=2, source="product: zeek\n  service: dns", field="query|contains", level="high"),
                         RULE.format(n=3, source="product: linux\n  service: syslog", field="'|contains'", level="high")])
    return write(os.path.join(d, "r.yml"), text.encode())


def test_formats(d, r):
    files = os.path.join(d, "in")
    os.mkdir(files)
    for name, (data, record) in FILES.items():
        path = write(os.path.join(files, name), data)
        rows, err = found("--rules", r, path)
        assert len(rows) == 1, (name, rows, err)
        row = rows[0]
        assert row["record"] == record and row["file"] == path and row["level"] == "high", (name, row)
        assert row["host"] == "h3", (name, row)
        assert row["time"].startswith("2026-11-20T08:00:03") or name in ("dns.log", "old.log"), (name, row)
        assert row["author"] == 'Somebody, "Else"' and row["tags"] == ["attack.execution", "attack.t1059"], row
        assert "needle-xyz" in json.dumps(row["matched"]), row
        rows, err = found("--rules", r, "-", stdin=data)
        assert len(rows) == 1 and rows[0]["file"] == "-" and rows[0]["record"] == record, (name, rows, err)
    return files


def test_archives(d, r):
    path = os.path.join(d, "a.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("x/in.json", LINES)
        z.writestr("y.json.gz", gzip.compress(LINES.encode()))
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as y:
            y.writestr("deep.json", LINES)
        z.writestr("inner.zip", inner.getvalue())
    for rows, err in (found("--rules", r, path), found("--rules", r, "-", stdin=open(path, "rb").read())):
        assert [row["file"].split("!")[1] for row in rows] == ["x/in.json", "y.json.gz"], rows
        assert "an archive inside an archive" in err, err
    path = os.path.join(d, "t.tar.gz")
    long = "very-long-" * 15 + "/in.json"
    for form in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        with tarfile.open(path, "w:gz", format=form) as t:
            for name, data in (("x/in.json", LINES.encode()), (long[:230] if form == tarfile.GNU_FORMAT else "p" * 90 + "/" + "q" * 60, gzip.compress(LINES.encode())), ("a.zip", inner.getvalue())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
            info = tarfile.TarInfo("folder")
            info.type = tarfile.DIRTYPE
            t.addfile(info)
        rows, err = found("--rules", r, path)
        assert len(rows) == 2 and rows[0]["file"] == path + "!x/in.json" and len(rows[1]["file"]) > len(path) + 100, (rows, err)
        assert "an archive inside an archive" in err, err
        with open(path, "rb") as f:
            plain = gzip.decompress(f.read())
        rows, err = found("--rules", r, "-", stdin=plain[:1400])
        assert len(rows) == 1 and "tar: the archive is cut short" in err, (rows, err)
    zst = os.path.join(d, "lines.zst")
    if subprocess.run(["zstd", "-q", "-o", zst], input=LINES.encode(), check=False).returncode == 0:
        assert len(found("--rules", r, zst)[0]) == 1


def test_damage(d, r):
    many = "".join(json.dumps({"ts": "2026-11-20T08:00:00Z", "cmd": "needle-xyz", "n": i, "pad": os.urandom(30).hex()}) + "\n" for i in range(50000))
    gz = bytearray(gzip.compress(many.encode()))
    gz[len(gz) // 2: len(gz) // 2 + 400] = bytes(400)
    rows, err = found("--rules", r, write(os.path.join(d, "bad.gz"), bytes(gz)), os.path.join(d, "in", "lines.json"))
    assert 10000 < len(rows) < 49000 and rows[-1]["file"].endswith("lines.json"), len(rows)
    assert re.search(r"bad\.gz: at byte \d+: gzip data is damaged", err) and "unreadable_files=1" in err, err
    path = os.path.join(d, "bad.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("one.json", many)
        z.writestr("two.json", LINES)
    data = bytearray(open(path, "rb").read())
    data[len(data) // 2: len(data) // 2 + 400] = bytes(400)
    rows, err = found("--rules", r, write(path, bytes(data)))
    assert rows and rows[-1]["file"].endswith("!two.json") and "bad.zip!one.json: " in err, err
    # a broken record among good ones: the good ones are all there
    broken = json.dumps(EVENTS[3]) + '\n{"cmd":"needle-xyz"\n' + json.dumps(EVENTS[3]) + "\n"
    rows, err = found("--rules", r, write(os.path.join(d, "broken.json"), broken.encode()))
    assert [row["record"] for row in rows] == [1, 3] and "line 2: " in err and "unreadable_records=1" in err, (rows, err)
    broken = '{"cmd":"needle-xyz\n' + LINES
    rows, err = found("--rules", r, write(os.path.join(d, "broken1.json"), broken.encode()))
    assert [row["record"] for row in rows] == [5] and "line 1: " in err, (rows, err)
    broken = "[" + json.dumps(EVENTS[3]) + ',\n{"cmd":"needle-xyz\n' + json.dumps(EVENTS[3]) + ",\n" + json.dumps(EVENTS[3]) + "]"
    rows, err = found("--rules", r, write(os.path.join(d, "broken2.json"), broken.encode()))
    assert [row["record"] for row in rows] == [1, 3, 4] and "line 2: a JSON object does not end" in err, (rows, err)
    broken = XML.replace("</Data></EventData></Event>\n", "</Data></EventData>\n", 1)
    rows, err = found("--rules", r, write(os.path.join(d, "broken.xml"), broken.encode()))
    assert len(rows) == 1 and "line 1: xml" in err, (rows, err)
    broken = 'a,cmd,c\n1,"open,3\n' + "2,needle-xyz,3\n"
    rows, err = found("--rules", r, write(os.path.join(d, "broken.csv"), broken.encode()))
    assert len(rows) == 1 and "line 2: csv" in err, (rows, err)
    code, out, err = hunt("--rules", r, os.path.join(d, "missing"), os.path.join(d, "in", "dns.log"))
    assert code == 1 and "missing: cannot open" in err, err
    code, out, err = hunt("--rules", r, os.path.join(d, "missing"))
    assert code == 3 and not out, (code, out)


def test_options(d, r):
    files = os.path.join(d, "in")
    every = [found("--rules", r, "--threads", n, files)[0] for n in ("1", "4")]
    assert every[0] == every[1] and len(every[0]) == len(FILES), len(every[0])
    assert [x["file"] for x in every[0]] == sorted(x["file"] for x in every[0])
    assert len(found("--rules", r, os.path.join(files, "*.json"))[0]) == 5
    assert not found("--rules", r, "--level", "critical", files)[0]
    assert len(found("--rules", r, "--rule-id", "11111111-1111-4111-8111-111111111112", files)[0]) == 1
    assert not found("--rules", r, "--to", "2026-11-20T08:00:02Z", os.path.join(files, "lines.json"))[0]
    assert len(found("--rules", r, "--from", "2026-11-20T08:00:03Z", os.path.join(files, "lines.json"))[0]) == 1
    empty = os.path.join(d, "empty")
    os.mkdir(empty)
    code, out, err = hunt("--rules", empty, files)
    assert code == 0 and not out and "rules=0" in err, (code, err)
    code, out, err = hunt("--rules", r, "--quiet", os.path.join(files, "lines.json"))
    assert code == 1 and not err, err
    last = hunt("--rules", r, "--verbose", os.path.join(files, "lines.json.gz"))[2]
    assert "format lines, gzip" in last, last
    assert re.fullmatch(r"events=6 bytes=\d+ seconds=[\d.]+ findings=1 rules=4 skipped=0 .*", last.splitlines()[-1]), last
    bad = write(os.path.join(d, "bad.yml"), b"title: x\nid: 1\nlogsource: {category: a}\ndetection: {a: {b|nosuch: 1}, condition: a}\nlevel: low\n")
    assert "skipped=1 (" in hunt("--rules", bad, "--rules", r, files)[2].splitlines()[-1]
    for wrong in (["--output", "pdf", files], ["--level", "huge", files], ["--threads", "0x", files], [], ["--nosuch", files]):
        assert hunt("--rules", r, *wrong)[0] == 2, wrong
    assert hunt("--rules", os.path.join(d, "nowhere"), files)[0] == 3


def test_pipeline(d, r):
    rule = write(os.path.join(d, "p_rule.yml"), RULE.format(n=8, source="category: application", field="CommandLine|contains", level="high").encode())
    lines = write(os.path.join(d, "p.yml"), b"name: own names\ntransformations:\n  - {type: field_name_mapping, mapping: {CommandLine: [other, cmd]}}\n")
    wrong = write(os.path.join(d, "wrong.yml"), b"transformations:\n  - {type: field_name_maping}\n")
    events = write(os.path.join(d, "p_events.json"), LINES.encode())
    assert found("--rules", rule, events)[0] == []
    rows, err = found("--rules", rule, "--pipeline", lines, events)
    assert [row["record"] for row in rows] == [4], (rows, err)
    code, out, err = hunt("--rules", rule, "--pipeline", lines, "--pipeline", wrong, events)
    assert code == 3 and out == b"" and "wrong.yml:2:6: " in err and "did you mean 'field_name_mapping'" in err, (code, err)
    code, out, err = hunt("--rules", rule, "--pipeline", os.path.join(d, "absent.yml"), events)
    assert code == 3 and "absent.yml" in err, (code, err)


def test_explain(d, r):
    path = os.path.join(d, "in", "lines.json")
    code, out, _ = hunt("--rules", r, "--explain", "11111111-1111-4111-8111-111111111110", path + ":4")
    assert code == 1 and b"=> matches" in out and out.count(b"record ") == 1 and b"cmd|contains" in out, out
    code, out, _ = hunt("--rules", r, "--explain", "11111111-1111-4111-8111-111111111110", '{"cmd":"other"}')
    assert code == 0 and b"=> does not match" in out and b"NO " in out, out
    assert hunt("--rules", r, "--explain", "nosuch", path)[0] == 2
    code, _, err = hunt("--rules", r, "--profile", path)
    assert code == 1 and "evaluated" in err, err


def test_correlation(d, r):
    both = write(os.path.join(d, "corr.yml"), open(r, "rb").read().split(b"---")[0] + CORRELATION.encode())
    rows = [{"ts": f"2026-11-20T08:0{i}:00Z", "user": "an" if i != 2 else "binh", "cmd": "needle-xyz"} for i in (5, 3, 1, 2, 4)]
    half = write(os.path.join(d, "c1.json"), "".join(json.dumps(x) + "\n" for x in rows[:2]).encode())
    rest = write(os.path.join(d, "c2.json"), "".join(json.dumps(x) + "\n" for x in rows[2:]).encode())
    for threads in ("1", "4"):
        hits, err = found("--rules", both, "--threads", threads, half, rest)
        hits = [h for h in hits if h.get("correlation")]
        assert len(hits) == 1, (hits, err)
        assert hits[0]["count"] == 3 and hits[0]["group"] == {"user": "an"} and hits[0]["records"] == [1, 2, 3], hits
        assert [os.path.basename(f) for f in hits[0]["files"]] == ["c2.json", "c1.json", "c2.json"], hits


    # more matches than the memory for them: the same through files
    order = list(range(30000))
    random.Random(7).shuffle(order)
    rows = "".join(json.dumps({"ts": f"2026-11-20T{8 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z", "user": f"u{i % 97}", "cmd": "needle-xyz"}) + "\n" for i in order)
    path = write(os.path.join(d, "many.json"), rows.encode())
    every = [found("--rules", both, "--correlation-mib", n, "--threads", "2", path)[0] for n in ("1", "128")]
    assert every[0] == every[1] and sum(1 for x in every[0] if x.get("correlation")) > 1000, len(every[0])


def test_outputs(d, r):
    hostile = {"ts": "2026-11-20T08:00:00Z", "host": "<script>x</script>", "cmd": "=\u001b[31m needle-xyz </td><script>alert(1)</script>\u202e\u0007\"'"}
    path = write(os.path.join(d, "hostile.json"), json.dumps(hostile).encode())
    for lang in ("en", "vi"):
        code, out, _ = hunt("--rules", r, "--output", "html", "--lang", lang, path, os.path.join(d, "in"))
        page = out.decode()
        assert code == 1 and f'<html lang="{lang}">' in page
        assert page.count("<script") == 1 and "alert(1)" in page and "&#60;script&#62;" in page
        assert "\u202e" not in page and "\x1b" not in page and "\x07" not in page
        assert "<b>&" not in page and "Marker &#60;b&#62;&#38;" in page
        assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page) and "@@" not in page
        assert "<svg" in page and page.count("<tr data-l=") == len(FILES) + 1
    code, out, _ = hunt("--rules", r, "--output", "csv", path)
    rows = list(csv.DictReader(io.StringIO(out.decode(), newline="")))
    assert code == 1 and rows[0]["rule_id"].endswith("0") and rows[0]["level"] == "high", rows
    for columns in ("80", "160"):
        code, out, _ = hunt("--rules", r, path, os.path.join(d, "in"), env=dict(os.environ, COLUMNS=columns))
        lines = out.decode().splitlines()
        assert all(len(line) <= int(columns) for line in lines), max(lines, key=len)
        assert b"\x1b" not in out and b"\\x1b" in out
    with open("/dev/full", "wb") as full:
        assert subprocess.run([PROGRAM, "hunt", "--rules", r, path], stdout=full, stderr=subprocess.DEVNULL, check=False).returncode == 3


def test_memory(d, r):
    """The same memory for 16 and for 160 MB of one long stream (COLOA_LONG: 500 MB)."""
    line = (json.dumps({"ts": "2026-11-20T08:00:00Z", "cmd": "nothing", "pad": "x" * 900}) + "\n").encode() * 1000
    peak = []
    for times in (16, 500 if os.environ.get("COLOA_LONG") else 160):
        p = subprocess.Popen([PROGRAM, "hunt", "--rules", r, "--threads", "2", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(times):
            p.stdin.write(line)
        p.stdin.flush()
        status = open(f"/proc/{p.pid}/status", encoding="ascii").read()
        peak.append(int(re.search(r"VmHWM:\s+(\d+)", status).group(1)))
        p.stdin.close()
        assert p.wait(timeout=120) == 0
    print(f"peak KiB: {peak}")
    if "asan" not in PROGRAM and "tsan" not in PROGRAM:
        assert peak[1] < peak[0] + 24 * 1024 and peak[1] < 160 * 1024, peak


def test_public_data():
    """SigmaHQ's own regression data, as JSON and as EVTX, and an archive as it was published."""
    index = os.path.join(DATA, "sigma", "regression", "index.tsv")
    if not os.path.exists(index):
        print("public data is absent: left out")
        return
    every = list(csv.DictReader(open(index, encoding="utf-8"), delimiter="\t"))
    for row in every[::1 if os.environ.get("COLOA_LONG") else 4]:
        for column in ("json_path", "evtx_path"):
            rows, err = found("--rules", os.path.join(DATA, row["rule_path"]), os.path.join(DATA, row[column]))
            assert len(rows) == int(row["expected_count"]), (row["rule_path"], column, len(rows), err)
    archive = sorted(glob.glob(os.path.join(DATA, "events", "otrf", "atomic", "windows", "credential_access", "host", "*.zip")), key=os.path.getsize)[:3]
    rows, err = found("--rules", os.path.join(DATA, "sigma", "rules", "rules", "windows"), *archive)
    assert rows and "unreadable_files=0 unreadable_records=0" in err, err


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="coloa-hunt-") as d:
        r = rules(d)
        test_formats(d, r)
        for test in (test_archives, test_damage, test_options, test_pipeline, test_explain, test_correlation, test_outputs, test_memory):
            print(test.__name__)
            sys.stdout.flush()
            test(d, r)
    test_public_data()


main()
