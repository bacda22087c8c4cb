"""The chart's HAProxy text in front of nodes that misbehave, and with another number of nodes. The nodes are stubs that
say their address."""

import collections
import contextlib
import http.client
import http.server
import shutil
import socket
import threading
import time

import chart
import pytest
from fleet import free_ports, get, servers_up, start_haproxy, wait_until
from pod_names import PodNames

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs Debian's haproxy")
_KEYS = [f"/fetch/lake/{at}" for at in range(400)]
_CLIENTS = 100
_SERVER_TIMEOUT = 4  # seconds, in place of 20


class StubNode(http.server.BaseHTTPRequestHandler):
    """Answers with the node's address, or as `server.fault` says."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        fault = self.server.fault
        if fault == "hang":
            self.server.resumed.wait(60)
            self.close_connection = True
            return
        if self.path == "/readyz":
            self.answer(200)
            return
        self.server.requests[self.path] += 1
        if fault == "overload":
            self.answer(503)
        elif fault == "cut":
            self.answer(206, b"part", length=1000)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.answer(206, self.server.server_address[0].encode())


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fault = None

    def __init__(self, address):
        super().__init__(address, StubNode)
        self.requests = collections.Counter()
        self.resumed = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A connection that HAProxy has closed is no fault."""


class Stubs:
    """Five stub nodes with names of pods. haproxy(COUNT) runs HAProxy for the first COUNT of them."""

    def __init__(self, folder, stack):
        self._folder = folder
        self.names = stack.enter_context(PodNames())
        self.port, self.admin_port, self._metrics_port = free_ports(3)
        self.nodes = [Server((f"127.2.0.{at + 1}", self.port)) for at in range(5)]
        for at, node in enumerate(self.nodes):
            stack.callback(node.server_close)
            stack.callback(node.shutdown)
            stack.callback(node.resumed.set)
            self.names.addresses[f"cachey-{at}.cachey-nodes.cachey.svc.cluster.local"] = node.server_address[0]

    def servers_up(self):
        return servers_up(self.admin_port)

    @contextlib.contextmanager
    def haproxy(self, count):
        haproxy = {"adminPort": self.admin_port, "resolvers": [self.names.address], "maxConnections": _CLIENTS}
        text = chart.render({"listen": "127.0.0.1", "port": self.port, "replicas": count, "haproxy": haproxy,
                             "metrics": {"port": self._metrics_port}}).haproxy_text
        assert "    timeout server 20s\n" in text
        text = text.replace("    timeout server 20s\n", f"    timeout server {_SERVER_TIMEOUT}s\n")
        with start_haproxy(text, self._folder, f"haproxy-{count}"):
            wait_until(lambda: self.servers_up() == count, "HAProxy finds the nodes")
            yield

    def owners(self):
        """The address of the node that answers for each key."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        found = {}
        for key in _KEYS:
            connection.request("GET", key)
            found[key] = connection.getresponse().read().decode()
        connection.close()
        return found


@pytest.fixture
def stubs(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Stubs(tmp_path, stack)


def test_keys_move_to_new_nodes_and_from_lost_ones_alone(stubs):
    owners = {}
    for count in (3, 5, 2):
        with stubs.haproxy(count):
            owners[count] = stubs.owners()
    first = {count: {node.server_address[0] for node in stubs.nodes[:count]} for count in owners}
    moved = [key for key in _KEYS if owners[3][key] != owners[5][key]]
    assert len(moved) / len(_KEYS) < 2 / 5 + 0.08
    assert {owners[5][key] for key in moved} == first[5] - first[3]
    assert all(owners[2][key] == owners[5][key] for key in _KEYS if owners[5][key] in first[2])
    assert set(owners[2].values()) == first[2]


def test_the_name_server_is_asked_rarely(stubs):
    with stubs.haproxy(5):
        before = stubs.names.questions
        time.sleep(7)
        assert 5 <= stubs.names.questions - before <= 10


def test_an_overloaded_node_is_asked_once(stubs):
    with stubs.haproxy(3):
        for node in stubs.nodes:
            node.fault = "overload"
        assert get("127.0.0.1", stubs.port, _KEYS[0])[0] == 503
        assert sum(node.requests[_KEYS[0]] for node in stubs.nodes) == 1


def test_a_body_that_breaks_off_ends_the_response(stubs):
    with stubs.haproxy(3):
        for node in stubs.nodes:
            node.fault = "cut"
        with pytest.raises(http.client.IncompleteRead):
            get("127.0.0.1", stubs.port, _KEYS[0])
        assert sum(node.requests[_KEYS[0]] for node in stubs.nodes) == 1


def test_a_node_that_hangs_loses_its_keys_and_its_requests_wait_for_the_timeout(stubs):
    with stubs.haproxy(3):
        owners = stubs.owners()
        node = stubs.nodes[1]
        mine = [key for key in _KEYS if owners[key] == node.server_address[0]]
        node.fault = "hang"
        before = time.monotonic()
        waited = []
        thread = threading.Thread(target=lambda: waited.append(get("127.0.0.1", stubs.port, mine[0])))
        thread.start()
        wait_until(lambda: stubs.servers_up() == 2, "the checks notice the node")
        asked = time.monotonic()
        assert get("127.0.0.1", stubs.port, mine[1])[0] == 206
        assert time.monotonic() - asked < _SERVER_TIMEOUT
        thread.join(60)
        assert waited[0][0] == 206 and waited[0][1].decode() != node.server_address[0]
        assert time.monotonic() - before >= _SERVER_TIMEOUT


def test_a_full_haproxy_is_healthy(stubs):
    with stubs.haproxy(3), contextlib.ExitStack() as held:
        for _ in range(_CLIENTS + 20):
            client = held.enter_context(socket.create_connection(("127.0.0.1", stubs.port)))
            client.sendall(b"GET /fetch/lake/0 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        for path in ("/healthz", "/readyz", "/metrics"):
            assert get("127.0.0.1", stubs.admin_port, path, timeout=5)[0] == 200
