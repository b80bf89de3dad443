"""Real senders: logger over UDP and TCP, rsyslog, curl, and nginx with a rotated log. Each record is found by search."""
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time

from centre import Centre, skip, wait_for


def need(*programs):
    for p in programs:
        if not shutil.which(p) and not os.path.exists(f"/usr/sbin/{p}"):
            skip(f"{p} is not installed")


def logger(c):
    for kind in ("udp", "tcp"):
        subprocess.run(["logger", "--server", "127.0.0.1", "--port", str(c.port("syslog")), f"--{kind}", "-t", "bao-cao",
                        f"hello from logger by {kind} marker-logger-{kind}"], check=True)
        wait_for(f"logger {kind}", 20, lambda k=kind: c.count(f'"marker-logger-{k}"') == 1)
    (e,) = c.events('"marker-logger-udp"')
    assert e["log"]["syslog"]["appname"] == "bao-cao", e


def rsyslog(c, work):
    conf = f"{work}/rsyslog.conf"
    socket_path = f"{work}/log.sock"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f'''global(workDirectory="{work}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket_path}")
action(type="omfwd" target="127.0.0.1" port="{c.port("syslog")}" protocol="tcp" TCP_Framing="octet-counted"
       template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="127.0.0.1" port="{c.port("syslog")}" protocol="udp")
''')
    p = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", conf, "-i", f"{work}/rsyslog.pid"])
    try:
        wait_for("rsyslog's socket", 10, lambda: os.path.exists(socket_path))
        for i in range(50):
            subprocess.run(["logger", "-u", socket_path, "-t", "sshd[4242]",
                            f"Failed password for invalid user marker-rsyslog-{i} from 203.0.113.9 port 40022 ssh2"], check=True)
        # each line arrives twice: octet-counted RFC 5424 over TCP, and RFC 3164 over UDP
        wait_for("50 lines of rsyslog by both ways", 30, lambda: c.count("user.name:marker-rsyslog-*") == 100)
        e = c.events("user.name:marker-rsyslog-7")[0]
        assert e["source"]["ip"] == "203.0.113.9" and e["event"]["outcome"] == "failure", e
    finally:
        p.terminate()
        p.wait(10)


def curl(c, work):
    token = c.token()
    path = f"{work}/events.ndjson"
    with open(path, "w", encoding="utf-8") as f:
        for i in range(200):
            f.write('{"message":"hello from curl","user":{"name":"marker-curl-%d"},"source":{"ip":"198.51.100.7"}}\n' % i)
    out = subprocess.run(["curl", "-sS", "-f", "-H", f"Authorization: Bearer {token}", "--data-binary", f"@{path}",
                          f"http://127.0.0.1:{c.port('ingest')}/ingest"], check=True, capture_output=True).stdout
    assert b'"accepted":200' in out and b'"quarantined":0' in out, out
    wait_for("200 events of curl", 20, lambda: c.count("user.name:marker-curl-*") == 200)
    bad = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Authorization: Bearer nonsense",
                          "--data-binary", f"@{path}", f"http://127.0.0.1:{c.port('ingest')}/ingest"], capture_output=True).stdout
    assert bad == b"401", bad


def nginx(c, work):
    conf = f"{work}/nginx.conf"
    door = socket.create_server(("127.0.0.1", 0))  # nginx inherits it, as from its own predecessor: no port to lose
    port = door.getsockname()[1]
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f'''user root; daemon off; pid {work}/nginx.pid; error_log {work}/nginx-error.log;
events {{}}
http {{ access_log {work}/access.log combined; client_body_temp_path {work}/b; proxy_temp_path {work}/p;
fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
server {{ listen 127.0.0.1:{port}; location / {{ return 200 ok; }} }} }}
''')
    p = subprocess.Popen(["/usr/sbin/nginx", "-c", conf], pass_fds=[door.fileno()], env={**os.environ, "NGINX": f"{door.fileno()};"})
    door.close()
    try:
        def get(i):
            return subprocess.run(["curl", "-s", "-f", "-o", "/dev/null", f"http://127.0.0.1:{port}/marker-nginx-{i}"]).returncode == 0
        wait_for("nginx", 10, lambda: get("probe"))
        wait_for("nginx's new log is found", 10, lambda: c.count("url.path:/marker-nginx-probe") >= 1)
        for i in range(300):
            assert get(i)
            if i in (100, 200):  # rotation as logrotate does it: rename, then USR1
                os.rename(f"{work}/access.log", f"{work}/access.log.{i}")
                os.kill(int(open(f"{work}/nginx.pid").read()), 10)
                time.sleep(0.3)
        wait_for("300 lines over two rotations", 40, lambda: c.count("url.path:/marker-nginx-* and not url.path:/marker-nginx-probe") == 300)
        e = c.events("url.path:/marker-nginx-42")[0]
        assert e["http"]["response"]["status_code"] == 200, e
    finally:
        p.terminate()
        p.wait(10)


def main():
    need("rsyslogd", "logger", "curl", "nginx")
    work = tempfile.mkdtemp(prefix="coloa-senders-")
    try:
        with Centre(sets=[f"intake.files={work}/access.log"]) as c:
            c.start()
            logger(c)
            curl(c, work)
            rsyslog(c, work)
            nginx(c, work)
            assert c.stop() == 0
    finally:
        shutil.rmtree(work, ignore_errors=True)
    assert not glob.glob(f"{work}/*")
    print("ok: logger, curl, rsyslog and nginx, each record found")


main()
