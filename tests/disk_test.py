"""A full disk: nothing is acknowledged that is not kept, the rest of the platform lives, and it recovers by itself."""
import os
import subprocess
import tempfile
import time

from centre import Centre, skip, wait_for


def main():
    if os.geteuid() != 0:
        skip("mounting a small tmpfs needs root")
    mount = tempfile.mkdtemp(prefix="coloa-disk-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=220m", "tmpfs", mount], capture_output=True).returncode != 0:
        os.rmdir(mount)
        skip("mounting is not permitted here")
    try:
        with Centre(data=f"{mount}/data", sets=["journal.segment_bytes=8388608"]) as c:
            os.mkdir(c.data)
            c.start()
            token = c.token()
            fill = open(f"{mount}/fill", "wb")
            free = os.statvfs(mount)
            room = free.f_bavail * free.f_frsize
            fill.write(b"\0" * max(0, room - 6 * 1024 * 1024))
            fill.flush()
            acked = refused = 0
            i = 0
            end = time.monotonic() + 60
            while refused < 5 and time.monotonic() < end:
                lines = [b'{"message":"%s","disk":{"n":"d%d"}}' % (b"x" * 2000, i + k) for k in range(200)]
                status, answer = c.ingest(lines, token, f"disk-{i}")
                if status == 200:
                    acked += answer["accepted"]
                    i += 200
                else:
                    assert status in (429, 503), (status, answer)
                    refused += 1
                    time.sleep(0.2)
            assert refused >= 5, "the disk never became full"
            fill.close()
            os.unlink(f"{mount}/fill")
            lines = [b'{"message":"after","disk":{"n":"d%d"}}' % (i + k) for k in range(200)]

            def again():
                return c.ingest(lines, token, f"disk-{i}")[0] == 200
            wait_for("acknowledged again after space came back", 60, again, every=0.5)
            total = acked + 200
            wait_for(f"{total} records stored", 90, lambda: c.count("disk.n:d*") >= total, every=0.5)
            time.sleep(1)
            assert c.count("disk.n:d*") == total, (c.count("disk.n:d*"), total)
            assert c.stop() == 0
            print(f"ok: {acked} acknowledged before, {refused} refused while full, all {total} stored once")
    finally:
        subprocess.run(["umount", "-l", mount])
        os.rmdir(mount)


main()
