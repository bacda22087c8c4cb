"""--trusted-proxies and --proxy-protocol behind Debian's HAProxy and nginx: whose address the server takes for the client's.

Clients come from 127.0.0.9, proxies from 127.0.0.1, which the servers trust.
"""

import contextlib
import http.client
import re
import shutil
import socket
import subprocess

import pytest

from harness import limit, wait_until
from s3_face import FACE

CLIENT = "127.0.0.9"
TRUST = ("--trusted-proxies", "127.0.0.1")

HAPROXY = """
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
{parts}
"""
TCP = """
listen {name}
  mode tcp
  bind 127.0.0.1:{front}
  option httpchk GET /readyz
  server one 127.0.0.1:{port} {how}
"""
HTTP = """
listen {name}
  mode http
  bind 127.0.0.1:{front}
  option forwardfor
  http-request del-header Forwarded
  server one 127.0.0.1:{port}
"""
NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{front};
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Forwarded "";
    }}
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def accepts(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


class Proxies:
    """HAProxy and nginx of a test."""

    def __init__(self, folder):
        self.folder = folder
        self.running = contextlib.ExitStack()

    def run(self, *command, ports):
        if shutil.which(command[0]) is None:
            pytest.fail(f"{command[0]} is not installed", pytrace=False)
        process = self.running.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.running.callback(process.kill)
        for port in ports:
            wait_until(lambda: accepts(port), what=f"{command[0]} at {port}")

    def haproxy(self, *parts):
        """Each part: a template, the server's port, and how it is told of clients. Returns the ports."""
        fronts = [free_port() for _ in parts]
        text = "".join(part.format(name=f"n{front}", front=front, port=port, how=how) for front, (part, port, how) in zip(fronts, parts))
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(parts=text))
        self.run("haproxy", "-f", str(config), ports=fronts)
        return fronts

    def nginx(self, port):
        front = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, front=front, port=port))
        self.run("nginx", "-p", str(self.folder), "-c", str(config), ports=[front])
        return front


@pytest.fixture
def proxies(tmp_path):
    made = Proxies(tmp_path)
    with made.running:
        yield made


class Log:
    """The access log of a server, by request id."""

    def __init__(self, path):
        self.path = path

    def client(self, request_id):
        """The client's address. A line names the proxy, if the client comes through one."""
        found = wait_until(lambda: re.search(rf" client=(\S+) (?:peer=(\S+) )?.* request_id={request_id} ", self.path.read_text()),
                           what="a line of the access log")
        assert found[2] == ("127.0.0.1" if self.by_proxy(request_id) and found[1] == CLIENT else None), found[0]
        return found[1]

    @staticmethod
    def by_proxy(request_id):
        return request_id not in ("direct", "curl")


@pytest.fixture
def served(start_server, origin, kind, tmp_path):
    """Starts a server that has one object. Returns it, the object's path and its access log."""
    origin.put(kind, "object", size=1000)

    def start(*arguments):
        log = tmp_path / f"access-{kind}-{len(arguments)}.log"
        server = start_server("--origin", "s3", *TRUST, "--access-log", str(log), *arguments, environment=origin.environment())
        return server, f"/fetch/{kind}/object", Log(log)
    return start


def curl(url, name, *options, source=CLIENT):
    """The status of a request with this id."""
    done = subprocess.run(["curl", "-sS", "-k", "--noproxy", "*", "--interface", source, "-m", str(limit(20)), "-o", "/dev/null",
                           "-w", "%{http_code} %{http_version}", "-r", "0-9", "-H", f"X-Request-Id: {name}", *options, url],
                          capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"curl: {done.returncode}"


def test_the_proxy_protocol_of_haproxy(served, proxies):
    server, path, log = served("--proxy-protocol", "--admin-listen", "127.0.0.1:0", *FACE)
    checked = "send-proxy-v2 check check-send-proxy inter 100ms fall 1"
    v2, v1, tlvs, s3 = proxies.haproxy(
        (TCP, server.port, checked), (TCP, server.port, "send-proxy"),
        (TCP, server.port, "send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id,authority"), (TCP, server.s3_port, "send-proxy-v2"))
    for name, port in [("v2", v2), ("v1", v1), ("tlvs", tlvs)]:
        assert curl(f"http://127.0.0.1:{port}{path}", name) == "206 1.1"
        assert log.client(name) == CLIENT
        assert curl(f"http://127.0.0.1:{port}{path}", f"{name}-h2", "--http2-prior-knowledge") == "206 2"
        assert log.client(f"{name}-h2") == CLIENT
        # A client that the server does not trust says nothing of other clients.
        assert curl(f"http://127.0.0.1:{port}{path}", f"{name}-lie", "-H", "X-Forwarded-For: 8.8.8.8") == "206 1.1"
        assert log.client(f"{name}-lie") == CLIENT
    assert curl(f"http://127.0.0.1:{s3}{path.removeprefix('/fetch')}", "s3") == "206 1.1"
    assert log.client("s3") == CLIENT
    # Others than proxies need no header; proxies need one; a header of curl is as good as any.
    direct = f"http://127.0.0.1:{server.port}{path}"
    assert curl(direct, "direct") == "206 1.1" and log.client("direct") == CLIENT
    assert curl(direct, "curl", "--haproxy-protocol", source="127.0.0.1") == "206 1.1" and log.client("curl") == "127.0.0.1"
    assert curl(direct, "spoof", "--haproxy-protocol").startswith("400 ")
    # Health checks with a LOCAL header were no fault.
    admin = re.search(r"admin_address=127\.0\.0\.1:(\d+)", server.log())[1]
    metrics = f"http://127.0.0.1:{admin}/metrics"
    refused = "cachey_proxy_headers_refused_total"
    assert f"\n{refused} 0\n" in read(metrics)
    assert curl(direct, "bare", source="127.0.0.1").startswith("curl: ")
    wait_until(lambda: f"\n{refused} 1\n" in read(metrics), what="the refused connection in /metrics")
    wait_until(lambda: "no valid PROXY header came proxy=127.0.0.1" in server.log(), what="the line")


def read(url):
    return subprocess.run(["curl", "-sS", "--noproxy", "*", url], capture_output=True, text=True, check=True).stdout


def test_the_proxy_protocol_before_tls(served, proxies):
    server, path, log = served("--proxy-protocol", "--tls-self")
    v2, v1 = proxies.haproxy((TCP, server.port, "send-proxy-v2"), (TCP, server.port, "send-proxy"))
    for name, port in [("v2", v2), ("v1", v1)]:
        for version, option in [("1.1", "--http1.1"), ("2", "--http2")]:
            assert curl(f"https://127.0.0.1:{port}{path}", f"{name}-{version}", option) == f"206 {version}"
            assert log.client(f"{name}-{version}") == CLIENT


def test_forwarded_fields_of_haproxy_and_nginx(served, proxies):
    server, path, log = served()
    urls = {"haproxy": f"http://127.0.0.1:{proxies.haproxy((HTTP, server.port, ''))[0]}{path}",
            "nginx": f"http://127.0.0.1:{proxies.nginx(server.port)}{path}"}
    for name, url in urls.items():
        assert curl(url, name) == "206 1.1"
        assert log.client(name) == CLIENT
        for lie, fields in [("list", ["-H", "X-Forwarded-For: 8.8.8.8"]), ("forwarded", ["-H", "Forwarded: for=8.8.8.8"]),
                            ("both", ["-H", "X-Forwarded-For: 127.0.0.1, unknown", "-H", 'Forwarded: for="'])]:
            assert curl(url, f"{name}-{lie}", *fields) == "206 1.1"
            assert log.client(f"{name}-{lie}") == CLIENT
    # One proxy behind the other: nginx before HAProxy.
    front = proxies.nginx(int(urls["haproxy"].split(":")[2].split("/")[0]))
    assert curl(f"http://127.0.0.1:{front}{path}", "chain") == "206 1.1"
    assert log.client("chain") == CLIENT
    direct = f"http://127.0.0.1:{server.port}{path}"
    assert curl(direct, "direct", "-H", "X-Forwarded-For: 8.8.8.8") == "206 1.1" and log.client("direct") == CLIENT


def test_an_admin_address_in_clear_text_beside_tls(start_server, directory):
    server = start_server("--origin", f"dir:{directory.path}", "--tls-self", "--admin-listen", "127.0.0.1:0", "--admin-tls=false",
                          *TRUST, "--proxy-protocol")
    port = int(re.search(r"admin_address=127\.0\.0\.1:(\d+)", server.log())[1])
    for target in ("/metrics", "/stats", "/healthz", "/readyz"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit(10))
        connection.request("GET", target)
        assert connection.getresponse().status == 200
        connection.close()
    assert curl(f"http://127.0.0.1:{server.port}/healthz", "plain").startswith("400 ")  # the data port has TLS only
