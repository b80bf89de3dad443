"""Runs gcc -fanalyzer, clang-tidy and cppcheck on the files named on standard input, with the flags that
the build used. Usage: analyse.py BUILDDIR < list"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

# Switched off: easily-swappable-parameters, reserved-identifier, narrowing-conversions, implicit-widening, assignment-in-if and
# branch-clone are taste; DeprecatedOrUnsafeBufferHandling wants Annex K, which the C library does not have; no-int-to-ptr hits the
# engine's symbols; suspicious-include hits .def tables; mt-unsafe hits strerror, which is safe in this C library; macro-parentheses
# can't hold for macros that make declarations; sizeof-expression takes sizeof(array_of_pointers[0]) for a mistake.
TIDY = ("-*,bugprone-*,clang-analyzer-*,concurrency-mt-unsafe,performance-*,-bugprone-easily-swappable-parameters,"
        "-bugprone-reserved-identifier,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,"
        "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling,-performance-no-int-to-ptr,"
        "-bugprone-suspicious-include,-concurrency-mt-unsafe,-bugprone-assignment-in-if-condition,-bugprone-branch-clone,"
        "-bugprone-macro-parentheses,-bugprone-sizeof-expression,"
        # false alarms of this version on cleanup through helper functions; cppcheck and LeakSanitizer cover leaks
        "-clang-analyzer-unix.Malloc,-clang-analyzer-valist.Uninitialized")
# This version takes what is stored through a pointer into a structure for leaked; LeakSanitizer in the tests finds the real ones.
GCC_OFF = ["-Wno-analyzer-malloc-leak"]
GCC_SECONDS = 60  # large switch tables never end
build = sys.argv[1]
wanted = {os.path.abspath(line.strip()) for line in sys.stdin if line.strip()}
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
    commands = {os.path.abspath(os.path.join(c["directory"], c["file"])): c for c in json.load(f)}


def flags(c):
    words = shlex.split(c["command"])[1:]
    keep, skip = [], False
    for w in words:
        if skip:
            skip = False
        elif w in ("-o", "-MF", "-MQ", "-c"):
            skip = True
        elif w not in ("-MD",):
            keep.append(w)
    return keep


def excused(line, folder):
    """A finding on a line with NOLINT, or behind one with NOLINTNEXTLINE: clang-tidy's own rule, for gcc as well."""
    at = re.match(r"([^:]+):(\d+):", line)
    if not at:
        return False
    with open(os.path.join(folder, at.group(1)), encoding="utf-8") as f:  # of a header it is relative
        lines = ["", "", *f.read().split("\n")]
    n = int(at.group(2)) + 1
    return bool(re.search(r"NOLINT(?!NEXTLINE)", lines[n])) or "NOLINTNEXTLINE" in lines[n - 1]


def one(path):
    c = commands.get(path)
    if not c or path.endswith("_test.c"):
        return ""
    f = flags(c)
    out = []
    try:
        gcc = subprocess.run(["gcc", *f, "-fdiagnostics-color=never", "-O1", "-fanalyzer", *GCC_OFF, "-Wno-error", "-S", "-o", "/dev/null", path],
                             cwd=c["directory"], capture_output=True, text=True, timeout=GCC_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"{path}: gcc's analyser was stopped after {GCC_SECONDS} s", file=sys.stderr)
        gcc = subprocess.CompletedProcess([], 0, "", "")
    out += sorted({line for line in gcc.stderr.split("\n") if re.search(r"\[-Wanalyzer|error:", line) and not excused(line, c["directory"])})
    if gcc.returncode and not out:
        out.append(f"{path}: gcc -fanalyzer failed: {gcc.stderr.strip()[:300]}")
    clang = [w for w in f if w.startswith(("-I", "-D", "-std", "-isystem", "-pthread"))]
    tidy = subprocess.run(["clang-tidy-14", "--quiet", f"--checks={TIDY}", path, "--", *clang, "-Wno-unknown-warning-option"],
                          cwd=c["directory"], capture_output=True, text=True)
    out += [line for line in tidy.stdout.split("\n") if re.search(r": (warning|error): ", line)]
    return "\n".join(out)


with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
    results = [r for r in pool.map(one, sorted(wanted)) if r]
cpp = subprocess.run(["cppcheck", "--quiet", "--enable=warning,portability", "--inline-suppr", "--error-exitcode=0", "-D_GNU_SOURCE",
                      "--suppress=missingIncludeSystem", "--suppress=unknownMacro", "--suppress=syntaxError", "-Isrc", "-j2",
                      *[os.path.relpath(p) for p in sorted(wanted) if p in commands]],
                     capture_output=True, text=True) if wanted else None
if cpp and cpp.stderr.strip():
    results += [line for line in cpp.stderr.split("\n") if re.search(r": (error|warning|portability):", line)]
print("\n".join(results))
sys.exit(1 if results else 0)
