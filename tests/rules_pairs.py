"""Each rule beside its tests: tagged, described in both languages, with an id of its own; and one line
that it finds differs from one that it must not find in a single field, so that what decides is known.

The lines go through `coloa decode`. A field that follows from another one counts with it: the same
value under two names, the parts of an address, what a parser concludes (outcome, category)."""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("COLOA_SOURCE_ROOT", ".")).resolve()
COLOA = pathlib.Path(os.environ.get("COLOA_BUILD_ROOT", SOURCE / "build")) / "coloa"
ATTACK = SOURCE.parent / "shared" / "data" / "attack" / "attack.json"
NOT_SENT = re.compile(r"^(event\.(original|id|ingested|created)|@timestamp|coloa\..*|related\..*|log\.file\.path)$")
FOLLOWS = re.compile(r"^(event\.(category|type|kind|dataset|module|outcome|severity)|log\.level|message|network\.bytes)$")
PARTS = (
    (re.compile(r"^(url\.|file\.extension$)"), "url"),
    (re.compile(r"^process\.(command_line|executable|name|args.*)$"), "command"),
)


def lines_of(path):
    """match and no_match, as tests of rules are written: single-quoted scalars, one a line."""
    found = {"match": [], "no_match": []}
    key = None
    for line in path.read_text(encoding="utf-8").splitlines():
        head = re.match(r"^(\w+):\s*$", line)
        item = re.match(r"^  - '(.*)'$", line)
        if head:
            key = head.group(1)
        elif item and key in found:
            found[key].append(item.group(1).replace("''", "'"))
        elif line != "coloa_tests: 1":
            sys.exit(f"{path}: not read: {line}")
    return found


def flat(value, name="", into=None):
    into = {} if into is None else into
    if isinstance(value, dict):
        for key, below in value.items():
            flat(below, f"{name}.{key}" if name else key, into)
    else:
        into[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return into


def decode(lines):
    with tempfile.NamedTemporaryFile("w", suffix=".log", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        # the leak checker traces the process at its end, which the seal forbids
        out = subprocess.run([COLOA, "decode", file.name], check=True, capture_output=True, encoding="utf-8",
                             env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).stdout
    events = [flat(json.loads(line)) for line in out.splitlines()]
    if len(events) != len(lines):
        sys.exit(f"{len(lines)} lines gave {len(events)} events")
    return events


def differing(a, b):
    """The names of the fields in which two events differ, each thing that was sent once."""
    pairs = {}
    for name in a.keys() | b.keys():
        if not NOT_SENT.match(name) and a.get(name) != b.get(name):
            pairs[name] = (a.get(name), b.get(name))
    sent = {name: pair for name, pair in pairs.items() if not FOLLOWS.match(name)}
    if "EventID" in sent: # of Windows' events the action is concluded from the number
        sent.pop("event.action", None)
    if not sent:
        return {"message" if "message" in pairs else name for name in pairs}
    groups = collections.defaultdict(list)
    for name, pair in sent.items():
        key = next((group for pattern, group in PARTS if pattern.match(name)), pair)
        groups[key].append(name)
    for key in [k for k in groups if isinstance(k, tuple)]:
        for part in ("url", "command"):
            if part in groups and any(sent[n] == key for n in groups[part]):
                groups.pop(key, None)
    return {min(names) for names in groups.values()}


def tags_unknown(text, attack):
    """What of a rule's tags is no active technique, no tactic, or a tactic that none of its techniques serves."""
    tags = re.findall(r"^  - attack\.(\S+)$", text, re.M)
    techniques = {t: attack.get(t.upper()) for t in tags if re.match(r"t\d{4}", t)}
    served = {tactic for tactics in techniques.values() for tactic in tactics or ()}
    return [t for t in tags if (techniques[t] is None if t in techniques else t not in served)]


def main():
    attack = None
    if ATTACK.exists():
        attack = {t["id"]: t["tactics"] for t in json.loads(ATTACK.read_text(encoding="utf-8"))["techniques"]
                  if not t["revoked"] and not t["deprecated"]}
    else:
        print(f"no {ATTACK}: tags are not looked up")
    rules = sorted(p for p in (SOURCE / "rules").glob("*/*.yml") if not p.stem.endswith("_correlation"))
    ids = collections.Counter()
    wrong = []
    batch, spans = [], []
    for rule in rules:
        text = rule.read_text(encoding="utf-8")
        ids[re.search(r"^id: (\S+)$", text, re.M).group(1)] += 1
        for needed in (r"^  title_vi: \S", r"^  description_vi: ", r"^falsepositives:\n  - \S",
                       r"^  falsepositives_vi:\n    - \S", r"^  - attack\.t\d{4}"):
            if not re.search(needed, text, re.M):
                wrong.append(f"{rule}: lacks {needed}")
        if attack:
            wrong += [f"{rule}: tag attack.{t} is not in ATT&CK or serves no technique" for t in tags_unknown(text, attack)]
        english = re.search(r"^falsepositives:\n((?:  - .*\n)+)", text, re.M)
        vietnamese = re.search(r"^  falsepositives_vi:\n((?:    - .*\n?)+)", text, re.M)
        if english and vietnamese and english[1].count("\n") != len(vietnamese[1].splitlines()):
            wrong.append(f"{rule}: false positives differ in number between the languages")
        tests = lines_of(SOURCE / "rules" / "tests" / (rule.stem + ".yaml"))
        start = len(batch)
        batch += tests["match"] + tests["no_match"]
        spans.append((rule, start, start + len(tests["match"]), len(batch)))
    events = decode(batch)
    for rule, start, middle, end in spans:
        found, others = events[start:middle], events[middle:end]
        best = min((differing(a, b) for a in found for b in others), key=len, default={"no", "lines"})
        if len(best) != 1:
            wrong.append(f"{rule}: no pair of lines differs in one field; nearest: {', '.join(sorted(best)) or 'none'}")
    readme = (SOURCE / "rules" / "README.md").read_text(encoding="utf-8")
    for folder, n in collections.Counter(rule.parent.name for rule in rules).items():
        if not re.search(rf"^\| `{folder}` \|.*\| {n} \|$", readme, re.M):
            wrong.append(f"rules/README.md: {folder} has {n} rules")
    wrong += [f"id used {n} times: {i}" for i, n in ids.items() if n > 1]
    print("\n".join(wrong))
    print(f"{len(rules)} rules, {len(batch)} lines, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
