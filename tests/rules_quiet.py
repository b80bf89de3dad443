"""The shipped rules over logs of other people's days: what they find there is counted by rule and held
against rules_quiet.tsv, where each count has its reason. A rule that begins to find more, or less,
fails here. The logs are ../shared/data (read-only); without them the test is skipped."""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("COLOA_SOURCE_ROOT", ".")).resolve()
COLOA = pathlib.Path(os.environ.get("COLOA_BUILD_ROOT", SOURCE / "build")) / "coloa"
EVENTS = SOURCE.parent / "shared" / "data" / "events"

# Name, folders or files below events/, at least so many events. Cases that were made to be attacks are
# not here, but for the Windows captures: an attack of seconds within thousands of ordinary events.
LOGS = (
    ("web", ["weblogs/elastic-examples/apache_logs.log"] + [f"weblogs/crowdsec/{case}/*.log" for case in (
        "aws-alb-logs", "aws-cloudfront-logs", "base-upsun-httplog-logs", "caddy-logs", "calibre-web-whitelist",
        "envoy-logs", "haproxy-logs", "haproxy-nextcloud-whitelist", "iis-xml-logs", "jellyfin-whitelist",
        "jellyseerr-whitelist", "litespeed-logs", "nextcloud-whitelist", "nginx-proxy-manager-logs", "nginx_http-logs",
        "npmplus-logs", "overseerr-whitelist", "rocketchat-whitelist", "traefik_json", "zoraxy-http-logs")], 10150),
    ("sensor", ["zeek/btest-tsv", "zeek/btest-json", "zeek/edge-cases"], 3500),
    ("syslog", [f"syslog/crowdsec/{case}/*.log" for case in (
        "bind9-syslog", "charon-ipsec-logs", "exim-syslog-logs", "jellyfin-syslog-logs", "mailscanner-logs",
        "pam-logs", "pf-logs", "pfsense-rfc5424-filterlog", "pfsense-rfc5424-nginx", "postscreen-logs",
        "prowlarr-logs", "radarr-logs", "sonarr-logs", "sshd-logs-fp", "syslog-logs", "wireguard-logs")], 200),
    ("audit", ["auditd/go-libaudit/auparse/*.log", "auditd/go-libaudit/reassembly/*.log"], 140),
    ("windows", ["otrf/atomic"], 360000),
)


def rule_names():
    names = {}
    for path in (SOURCE / "rules").glob("*/*.yml"):
        for found in re.findall(r"^id: (\S+)$", path.read_text(encoding="utf-8"), re.M):
            names[found] = path.stem
    return names


def expected():
    rows = {}
    for line in (SOURCE / "tests" / "rules_quiet.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        logs, rule, hits, reason = line.split("\t")
        if not reason:
            sys.exit(f"rules_quiet.tsv: {logs} {rule}: no reason")
        rows[logs, rule] = int(hits)
    return rows


def ordinary_day(path):
    """The lines that the demo's city repeats, without its attack: always quiet."""
    dice = random.Random(7)
    lines = []
    for row in (SOURCE / "demo" / "scenario.txt").read_text(encoding="utf-8").splitlines():
        every = re.match(r"every \S+ \S+ \S+ \S+ (.*)", row)
        for _ in range(200 if every else 0):
            line, n = every[1], 1
            while n:
                line = re.sub(r"\{rand:(\d+)-(\d+)\}", lambda m: str(dice.randint(int(m[1]), int(m[2]))), line)
                line, n = re.subn(r"\{pick:([^{}]*)\}", lambda m: dice.choice(m[1].split("|")), line)
            for name, text in (("syslog", "Nov 25 08:01:02"), ("iso", "2026-11-25T08:01:02Z"),
                               ("clf", "25/Nov/2026:08:01:02 +0700")):
                line = line.replace("{" + name + "}", text)
            lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [str(path)], len(lines)


def files_of(below):
    return [str(p) for pattern in below for p in sorted(EVENTS.glob(pattern))]


def hunt(paths):
    run = subprocess.run([COLOA, "hunt", "--rules", SOURCE / "rules", "--output", "jsonl", *paths],
                         capture_output=True, encoding="utf-8")
    if run.returncode not in (0, 1, 3):
        sys.exit(run.stderr)
    summary = run.stderr.splitlines()[-1]
    events = int(re.search(r"\bevents=(\d+)", summary)[1])
    return events, collections.Counter(json.loads(line)["rule_id"] for line in run.stdout.splitlines()), summary


def main():
    names, want, wrong, got = rule_names(), expected(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        paths, least = ordinary_day(pathlib.Path(folder) / "day.log")
        events, found, summary = hunt(paths)
    print(f"city: {summary}")
    if events != least or found:
        wrong.append(f"city: {events} of {least} events; " + ", ".join(f"{names[r]} {n}" for r, n in found.items()))
    if not EVENTS.is_dir():
        print("\n".join([*wrong, f"skipped: no {EVENTS}"]))
        return 1 if wrong else 77
    for logs, below, least in LOGS:
        events, found, summary = hunt(files_of(below))
        print(f"{logs}: {summary}")
        if events < least:
            wrong.append(f"{logs}: {events} events, at least {least} wanted")
        got.update({(logs, names[rule]): n for rule, n in found.items()})
    for key in sorted(want.keys() | got.keys()):
        if want.get(key, 0) != got.get(key, 0):
            wrong.append(f"{key[0]}\t{key[1]}\t{got.get(key, 0)}\texpected {want.get(key, 0)}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
