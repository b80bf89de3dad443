"""`coloa rules`: list, coverage, test, update and the linter, as people and programs use them."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile

from centre import PROGRAM

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
    assert {"check", "list", "coverage"} <= set(actions), out
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


def main():
    for check in TESTS:
        with tempfile.TemporaryDirectory(prefix="coloa-rules-") as tmp:
            check(tmp)
        print("ok", check.__name__)
    return 0


TESTS = [help_everywhere, listing, coverage]

if __name__ == "__main__":
    sys.exit(main())
