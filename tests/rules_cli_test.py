"""`coloa rules`: list, coverage, test, update and the linter, as people and programs use them."""
import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from centre import PROGRAM, Centre, wait_for

ROOT = os.environ.get("COLOA_SOURCE_ROOT", ".")
SIGMA = os.path.join(ROOT, "..", "shared", "data", "sigma")

RULE = """title: {title}
id: {id}
status: test
description: a rule of the tests
author: tests
logsource: {{product: windows, category: process_creation}}
detection:
  selection: {{CommandLine|contains: '{needle}'}}
  condition: selection
level: {level}
tags: [{tags}]
"""


def rules(*args, code=0, env=None):
    p = subprocess.run([PROGRAM, "rules", *args], capture_output=True, timeout=300, check=False, env=env)
    out, err = p.stdout.decode(), p.stderr.decode()
    assert p.returncode == code, (args, p.returncode, out[-2000:], err[-2000:])
    return out, err


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def uuid(n):
    return f"11111111-1111-4111-8111-{n:012d}"


def rule(n, **other):
    values = {"title": f"Rule {n}", "id": uuid(n), "needle": f"needle-{n}", "level": "high", "tags": "attack.execution, attack.t1059.001"}
    values.update(other)
    return RULE.format(**values)


def help_everywhere(_):
    out, _err = rules("--help")
    actions = re.findall(r"^  (\w+) ", out, re.M)
    assert {"check", "list", "coverage", "test", "update"} <= set(actions), out
    for action in actions:
        if action != "coloa":
            text, _err = rules(action, "--help")
            assert "Examples:" in text and f"coloa rules {action}" in text, text
    for wrong in ([], ["nothing"], ["list", "--output", "xml"], ["list", "--level", "huge"], ["coverage", "--output", "svg"]):
        rules(*wrong, code=2)
    rules("list", "/nowhere/at/all", code=3)


def listing(tmp):
    write(f"{tmp}/a.yml", rule(1, title='=cmd "x"', level="low", tags="attack.t1059"))
    write(f"{tmp}/b.yml", rule(2, tags="attack.t1059.003"))
    write(f"{tmp}/c.yml", rule(3, tags="attack.t10590").replace("process_creation", "file_event"))
    rows = [json.loads(line) for line in rules("list", "--output", "jsonl", tmp)[0].splitlines()]
    assert [r["id"] for r in rows] == [uuid(1), uuid(2), uuid(3)], rows
    assert rows[0]["tags"] == ["attack.t1059"], rows

    def ids(*args):
        return [r["id"] for r in csv.DictReader(io.StringIO(rules("list", "--output", "csv", *args, tmp)[0]))]

    assert ids("--tag", "attack.t1059") == [uuid(1), uuid(2)]
    assert ids("--level", "high") == [uuid(2), uuid(3)]
    assert ids("--logsource", "windows/file_event") == [uuid(3)] and ids("--logsource", "linux") == []
    assert ids("--text", "RULE 2") == [uuid(2)]
    first = next(csv.DictReader(io.StringIO(rules("list", "--output", "csv", tmp)[0])))
    assert first["title"] == '\'=cmd "x"', first
    assert len(rules("list", "--level", "medium")[0].splitlines()) > 100


def coverage(tmp):
    write(f"{tmp}/a.yml", rule(1, tags="attack.defense-evasion, attack.t1059.001"))
    write(f"{tmp}/b.yml", rule(2, tags="attack.stealth, attack.T1059.001, attack.t1059.001, attack.t1070, attack.g0016"))
    write(f"{tmp}/c.yml", rule(3, tags="attack.defense_impairment, attack.t1070, attack.s0002, attack.t107, cve.2021.1"))
    write(f"{tmp}/never.yml", rule(4).replace("windows", "abacus"))
    layer = json.loads(rules("coverage", tmp)[0])
    check_layer(layer)
    got = {t["techniqueID"]: t for t in layer["techniques"]}
    assert {k: t["score"] for k, t in got.items()} == {"T1059.001": 2, "T1070": 2}, got
    assert got["T1070"]["comment"] == "2 rules: 2 high\nRule 2\nRule 3"
    assert [m["value"] for m in got["T1059.001"]["metadata"]] == ["defense-evasion", "stealth"]
    assert [m["value"] for m in got["T1070"]["metadata"]] == ["stealth", "defense_impairment"]
    assert layer["gradient"]["maxValue"] == 2
    table = rules("coverage", "--output", "table", tmp)[0]
    assert re.search(r"^Stealth.* 1 +2$", table, re.M) and re.search(r"^Defense Evasion.* 1 +1$", table, re.M), table
    assert table.endswith("2 techniques by 3 of 3 rules\n"), table
    check_layer(json.loads(rules("coverage")[0]))


# The members of layer format 4.5 and what they hold, after MITRE's definition of it.
LAYER = {"name": str, "versions": dict, "domain": str, "description": str, "filters": dict, "sorting": int, "layout": dict, "hideDisabled": bool,
         "techniques": list, "gradient": dict, "legendItems": list, "showTacticRowBackground": bool, "tacticRowBackground": str,
         "selectTechniquesAcrossTactics": bool, "selectSubtechniquesWithParent": bool, "selectVisibleTechniques": bool, "metadata": list, "links": list}
TECHNIQUE = {"techniqueID": str, "tactic": str, "comment": str, "enabled": bool, "score": int, "color": str, "metadata": list, "links": list,
             "showSubtechniques": bool}


def check_layer(layer):
    for key, value in layer.items():
        assert type(value) is LAYER[key], key
    assert layer["name"] and layer["domain"] == "enterprise-attack" and layer["versions"]["layer"] == "4.5"
    assert {"layer", "navigator"} <= set(layer["versions"]) <= {"attack", "navigator", "layer"} and all(isinstance(v, str) for v in layer["versions"].values())
    assert layer.get("sorting", 0) in (0, 1, 2, 3)
    assert set(layer["gradient"]) == {"colors", "minValue", "maxValue"} and layer["gradient"]["minValue"] < layer["gradient"]["maxValue"]
    assert all(re.fullmatch("#[0-9a-f]{6}", c) for c in layer["gradient"]["colors"])
    seen = set()
    for t in layer["techniques"]:
        for key, value in t.items():
            assert type(value) is TECHNIQUE[key], key
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", t["techniqueID"]) and t["techniqueID"] not in seen and t["score"] > 0
        assert all(set(m) == {"name", "value"} for m in t["metadata"])
        seen.add(t["techniqueID"])
    assert seen


LINE = '{{"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "CommandLine": "{}", "Image": "C:\\\\a.exe"}}'


def testing(tmp):
    def tests(n, text):
        write(f"{tmp}/tests/r{n}.yaml", "coloa_tests: 1\n" + text)

    write(f"{tmp}/deep/er/r1.yml", rule(1))
    tests(1, f"match:\n  - '{LINE.format('x needle-1 y')}'\nno_match:\n  - '{LINE.format('harmless')}'\n")
    out, _err = rules("test", tmp)
    assert out == "1 rule files, 1 tested, 0 without a test; 1 events to find, 1 not to find, 0 sequences; 0 failures\n", out
    # A map is an event too; a test may stand behind its rule; a rule without a test is named and is no failure.
    write(f"{tmp}/r2.yml", rule(2) + "---\ncoloa_tests: 1\nmatch:\n  - " + LINE.format("needle-2") + "\n")
    write(f"{tmp}/r3.yml", rule(3))
    out, _err = rules("test", tmp)
    assert f"no test: {tmp}/r3.yml" in out and "3 rule files, 2 tested, 1 without a test; 2 events to find" in out, out
    # Failures of both kinds say which condition held, and the value.
    tests(3, f"match:\n  - '{LINE.format('other')}'\n  - 'no event of windows'\nno_match:\n  - '{LINE.format('a needle-3')}'\n")
    out, _err = rules("test", tmp, code=1)
    assert out.count("FAIL ") == 3 and f"FAIL {tmp}/r3.yml: match 1 ({tmp}/tests/r3.yaml:3): not found" in out, out
    assert "    NO    field CommandLine|contains = other\n" in out and "    yes   field CommandLine|contains = a needle-3\n" in out, out
    assert "    NO    field CommandLine|contains: the event has no value\n" in out, out
    report = json.loads(rules("test", "--json", tmp, code=1)[0])
    assert (report["files"], report["tested"], report["match"], report["no_match"], report["failed"]) == (3, 3, 4, 2, 3), report
    bad = report["failures"]
    assert [(b["kind"], b["number"], b["line"]) for b in bad] == [("match", 1, 3), ("match", 2, 4), ("no_match", 1, 6)], bad
    assert bad[0]["rule_id"] == uuid(3) and "NO  the condition" in bad[0]["explanation"] and '"other"' in bad[0]["event"]
    # What is wrong with the test or the rule is a failure, not silence.
    for text in ("match: nothing", "rule: nobody\nmatch: []", "something: else", "match: [[1]]", "match: [\x01", "sequences: [{found: true, events: [{at: -1, line: x}]}]"):
        tests(3, text + "\n")
        report = json.loads(rules("test", "--json", f"{tmp}/r3.yml", code=1)[0])
        assert report["failed"] == 1, (text, report)
    write(f"{tmp}/r3.yml", rule(3).replace("condition: selection", "condition: selektion"))
    assert "no selection is called" in rules("test", tmp, code=1)[0]
    rules("test", f"{tmp}/tests", code=1)


CORRELATION = """---
title: Three needles
id: 22222222-2222-4222-8222-222222222222
correlation: {{type: event_count, rules: [{}], group-by: [User], timespan: 60s, condition: {{gte: 3}}}}
level: high
"""


def sequences(tmp):
    write(f"{tmp}/r1.yml", rule(1) + CORRELATION.format(uuid(1)))
    line = LINE.format("needle-1 {n}").replace('"EventID"', '"User": "u", "EventID"')

    def run(found, every, code):
        write(f"{tmp}/t/r1.yaml", f"coloa_tests: 1\nsequences:\n  - found: {found}\n    events: [{{at: 5, times: 3, every: {every}, line: '{line}'}}]\n")
        return rules("test", "--tests", f"{tmp}/t", f"{tmp}/r1.yml", code=code)[0]

    assert "1 sequences; 0 failures" in run("true", 20, 0)
    assert "1 sequences; 0 failures" in run("false", 40, 0)
    assert "3 events, 3 matches of rules on events" in run("true", 40, 1)
    assert "found, and should not be" in run("false", 20, 1)


def tree(folder):
    """What is installed: its files, but for the manifest."""
    found = {}
    for top, _dirs, names in os.walk(folder + "/"):
        for name in names:
            if name != ".coloa-rules.json":
                with open(os.path.join(top, name), "rb") as f:
                    found[os.path.relpath(os.path.join(top, name), folder)] = f.read()
    return found


def pinned(folder):
    with open(f"{folder}/.coloa-rules.json", encoding="utf-8") as f:
        return json.load(f)


def updating(tmp):
    repo, into = f"{tmp}/sigma", f"{tmp}/data/rules/sigma"
    data = ["--data", f"{tmp}/data"]
    write(f"{repo}/rules/a.yml", rule(1))
    write(f"{repo}/rules/deep/b.yaml", rule(2, level="low"))
    write(f"{repo}/LICENSE", "DRL")
    write(f"{repo}/rules/readme.md", "not taken")
    write(f"{repo}/rules/.hidden/c.yml", "a: [")
    commits = ["0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"]
    # HEAD by a packed reference, by a loose one before it, detached, and of a worktree.
    write(f"{repo}/.git/HEAD", "ref: refs/heads/master\n")
    write(f"{repo}/.git/packed-refs", f"# pack-refs with: peeled\n{'f' * 40} refs/heads/master-2\n{commits[0]} refs/heads/master\n^{'e' * 40}\n")
    out, _err = rules("update", repo, *data, "--dry-run")
    assert f"commit {commits[0]}" in out and "dry run" in out and not os.path.exists(f"{tmp}/data"), out
    assert re.search(r"^high +1 +0 +0$", out, re.M) and re.search(r"^low +1 +0 +0$", out, re.M) and re.search(r"^all +2 +0 +0$", out, re.M), out
    write(f"{repo}/.git/refs/heads/master", commits[1] + "\n")
    assert f"commit {commits[1]}" in rules("update", repo + "/rules/", *data, "--dry-run")[0]
    write(f"{tmp}/wt/.git", f"gitdir: {repo}/.git/worktrees/wt\n")
    write(f"{repo}/.git/worktrees/wt/HEAD", "ref: refs/heads/master\n")
    write(f"{repo}/.git/worktrees/wt/commondir", "../..\n")
    write(f"{tmp}/wt/a.yml", rule(1))
    assert f"commit {commits[1]}" in rules("update", f"{tmp}/wt", *data, "--dry-run")[0]
    write(f"{repo}/.git/HEAD", commits[0] + "\n")
    out, _err = rules("update", repo, *data)
    assert "installed: 3 files" in out and "no centre runs" in out and f"rules.dirs names {into}" in out, out
    assert set(tree(into)) == {"rules/a.yml", "rules/deep/b.yaml", "LICENSE"}, tree(into)
    first = pinned(into)
    assert first["commit"] == commits[0] and re.fullmatch("[0-9a-f]{64}", first["sha256"]) and first["previous"] == "" and first["loaded"] == 2
    assert "nothing to do" in rules("update", repo, *data)[0]
    rules("update", "--rollback", *data, code=3)
    # One added, one changed (layout is no change), one removed.
    write(f"{repo}/rules/a.yml", rule(1, needle="another"))
    write(f"{repo}/rules/c.yml", "# a remark\n" + rule(3, level="critical"))
    os.remove(f"{repo}/rules/deep/b.yaml")
    out, _err = rules("update", repo, *data)
    for line in (r"critical +1 +0 +0", r"high +0 +1 +0", r"low +0 +0 +1", r"all +1 +1 +1"):
        assert re.search(f"^{line}$", out, re.M), out
    second = tree(into)
    assert "rules/c.yml" in second
    # What breaks is refused whole: an error, a rule that can no longer match.
    for broken in (rule(3).replace("condition: selection", "condition: selektion"), rule(3).replace("windows", "abacus"), "a: ["):
        write(f"{repo}/rules/c.yml", broken)
        out, err = rules("update", repo, *data, code=3)
        assert "newly " in out and "nothing was changed: 1 rules" in err and tree(into) == second, (out, err)
    write(f"{repo}/rules/c.yml", rule(3).replace("windows", "abacus"))
    assert "installed" in rules("update", repo, *data, "--force")[0]
    third = tree(into)
    assert third != second
    # What was wrong before is no reason to refuse.
    write(f"{repo}/rules/a.yml", rule(1, needle="a third"))
    rules("update", repo, *data)
    assert "back to" in rules("update", "--rollback", *data)[0] and tree(into) == third
    # Only what is needed to go back is kept.
    assert "back to" not in rules("update", "--rollback", *data, code=3)[0]
    rules("update", repo, *data)
    assert len([n for n in os.listdir(f"{tmp}/data/rules/.sigma.versions") if n[0] != "."]) == 2
    assert rules("check", into)[0].startswith(f"{into}/rules/c.yml")
    # What others put there stays; nothing comes from nothing.
    write(f"{tmp}/mine/x.yml", rule(9))
    rules("update", repo, "--into", f"{tmp}/mine", code=3)
    assert set(tree(f"{tmp}/mine")) == {"x.yml"}
    os.makedirs(f"{tmp}/empty")
    rules("update", f"{tmp}/empty", *data, code=3)
    rules("update", f"{tmp}/nowhere", *data, code=3)
    rules("update", *data, code=2)
    rules("update", repo, "--rollback", *data, code=2)


def killing(tmp):
    """kill -9 at any moment: what is installed is one of the two, whole, and the next update works."""
    into, wanted = f"{tmp}/data/rules/sigma", []
    for version in (1, 2):
        for n in range(200):
            write(f"{tmp}/{version}/{n % 20}/{n}.yml", rule(n, needle=f"v{version}-{n}"))
        wanted.append(tree(f"{tmp}/{version}"))
    rules("update", f"{tmp}/2", "--into", into)
    began = time.monotonic()
    rules("update", f"{tmp}/1", "--into", into)
    whole = time.monotonic() - began
    seen = set()
    for n in range(80):
        if n >= 20 and len(seen) == 2:
            break
        version = 2 - n % 2
        with subprocess.Popen([PROGRAM, "rules", "update", f"{tmp}/{version}", "--into", into], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            time.sleep(random.uniform(0, (1.5 + n / 10) * whole))  # a busy machine takes longer than it was seen to
            p.send_signal(signal.SIGKILL)
            p.communicate()
        now = tree(into)
        assert now in wanted, f"neither: {len(now)} files"
        seen.add(wanted.index(now) + 1)
        assert pinned(into)["files"] == 200
    assert seen == {1, 2}, seen
    for version in (1, 2):
        rules("update", f"{tmp}/{version}", "--into", into)
        assert tree(into) == wanted[version - 1]
    left = [n for n in os.listdir(f"{tmp}/data/rules/.sigma.versions") if n[0] != "."]
    assert len(left) <= 2, left
    shutil.rmtree(f"{tmp}/data")


def running(tmp):
    """A sealed centre is told, and reads a folder that was not there when it started."""
    write(f"{tmp}/sigma/a.yml", rule(1))
    into = f"{tmp}/sigma-installed"
    rules("update", f"{tmp}/sigma", "--into", into)
    centre = Centre(sets=[f"rules.dirs={into}"]).start()
    try:
        def loaded(n):
            path = os.path.join(centre.data, "run", "rules.json")
            with open(path, encoding="utf-8") as f:
                return uuid(n) in f.read()

        wait_for("the first rule", 30, lambda: loaded(1))
        write(f"{tmp}/sigma/b.yml", rule(2))
        out, _err = rules("update", f"{tmp}/sigma", "--into", into, "--data", centre.data)
        assert f"loads the rules again (process {centre.process.pid})" in out, out
        wait_for("the second rule", 30, lambda: loaded(2))
        rules("update", "--rollback", "--into", into, "--data", centre.data)
        wait_for("the way back", 30, lambda: not loaded(2))
    finally:
        centre.close()


def lint(tmp):
    def codes(text, **other):
        write(f"{tmp}/r.yml", text)
        report = json.loads(rules("check", "--json", f"{tmp}/r.yml", **other)[0])
        return [(w["code"], w["line"], w["column"]) for w in report["errors"] + report["warnings"]]

    def with_condition(text):
        return rule(1).replace("  condition: selection", f"  b: {{Image: x}}\n  condition: {text}")

    assert codes(rule(1)) == []
    for never in ("selection and b and not selection", "not (selection or b or not selection)", "all of them and not b", "2 of them and not 1 of b*"):
        assert codes(with_condition(never)) == [("never-true", 10, 3)], never
    for always in ("selection or b or not selection", "1 of them or not b"):
        assert codes(with_condition(always)) == [("always-true", 10, 3)], always
    for fine in ("selection and not b", "not selection and not b", "(selection or b) and not (selection and b)"):
        assert codes(with_condition(fine)) == [], fine
    assert codes(with_condition("selection")) == [("unused-selection", 9, 3)]
    assert codes(with_condition("1 of x*"), code=1) == [("unknown-selection", 10, 3)]
    assert codes(rule(1).replace("selection: {CommandLine|contains: 'needle-1'}", "selection: {}"), code=1)[0][0] == "empty-selection"
    assert codes(rule(1).replace("level: high\n", "")) == [("missing-level", 1, 1)]
    assert codes(rule(1).replace(f"id: {uuid(1)}\n", "")) == [("missing-id", 1, 1)]
    assert codes(rule(1) + "---\n" + rule(1), code=1)[0][0] == "duplicate-id"
    assert codes(rule(1) + "---\n" + rule(2, title="Rule 1")) == [("duplicate-title", 13, 1)]
    for slip, meant in (("CommandLne", "CommandLine"), ("commandline", "CommandLine"), ("ParentImagee", "ParentImage"), ("OriginalFilename", "OriginalFileName")):
        assert codes(rule(1).replace("CommandLine", slip)) == [("unknown-field", 8, 15)], slip
        assert f"is '{meant}' meant?" in rules("check", f"{tmp}/r.yml")[0]
    for other in ("OriginalFileName", "SomethingOfOurs", "process.command_line", "Image"):
        assert codes(rule(1).replace("CommandLine", other)) == [], other
    # Other log sources have other fields; what three rules use is known.
    web = rule(1).replace("product: windows, category: process_creation", "category: webserver")
    assert codes(web.replace("CommandLine", "cs-uri-qurey")) == [("unknown-field", 8, 15)] and codes(web.replace("CommandLine", "CommandLne")) == []
    for n in range(3):
        write(f"{tmp}/more/{n}.yml", rule(n, title=str(n)).replace("CommandLine", "OurOwnFieldName"))
    write(f"{tmp}/more/slip.yml", rule(5).replace("CommandLine", "OurOwnFieldNane"))
    warnings = json.loads(rules("check", "--json", f"{tmp}/more")[0])["warnings"]
    assert [(w["code"], w["file"]) for w in warnings] == [("unknown-field", f"{tmp}/more/slip.yml")], warnings
    assert rules("check")[0].endswith("; 0 errors, 0 warnings, 0 can't match\n")


# What the linter says of SigmaHQ's rules (commit 8eaafff1f), by code.
GOLDEN = {
    "rules": ({"files": 3780, "rules": 3780, "loaded": 3780, "correlations": 0, "filters": 0}, {"unknown-field": 2, "placeholder": 25}),
    "unsupported": ({"files": 87, "rules": 89, "loaded": 81, "correlations": 54, "filters": 0},
                    {"timeframe": 4, "aggregation": 1, "unknown-selection": 3, "missing-timeframe": 11, "duplicate-title": 2, "never-true": 1,
                     "status-unsupported": 85, "unmapped-logsource": 3}),
}


def golden(_):
    if not os.path.isdir(SIGMA):
        print("   skipped: no copy of SigmaHQ's rules")
        return
    for folder, (numbers, codes) in GOLDEN.items():
        out, _err = rules("check", "--json", os.path.join(SIGMA, folder), code=1 if any(c in ERRORS for c in codes) else 0)
        report = json.loads(out)
        got = {}
        for issue in report["errors"] + report["warnings"] + report["cannot_match"]:
            code = issue.get("code") or issue["reason"]
            got[code] = got.get(code, 0) + 1
            assert issue["line"] > 0 and issue["column"] > 0 and issue["file"].startswith(SIGMA), issue
        assert got == codes, (folder, got)
        assert {k: report[k] for k in numbers} == numbers, folder


ERRORS = {"timeframe", "aggregation", "unknown-selection"}


def main():
    for check in TESTS:
        with tempfile.TemporaryDirectory(prefix="coloa-rules-") as tmp:
            check(tmp)
        print("ok", check.__name__)
    return 0


TESTS = [help_everywhere, listing, lint, golden, coverage, testing, sequences, updating, killing, running]

if __name__ == "__main__":
    sys.exit(main())
