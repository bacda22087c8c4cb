"""deploy/haproxy/haproxy.cfg and haproxy-tls.cfg: what passes through unchanged, in HTTP/1.1 and HTTP/2, in clear text
and over TLS on both sides."""

import collections
import contextlib
import http.server
import re
import subprocess
import threading
import types

import pytest
from balancer import SHIPPED, HAProxy
from fleet import PORT, Node, free_ports, moved, new_address, servers_up, start_haproxy, wait_until
from nodes import KIB, Fleet, Store

_ID = "0f8f1f7a-req.77"
_PAGES = 5
_LENGTH = _PAGES * 64 * KIB
_LAKE = ["--kind", "lake=lake", "--page-size", "lake=64KiB"]


class Authority:
    """A certificate authority. pair(NAME, HOST) makes NAME.crt, NAME.key, and NAME.pem, which has both."""

    _NEW = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def __init__(self, folder):
        self._folder = folder
        self.certificate = folder / "ca.crt"
        self._run(*self._NEW, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out",
                  self.certificate)

    def _run(self, *command):
        subprocess.run(command, check=True, capture_output=True)

    def pair(self, name, host):
        at = self._folder / name
        self._run(*self._NEW, "-subj", f"/CN={name}", "-keyout", f"{at}.key", "-out", f"{at}.request")
        (self._folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
        self._run("openssl", "x509", "-req", "-in", f"{at}.request", "-CA", self.certificate, "-CAkey",
                  self._folder / "ca.key", "-days", "2", "-extfile", self._folder / "names", "-out", f"{at}.crt")
        pem = self._folder / f"{name}.pem"
        pem.write_bytes(b"".join((self._folder / f"{name}.{end}").read_bytes() for end in ("crt", "key")))
        return pem


class Place:
    """A HAProxy, its store, and the words of curl that reach it."""

    def __init__(self, store, url, words, log):
        self.store, self._url, self._words, self.log = store, url, words, log
        self.is_tls = bool(words)
        store.put("lake", "key", size=_LENGTH)

    def curl(self, protocol, *fields, target="/fetch/lake/key"):
        """(status, the fields of head and trailers, body)."""
        sent = [word for field in (f"Range: bytes=0-{_LENGTH - 1}", *fields) for word in ("-H", field)]
        done = subprocess.run(["curl", "-sS", protocol, *self._words, *sent, "-D", "/dev/stderr", self._url + target],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        head = done.stderr.decode("latin-1")
        got = collections.defaultdict(list)
        for name, text in re.findall(r"(?m)^([\w-]+): (.*?)\r?$", head):
            got[name.lower()].append(text)
        return int(head.split()[1]), got, done.stdout

    def statuses(self, protocol):
        """The C0-Status fields of head and trailers. (curl stops reading HTTP/2 at Content-Length, before trailers.)"""
        if protocol == "--http1.1":
            return self.curl(protocol, "TE: trailers")[1]["c0-status"]
        words = ["-H", f"range: bytes=0-{_LENGTH - 1}", "-H", "te: trailers", self._url + "/fetch/lake/key"]
        done = subprocess.run(["nghttp", "-nv", *words], text=True, capture_output=True, timeout=60)
        return re.findall(r"recv \(stream_id=\d+\) c0-status: (.*)", done.stdout)


def clear_place(folder, stack):
    fleet = Fleet(folder, stack, 2)
    haproxy = stack.enter_context(HAProxy(folder, fleet.nodes))
    return Place(fleet.store, f"http://127.0.0.1:{haproxy.port}", [], haproxy.process.log)


def tls_place(folder, stack):
    """haproxy-tls.cfg in front of nodes that ask for client certificates. The third one's has another name."""
    authority = Authority(folder)
    front, client = authority.pair("front", "localhost"), authority.pair("client", "haproxy")
    store = stack.enter_context(Store())
    port, admin_port = free_ports(2)
    places = [("0.0.0.0:8443", f"127.0.0.1:{port}"), ("127.0.0.1:8404", f"127.0.0.1:{admin_port}"),
              ("/etc/haproxy/front.pem", front), ("/etc/haproxy/client.pem", client),
              ("/etc/haproxy/nodes-ca.pem", authority.certificate)]
    for at, host in enumerate(("n1.example.com", "n2.example.com", "other.example.com"), 1):
        authority.pair(f"n{at}", host)
        arguments = ["--listen", "127.0.0.1", "--port", PORT, "--memory", "128MiB", "--hedge-quantile=0", *_LAKE,
                     "--log-format", "json", "--tls-cert", f"/tls/n{at}.crt", "--tls-key", f"/tls/n{at}.key", "--tls-client-ca",
                     "/tls/ca.crt"]
        node = Node(f"n{at}", arguments, store.environment(), folder, new_address(), places=[("/tls", folder)])
        stack.callback(node.end)
        node.start()
        places.append((f"10.0.0.{at}:8443", f"{node.address}:{PORT}"))
    text = moved((SHIPPED / "haproxy-tls.cfg").read_text(), places)
    haproxy = stack.enter_context(start_haproxy(text, folder, "tls"))
    wait_until(lambda: "nodes/n3 is DOWN, reason: Layer6 invalid response" in haproxy.log.read_text(),
               "HAProxy sees the wrong name")
    wait_until(lambda: servers_up(admin_port) == 2, "two nodes are up")
    place = Place(store, f"https://localhost:{port}", ["--cacert", authority.certificate], haproxy.log)
    place.admin_port = admin_port
    return place


_PLACES = {"clear": clear_place, "tls": tls_place}
_PROTOCOLS = {("clear", "1.1"): "--http1.1", ("clear", "2"): "--http2-prior-knowledge", ("tls", "1.1"): "--http1.1",
              ("tls", "2"): "--http2"}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield {name: make(tmp_path_factory.mktemp(name), stack) for name, make in _PLACES.items()}


@pytest.fixture(params=_PROTOCOLS, ids=" ".join)
def way(request, places):
    """(the place, the word of curl for the protocol)."""
    return places[request.param[0]], _PROTOCOLS[request.param]


@pytest.fixture
def curl(way):
    place, protocol = way
    return lambda *fields, **more: place.curl(protocol, *fields, **more)


def test_bytes_and_trailers_pass(way, curl):
    place, protocol = way
    status, got, body = curl()
    assert status == 206 and len(body) == _LENGTH and place.store.is_right("lake", "key", 0, body)
    pages = [re.match(r"(\d+)-", text)[1] for text in place.statuses(protocol)]
    last = 1 if place.is_tls and protocol == "--http1.1" else _PAGES  # haproxy-tls.cfg says why
    assert pages == [str(at * 64 * KIB) for at in range(last)]


def test_a_request_id_passes_and_one_is_made_if_there_is_none(curl):
    assert curl(f"X-Request-Id: {_ID}")[1]["x-request-id"] == [_ID]
    made = [curl()[1]["x-request-id"][0] for _ in range(2)]
    assert made[0] != made[1] and all(re.fullmatch(r"[0-9a-f-]{36}", one) for one in made)


def test_heads_as_large_as_the_nodes_take_pass(curl):
    assert curl("X-Padding: " + "x" * 15700)[0] == 206
    assert curl("X-Padding: " + "x" * 17000)[0] == 431


def test_errors_of_the_nodes_pass(curl):
    status, got, body = curl(target="/fetch/lake/none")
    assert status == 404 and got["cache-control"] == ["no-store"] and body


def test_tls_checks_names(places):
    assert servers_up(places["tls"].admin_port) == 2
    log = places["tls"].log.read_text()
    assert re.findall(r"Server nodes/(n\d) is DOWN, reason: (\S+ \S+ \w+)", log) == [("n3", "Layer6 invalid response")]


class Overloaded(http.server.BaseHTTPRequestHandler):
    """A node that is ready, and answers 503 to all reads."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        ready = self.path == "/readyz"
        self.server.reads += not ready
        self.send_response(200 if ready else 503)
        if not ready:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok" if ready else b"no")


def test_503_with_retry_after_passes_and_is_not_retried(tmp_path):
    with contextlib.ExitStack() as stack:
        servers = []
        for _ in range(3):
            server = http.server.ThreadingHTTPServer((new_address(), PORT), Overloaded)
            server.daemon_threads, server.reads = True, 0
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
        nodes = [types.SimpleNamespace(name=f"n{at}", address=server.server_address[0])
                 for at, server in enumerate(servers, 1)]
        haproxy = stack.enter_context(HAProxy(tmp_path, nodes))
        place = Place(stack.enter_context(Store()), f"http://127.0.0.1:{haproxy.port}", [], None)
        for protocol in ("--http1.1", "--http2-prior-knowledge"):
            status, got, body = place.curl(protocol)
            assert (status, got["retry-after"], body) == (503, ["7"], b"no")
        assert sum(server.reads for server in servers) == 2
        assert set(haproxy.counts("retry_warnings_total").values()) == {0}
