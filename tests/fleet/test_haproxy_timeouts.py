"""deploy/haproxy/haproxy.cfg: `timeout server` beside a slow store and a slow client. test_hung_nodes.py has hung nodes."""

import contextlib
import socket
import time

import pytest
from balancer import HAProxy
from fleet import get
from nodes import MIB, Fleet
from origin_model import Behaviour

_TIMEOUT = 3  # seconds, in place of 20
_FIRST = {"Range": "bytes=0-9"}


def impatient(text):
    changed = text.replace("    timeout server 20s\n", f"    timeout server {_TIMEOUT}s\n")
    assert changed != text
    return changed


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(fleet, HAProxy)."""
    folder = tmp_path_factory.mktemp("timeouts")
    with contextlib.ExitStack() as stack:
        fleet = Fleet(folder, stack, 3)
        yield fleet, stack.enter_context(HAProxy(folder, fleet.nodes, change=impatient))


@pytest.mark.parametrize("fields, retried", [({}, True), ({"C0-Config": "ot=30000"}, False)])
def test_a_retry_costs_a_slow_store_nothing(place, fields, retried):
    """A retry at the same owner joins its read. Requests of a client with limits of its own are not retried."""
    fleet, haproxy = place
    key = f"slow {retried}"
    fleet.store.put("lake", key, size=1000)
    fleet.store.behave("lake", key, Behaviour(delay=_TIMEOUT + 1))
    before = sum(haproxy.counts("retry_warnings_total").values())
    assert get("127.0.0.1", haproxy.port, "/fetch/lake/" + key.replace(" ", "%20"), _FIRST | fields)[0] == 206
    assert (sum(haproxy.counts("retry_warnings_total").values()) > before) == retried
    assert fleet.store.downloads("lake")[key, 0] <= 2  # a node asks a store that hangs a second time


def test_a_client_that_reads_slowly_gets_all_bytes(place):
    fleet, haproxy = place
    fleet.store.put("lake", "long", size=64 * MIB)
    with socket.create_connection(("127.0.0.1", haproxy.port)) as client:
        client.sendall(b"GET /fetch/lake/long HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-\r\n\r\n"
                       .replace(b"0-\r", f"0-{64 * MIB - 1}\r".encode()))
        received = client.recv(1 << 16)
        time.sleep(_TIMEOUT + 1)  # what is tested
        while piece := client.recv(1 << 20):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206") and len(body) == 64 * MIB
    assert fleet.store.is_right("lake", "long", 0, body)
