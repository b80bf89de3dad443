"""Adds a parser's rows to parsers.def and src/parse/meson.build. Usage: rows.py ROOT NAME"""
import re
import sys

root, name = sys.argv[1:]
path = f"{root}/src/parse/parsers.def"
text = open(path, encoding="utf-8").read()
head, rows = text[:text.index("PARSER(")], re.findall(r"^PARSER\(\w+\)$", text, re.M)
rows = sorted(rows + [f"PARSER({name})"])
open(path, "w", encoding="utf-8").write(head + "\n".join(rows) + "\n")

path = f"{root}/src/parse/meson.build"
text = open(path, encoding="utf-8").read()
text = text.replace("parse_src = [", f"parse_src = ['{name}.c', ", 1)
text += f"\n# {name}\ntests += [['parse', '{name}', parse, ['parse/try.c']]]\nfuzzers += [['parse', '{name}', parse]]\n"
open(path, "w", encoding="utf-8").write(text)
