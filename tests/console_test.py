"""The console in a real browser against this build: sign-in with the forced change, live alerts, triage, search, both
languages, both themes, accessibility (axe-core), Content-Security-Policy. COLOA_SHOTS keeps the screenshots."""
import os
import re
import shutil
import subprocess
import tempfile

from centre import Centre, skip, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    if not os.path.exists("/usr/bin/chromium") or not os.path.isdir(f"{ROOT}/console/node_modules/playwright-core"):
        skip("chromium or the console's packages are not installed")
    node = shutil.which("node") or os.path.expanduser("~/.cache/coloa/node/bin/node")
    shots = os.environ.get("COLOA_SHOTS") or tempfile.mkdtemp(prefix="coloa-shots-")
    with Centre(sets=["demo=on"]) as c:
        c.start()
        login = re.search(r"First login +(\S+) +(\S+)", c.tail(100000))
        wait_for("some alerts", 60, lambda: len(c.alerts()) >= 10, every=0.5)
        p = subprocess.run([node, f"{ROOT}/console/tests/e2e.mjs"], cwd=f"{ROOT}/console", timeout=400, capture_output=True,
                           env={**os.environ, "BASE_URL": f"http://localhost:{c.port('web')}", "LOGIN": login.group(1),
                                "PASSWORD": login.group(2), "SHOTS": shots})
        print(p.stdout.decode()[-3000:], p.stderr.decode()[-2000:])
        assert p.returncode == 0
        assert c.stop() == 0


main()
