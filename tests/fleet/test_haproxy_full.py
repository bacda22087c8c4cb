"""deploy/haproxy/haproxy.cfg: HTTP/2 clients with more requests under way than HAProxy has room for."""

import contextlib
import http.client
import subprocess

import pytest
from balancer import HAProxy
from fleet import moved, servers_up, wait_until
from nodes import Fleet
from origin_model import Behaviour, Gate

_MOST, _STREAMS, _CLIENTS = 30, 100, 3


def small(text):
    """The text with room for _MOST requests instead of 3,000."""
    assert text.count("3000") == 2 and text.count("6100") == 1
    return moved(text, [("3000", _MOST), ("6100", 2 * _MOST + 10)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(fleet, HAProxy)."""
    folder = tmp_path_factory.mktemp("full")
    with contextlib.ExitStack() as stack:
        fleet = Fleet(folder, stack, 3)
        yield fleet, stack.enter_context(HAProxy(folder, fleet.nodes, change=small))


def asked(haproxy, target):
    """(status, Retry-After)."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", haproxy.port, timeout=60)) as connection:
        connection.request("GET", target, headers={"Range": "bytes=0-9"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("Retry-After")


def test_what_is_too_much_is_refused_at_once_and_health_and_socket_go_on(place):
    fleet, haproxy = place
    gate = Gate()
    for key in ("held", "other"):
        fleet.store.put("lake", key, size=1000)
    assert asked(haproxy, "/fetch/lake/other") == (206, None)
    fleet.store.behave("lake", "held", Behaviour(stall_at=0, stall_gate=gate))
    words = ["nghttp", "-n", "-m", str(_STREAMS), "-H", "range: bytes=0-9", f"http://127.0.0.1:{haproxy.port}/fetch/lake/held"]
    clients = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(_CLIENTS)]
    try:
        wait_until(lambda: asked(haproxy, "/fetch/lake/other") == (503, "1"), "HAProxy refuses requests")
        assert servers_up(haproxy.admin_port) == 3
        assert set(haproxy.counts("check_code").values()) == {200}
        assert "SOCKERR" not in haproxy.command("show stat")
        assert sum(haproxy.counts("connection_errors_total").values()) == 0
    finally:
        gate.release()
        for client in clients:
            client.kill()
            client.wait()
    wait_until(lambda: asked(haproxy, "/fetch/lake/other") == (206, None), "HAProxy takes requests")
