"""The tables against one another and against the documentation.

Fields sorted. Routes: each operation in docs/api/openapi.json and the other way round. Every fuzz target has a corpus.
Messages: numbers unique. Locales: the same keys in both languages.
"""
import json
import os
import re
import subprocess
import sys

bad = []


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def rows(path, macro):
    return re.findall(rf"^{macro}\(([^\n]*)\)\s*$", read(path), re.M)


def want_sorted(path, names):
    for a, b in zip(names, names[1:]):
        if a >= b:
            bad.append(f"{path}: {b} must stand before {a}")



keys = [re.match(r'\w+, "([^"]+)"', r).group(1) for r in rows("src/core/options.def", "OPTION")]
want_sorted("src/core/options.def", keys)
gen = subprocess.run([sys.executable, 'tools/gen_docs.py', '--check'], capture_output=True, text=True, check=False)
bad += [x for x in gen.stdout.split('\n') if x]
metrics = [re.match(r"(\w+), \"([^\"]+)\", (\w+)", r).groups() for r in rows("src/core/metrics.def", "METRIC")]
want_sorted("src/core/metrics.def", [m[1] for m in metrics])
want_sorted("src/core/err.def", [r.split(",")[0] for r in rows("src/core/err.def", "ERR")])
want_sorted("src/core/fields.def", [re.match(r'\w+, "([^"]+)"', r).group(1) for r in rows("src/core/fields.def", "FIELD")])
want_sorted("src/cmd/commands.def", [r.split(",")[0] for r in rows("src/cmd/commands.def", "COMMAND")])
numbers = [r.split(",")[1].strip() for r in rows("src/core/messages.def", "MSG")]
if len(set(numbers)) != len(numbers):
    bad.append("src/core/messages.def: a number is used twice")

for room in os.listdir("src"):
    if not os.path.isdir(f"src/{room}"):
        continue
    for f in os.listdir(f"src/{room}"):
        if f.endswith("_fuzz.c"):
            corpus = f"fuzz/{f[:-7]}"
            if not os.path.isdir(corpus) or not os.listdir(corpus):
                bad.append(f"src/{room}/{f}: no corpus in {corpus}/")


def leaves(obj, prefix=""):
    for k, v in obj.items():
        if isinstance(v, dict):
            yield from leaves(v, f"{prefix}{k}.")
        else:
            yield prefix + k


if os.path.exists("console/src/locales/en.json"):
    en = set(leaves(json.loads(read("console/src/locales/en.json"))))
    vi = set(leaves(json.loads(read("console/src/locales/vi.json"))))
    for k in sorted(en ^ vi):
        bad.append(f"console/src/locales: {k} is in one language only")

print("\n".join(bad))
sys.exit(1 if bad else 0)
