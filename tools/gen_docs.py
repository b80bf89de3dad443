"""Writes docs/configuration.md, docs/configuration.vi.md and docs/metrics.md from the tables, so that they cannot differ.
The Vietnamese help of an option is a row of docs/options.vi.tsv. Usage: gen_docs.py [--check]"""
import re
import sys

rows = re.findall(r'^OPTION\((\w+), "([^"]+)", (\w+), "([^"]*)", (-?\d+), (-?\d+), ([^,]+), (\w+), "([^"]+)"\)',
                  open("src/core/options.def", encoding="utf-8").read(), re.M)
metrics = re.findall(r'^METRIC\((\w+), "([^"]+)", (\w+), "([^"]+)"\)', open("src/core/metrics.def", encoding="utf-8").read(), re.M)
vi = dict(line.rstrip("\n").split("\t", 1) for line in open("docs/options.vi.tsv", encoding="utf-8") if "\t" in line)
TAKES = {"RELOAD": ("on reload", "khi nạp lại"), "RESTART": ("on restart", "khi khởi động lại")}


def table(lang):
    for _, key, kind, default, low, high, _, reload, text in rows:
        span = f" {low}–{high}" if kind == "INT" else ""
        shown = f"`{default}`" if default else "–"
        yield f"| `{key}` | {shown}{span} | {TAKES[reload][lang]} | {vi.get(key, text) if lang else text} |"


EN = """# Configuration

One file, `DATA/coloa.yaml` (or `--config FILE`), read by the parent alone. Keys are nested or dotted; `--set key=value` on the
command line has the last word. An unknown key is an error that names the nearest one; nothing half-applies. Secrets are never values:
write `file:PATH`. `kill -HUP` of `coloa serve` reads the file and the rules again; a refused reload changes nothing.

```yaml
listen:
  syslog: 0.0.0.0:5514
intake:
  files: [/var/log/auth.log, "/var/log/nginx/*.log"]
  journald: true
rules.dirs: [/etc/coloa/rules]
```

| key | default, range | takes effect | meaning |
| --- | --- | --- | --- |
"""
VI = """# Cấu hình

Một tệp duy nhất, `DATA/coloa.yaml` (hoặc `--config FILE`), chỉ tiến trình cha đọc. Khóa viết lồng nhau hoặc có dấu chấm; `--set khóa=giá_trị`
trên dòng lệnh có hiệu lực sau cùng. Khóa lạ là lỗi và được gợi ý khóa gần nhất; không bao giờ áp dụng nửa chừng. Bí mật không ghi
trực tiếp: viết `file:PATH`. `kill -HUP` tiến trình `coloa serve` để đọc lại tệp và bộ luật; bị từ chối thì giữ nguyên cấu hình cũ.

| khóa | mặc định, khoảng | có hiệu lực | ý nghĩa |
| --- | --- | --- | --- |
"""
METRICS = """# Metrics

`GET /metrics` on the web door, OpenMetrics text: sums over all roles. They live in `DATA/run/metrics.ROLE`, and so survive a role's restart.

| metric | kind | meaning |
| --- | --- | --- |
"""
made = {
    "docs/configuration.md": EN + "\n".join(table(0)) + "\n",
    "docs/configuration.vi.md": VI + "\n".join(table(1)) + "\n",
    "docs/metrics.md": METRICS + "\n".join(
        f"| `coloa_{n}{'_total' if k == 'COUNTER' else ''}` | {k.lower()} | {h} |" for _, n, k, h in metrics) + "\n",
}
bad = [f"docs/options.vi.tsv: no row for {r[1]}" for r in rows if r[1] not in vi]
for path, text in made.items():
    if "--check" in sys.argv:
        try:
            same = open(path, encoding="utf-8").read() == text
        except FileNotFoundError:
            same = False
        if not same:
            bad.append(f"{path} is not what the tables say: run tools/gen_docs.py")
    else:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
print("\n".join(bad))
sys.exit(1 if bad else 0)
