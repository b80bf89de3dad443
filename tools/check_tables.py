"""The tables against one another and against the documentation.

Rows sorted. Routes: each operation in docs/api/openapi.json and the other way round. Every fuzz target has a corpus.
Messages: numbers unique. Locales: the same keys in both languages. Generated pages are up to date. Links lead somewhere.
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

routes = {(m.lower(), p): h.removeprefix("api_")
          for m, p, h in re.findall(r'^ROUTE\((\w+), "([^"]+)",.*?(\w+)\)$', read("src/web/routes.def"), re.M)}
described = {(m, p): o["operationId"] for p, ms in json.loads(read("docs/api/openapi.json"))["paths"].items()
             for m, o in ms.items() if "operationId" in o}
for k in sorted(routes.keys() | described.keys()):
    if routes.get(k) != described.get(k):
        bad.append(f"{k[0]} {k[1]}: {routes.get(k)} in src/web/routes.def, {described.get(k)} in docs/api/openapi.json")


def anchors(path):
    """The anchors of a Markdown file's headings, made as the code-hosting sites make them."""
    for head in re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", read(path), flags=re.M | re.S), re.M):
        yield re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


pages = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], capture_output=True,
                       text=True, check=True).stdout.split()
for page in pages:
    if not os.path.exists(page):
        continue
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", read(page), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
        if not os.path.exists(there):
            bad.append(f"{page}: nothing is at {target}")
        elif anchor and there.endswith(".md") and anchor not in set(anchors(there)):
            bad.append(f"{page}: {there} has no heading for #{anchor}")
        if name.startswith("/"):
            bad.append(f"{page}: {target} must be relative")

print("\n".join(bad))
sys.exit(1 if bad else 0)
