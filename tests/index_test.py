#!/usr/bin/env python3
"""The index of the rules against the full scan, over real Windows events as a sender's JSON: SigmaHQ's rules find the same on
every event. A sample of each archive of ../shared/data/events/otrf; all of them with COLOA_LONG=1 (some 570,000 events).

usage: tests/index_test.py
"""
import csv
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = os.environ.get("COLOA_SOURCE_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("COLOA_BUILD_ROOT") or os.path.join(ROOT, "build")
DATA = os.path.join(ROOT, "..", "shared", "data")
PROGRAM = os.path.join(BUILD, "src", "serve", "detect_bench")
SAMPLE = 150
FILE_BYTES = 400 << 20


def lines(path, inner):
    packed = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path)
    with packed:
        names = packed.namelist() if isinstance(packed, zipfile.ZipFile) else packed.getnames()
        name = next(n for n in names if n.endswith(inner))
        with packed.open(name) if isinstance(packed, zipfile.ZipFile) else packed.extractfile(name) as f:
            for line in f:
                line = line.strip()
                if line:
                    yield line


def compare(name):
    done = subprocess.run([PROGRAM, "-c", name, f"{DATA}/sigma/rules"], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="", end="", flush=True)
    return done.returncode == 0


def main():
    index = f"{DATA}/events/otrf/index.tsv"
    if not os.path.exists(index) or not os.path.exists(PROGRAM):
        print(f"skipped: no {index} or no {PROGRAM}")
        return 77
    good, everything = True, bool(os.environ.get("COLOA_LONG"))
    with open(index, encoding="utf-8") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    with tempfile.NamedTemporaryFile(prefix="coloa-index-") as out:
        n = 0
        for row in rows:
            for i, line in enumerate(lines(os.path.join(DATA, row["path"]), row["inner_file"])):
                if not everything and i >= SAMPLE:
                    break
                out.write(line + b"\n")
                n += 1
            if out.tell() > FILE_BYTES:
                out.flush()
                good &= compare(out.name)
                out.seek(0)
                out.truncate()
        out.flush()
        if out.tell():
            good &= compare(out.name)
    print(f"{n} events of {len(rows)} files: {'the same' if good else 'DIFFERENT'}")
    return 0 if good and n else 1


if __name__ == "__main__":
    sys.exit(main())
