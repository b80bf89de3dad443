"""Rules about the source as text: banned functions, sizes, single-use globals, READMEs, rows sorted.

Sizes: functions of at most 60 lines (tests: 100), files of at most 800, public headers of at most 200.
A longer function needs a line in tools/size_debt.txt, which may only shrink.
"""
import os
import re
import subprocess
import sys

BANNED = ("strcpy strcat sprintf vsprintf strtok gets atoi atol atof system popen strncpy alloca tmpnam mktemp "
          "asctime ctime gmtime localtime rand srand").split()
FUNCTION_MOST, TEST_FUNCTION_MOST, FILE_MOST, HEADER_MOST = 60, 100, 800, 200


def files(*patterns):
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [f for f in out.split("\n") if f and os.path.exists(f)]


def without_comments_and_strings(text):
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def functions(code):
    """(name, first line, lines) of each function: a '{' alone in column 0 up to a '}' in column 0."""
    lines = code.split("\n")
    start = None
    for n, line in enumerate(lines):
        if line.startswith("{"):
            start = n
        elif line.startswith("}") and start is not None:
            first = start - 1
            while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#", "{")):
                first -= 1
            yield defined("\n".join(lines[first:start])), start, n - start + 1
            start = None


def defined(head):
    """The name that a function's head defines; attributes and macros in capitals are not names."""
    head = re.sub(r"__attribute__\s*\(\(.*?\)\)|\b[A-Z][A-Z0-9_]+\s*\([^()]*\)|\b_Static_assert\b", " ", head, flags=re.S)
    m = re.search(r"\b([a-z_]\w*)\s*\(", head)
    return m.group(1) if m else ""


def main():
    bad = []
    debt = {}
    if os.path.exists("tools/size_debt.txt"):
        with open("tools/size_debt.txt", encoding="utf-8") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    path, name, most = line.split()
                    debt[(path, name)] = int(most)
    code_files = files("src/*.c", "src/*.h", "libexec/*.c", "tests/*.c")
    uses = {}
    texts = {}
    pasted, pasted_after = set(), set()
    for path in code_files:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        code = without_comments_and_strings(text)
        texts[path] = code
        pasted |= set(re.findall(r"\b([a-z]\w*_)##", code))
        pasted_after |= set(re.findall(r"##(_[a-z]\w*)", code))
        n = text.count("\n")
        if n > FILE_MOST:
            bad.append(f"{path}: {n} lines, more than {FILE_MOST}")
        if path.endswith(".h") and not path.endswith("_int.h") and n > HEADER_MOST:
            bad.append(f"{path}: a public header of {n} lines, more than {HEADER_MOST}")
        for m in re.finditer(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(", code):
            bad.append(f"{path}:{code.count(chr(10), 0, m.start()) + 1}: {m.group(1)} is banned")
        if path.endswith(".c"):
            test = path.endswith("_test.c") or path.startswith("tests/")
            most = TEST_FUNCTION_MOST if test else FUNCTION_MOST
            for name, line, size in functions(code):
                if size > debt.get((path, name), most):
                    bad.append(f"{path}:{line + 1}: {name} has {size} lines, more than {most}")
        for word in set(re.findall(r"\b[a-z]\w+\b", code)):
            uses.setdefault(word, set()).add(path)
    for path in files("src/*.def"):  # tables name handlers, often as the second half of a pasted name
        with open(path, encoding="utf-8") as f:
            for word in set(re.findall(r"\b[a-z]\w+\b", without_comments_and_strings(f.read()))):
                for name in (word, *(half + word for half in pasted), *(word + half for half in pasted_after)):
                    uses.setdefault(name, set()).add(path)
    # a non-static function that only its own file uses should be static
    for path, code in texts.items():
        if not path.startswith("src/") or not path.endswith(".c") or path.endswith(("_test.c", "_fuzz.c", "_bench.c")):
            continue
        for m in re.finditer(r"^(?!static|_Noreturn static|typedef|extern|#)([^;{}#\n][^;{}#]*\))\s*\n\{", code, re.M):
            name = defined(m.group(1))
            if not name or name in ("main", "LLVMFuzzerTestOneInput") or re.search(r"\bstatic\b", m.group(1)):
                continue
            if not uses.get(name, set()) - {path}:
                bad.append(f"{path}: {name} is used in this file only: make it static")
    for room in sorted(os.listdir("src")):
        if os.path.isdir(f"src/{room}"):
            readme = f"src/{room}/README.md"
            if not os.path.exists(readme):
                bad.append(f"{readme} is missing")
            elif sum(1 for _ in open(readme, encoding="utf-8")) > 60:
                bad.append(f"{readme}: more than 60 lines")
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
