"""deploy/haproxy/haproxy-redirect.cfg: the owner's address instead of the owner's bytes."""

import contextlib
import http.client
import subprocess
import urllib.parse
import urllib.request

import pytest
from balancer import HAProxy
from nodes import KIB, Fleet
from owners import ask, owners, told

_TARGETS = [f"/fetch/lake/{at}%20%C3%BC.bin" for at in range(300)]


class Place:
    def __init__(self, folder, stack):
        self.folder = folder
        self.fleet = Fleet(folder, stack, 3)
        self.haproxy = stack.enter_context(HAProxy(folder, self.fleet.nodes, ("haproxy-redirect.cfg",)))
        for target in _TARGETS:
            self.fleet.store.put("lake", self.key(target), size=40 * KIB)

    def key(self, target):
        return urllib.parse.unquote(target.removeprefix("/fetch/lake/"))

    def url(self, target):
        return f"http://127.0.0.1:{self.haproxy.port}{target}"

    def answer(self, target, headers=None, method="GET"):
        """(status, Location, Connection) of HAProxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.haproxy.port, timeout=30)
        connection.request(method, target, headers={"Range": "bytes=0-9"} | (headers or {}))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.getheader("Location"), answer.getheader("Connection")

    def named(self, target):
        """The node that HAProxy names."""
        status, location, _ = self.answer(target)
        assert status == 302 and location.endswith(target)
        address = location.removesuffix(target).removeprefix("http://")
        return next(node.name for node in self.fleet.nodes if f"{node.address}:{node.port}" == address)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("redirect"), stack)


def test_the_owner_is_that_of_the_central_form(place):
    with HAProxy(place.folder, place.fleet.nodes, name="central", change=told) as central:
        wanted = owners(central.port, _TARGETS)
    assert {target: place.named(target) for target in _TARGETS} == wanted
    assert set(wanted.values()) == {"n1", "n2", "n3"}


def test_each_gib_has_its_own_owner(place):
    found = {place.answer("/fetch/lake/large", {"Range": f"bytes={gib << 30}-"})[1] for gib in range(40)}
    assert len(found) == 3


def test_head_and_queries_are_redirected_too(place):
    status, location, _ = place.answer(_TARGETS[0] + "?x=1", method="HEAD")
    assert status == 302 and location.endswith(_TARGETS[0] + "?x=1")


def test_clients_that_follow_get_the_bytes_and_each_page_is_fetched_once(place):
    for target in _TARGETS[:40]:
        got = subprocess.run(["curl", "-sfL", "-r", "100-299", place.url(target)], check=True, capture_output=True).stdout
        asked = urllib.request.Request(place.url(target), headers={"Range": "bytes=100-299"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 206 and answer.read() == got
        assert len(got) == 200 and place.fleet.store.is_right("lake", place.key(target), 100, got)
    assert set(place.fleet.store.downloads("lake").values()) == {1}


def test_a_lost_node_is_no_longer_named(place):
    before = {target: place.named(target) for target in _TARGETS}
    node = place.fleet.nodes[1]
    place.haproxy.command("set server nodes/n2 state drain")
    drained = {target: place.named(target) for target in _TARGETS}
    place.haproxy.command("set server nodes/n2 state ready")
    node.end()
    try:
        place.haproxy.wait_for(2)
        lost = {target: place.named(target) for target in _TARGETS}
    finally:
        node.start()
    place.haproxy.wait_for(3)
    assert lost == drained and "n2" not in lost.values()
    assert all(lost[target] == name for target, name in before.items() if name != "n2")
    assert {target: place.named(target) for target in _TARGETS} == before


def test_its_limits_are_as_the_readme_says(place):
    """The connection ends, curl drops Authorization, and other methods go to the node."""
    assert place.answer(_TARGETS[0])[2] == "close"
    sent = subprocess.run(["curl", "-sLv", "-H", "Range: bytes=0-9", "--oauth2-bearer", "secret", place.url(_TARGETS[0])],
                          check=True, text=True, errors="replace", capture_output=True).stderr
    assert sent.count("> GET ") == 2 and sent.count("Authorization: Bearer secret") == 1
    assert ask(place.haproxy.port, _TARGETS[0], method="DELETE")[1] == 405
