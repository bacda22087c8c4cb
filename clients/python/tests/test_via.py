"""A balancer in front: one that redirects to owners, or one that passes requests on."""

import time

import pytest

from cachey_client import CacheyError, Client, Denied, Invalid, Unavailable, routes
from scripted import content, healthy, refusing, wait_until

pytestmark = pytest.mark.usefixtures("hasty")


def redirects_to(*owners, status=302, change=lambda url: url):
    """The balancer of a fleet: the group of the range decides."""

    def script(peer, request):
        owner = owners[(request.first >> 20) % len(owners)]
        name = owner if isinstance(owner, str) else owner.name
        peer.answer(status, Location=change(f"http://{name}{request.target}"), Connection="close")
        return False

    return script


def client_via(balancer, **options):
    return Client(via=f"http://{balancer.name}", **{"deadline": 10.0, "group_size": 1 << 20} | options)


def test_the_owner_of_a_group_is_asked_for_once_and_remembered(nodes):
    size = 3 << 20
    one, two = nodes(healthy(size=size), healthy(size=size))
    (balancer,) = nodes(redirects_to(one, two))
    with client_via(balancer) as client:
        for _ in range(3):
            assert client.read("k", "x").data == content(0, size)
    assert len(balancer.requests) == 3
    assert {request.first >> 20 for request in one.requests} == {0, 2}
    assert {request.first >> 20 for request in two.requests} == {1}


def test_an_owner_is_forgotten_after_its_time(nodes, monkeypatch):
    monkeypatch.setattr(routes, "OWNER_SECONDS", 0.2)
    (one,) = nodes(healthy())
    (balancer,) = nodes(redirects_to(one))
    with client_via(balancer) as client:
        client.read("k", "x")
        wait_until(lambda: client.read("k", "x") and len(balancer.requests) == 2)


def test_the_owners_that_are_remembered_are_bounded(nodes, monkeypatch):
    monkeypatch.setattr(routes, "OWNERS_MAX", 5)
    (one,) = nodes(healthy())
    (balancer,) = nodes(redirects_to(one))
    with client_via(balancer) as client:
        for i in range(20):
            client.read("k", str(i))
        assert len(client._fleet.route._owners) == 5


def test_an_owner_that_fails_is_forgotten_and_the_balancer_names_another(nodes):
    (two,) = nodes(healthy())
    dead = refusing()
    (balancer,) = nodes(None)
    balancer.script = lambda peer, request: redirects_to(dead if len(balancer.requests) < 3 else two)(peer, request)
    with client_via(balancer) as client:
        assert client.read("k", "x").nodes == (two.name,)
        assert client.read("k", "x").nodes == (two.name,)
    assert len(balancer.requests) == 3


def test_a_balancer_that_passes_requests_on_is_used_as_it_is(nodes):
    (balancer,) = nodes(healthy(size=2 << 20))
    with client_via(balancer) as client:
        assert client.read("k", "x").data == content(0, 2 << 20)
        assert client.stat("k", "x").size == 2 << 20
    assert balancer.connections <= 2


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_other_redirects_work_too(nodes, status):
    (one,) = nodes(healthy())
    (balancer,) = nodes(redirects_to(one, status=status))
    with client_via(balancer) as client:
        assert client.read("k", "x").nodes == (one.name,)


def test_a_token_goes_to_the_balancer_and_not_to_a_node_that_is_not_listed(nodes):
    def guarded(peer, request):
        if request.fields.get("authorization") != "Bearer secret-1":
            return peer.answer(401, b"no valid token")
        return peer.right(request)

    one, two = nodes(guarded, guarded)
    (balancer,) = nodes(redirects_to(one))
    with client_via(balancer, token="secret-1") as client, pytest.raises(Denied, match="nodes="):
        client.read("k", "x")
    assert balancer.requests[0].fields["authorization"] == "Bearer secret-1"
    assert "authorization" not in one.requests[0].fields
    with client_via(balancer, token="secret-1", nodes=[one.name, two.name]) as client:
        assert client.read("k", "x").nodes == (one.name,)


BAD = {
    "another path": lambda url: url + "y",
    "a query": lambda url: url + "?a=b",
    "https": lambda url: url.replace("http:", "https:"),
    "a user": lambda url: url.replace("http://", "http://user:word@"),
    "no host": lambda url: "/fetch/k/x",
    "file": lambda url: "file:///etc/passwd",
    "nothing": lambda url: "",
    "a wrong port": lambda url: "http://127.0.0.1:99999/fetch/k/x",
    "brackets": lambda url: "http://[::1/fetch/k/x",
    "control characters": lambda url: url.replace("127", "\x7f127"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_redirect_elsewhere_is_not_followed(nodes, what):
    (one,) = nodes(healthy())
    (balancer,) = nodes(redirects_to(one, change=BAD[what]))
    with client_via(balancer) as client, pytest.raises(Unavailable):
        client.read("k", "x", deadline=3)
    assert not one.requests


def test_a_redirect_of_an_owner_is_not_followed(nodes):
    (one,) = nodes(None)
    (two,) = nodes(healthy())
    one.script = redirects_to(two)
    (balancer,) = nodes(redirects_to(one))
    with client_via(balancer) as client, pytest.raises(Unavailable):
        client.read("k", "x", deadline=3)
    assert not two.requests


def test_a_balancer_that_redirects_to_itself_is_an_error(nodes):
    (balancer,) = nodes(None)
    balancer.script = redirects_to(balancer)
    began = time.monotonic()
    with client_via(balancer) as client, pytest.raises(CacheyError):
        client.read("k", "x", deadline=3)
    assert time.monotonic() - began < 4
    assert len(balancer.requests) < 100


ADDRESSES = "127.0.0.1:80 ftp://x:1 http:// http://x/path http://u@x:1 http://x:1/?q http://x:0 http://x:99999"


@pytest.mark.parametrize("via", ["", *ADDRESSES.split()])
def test_a_wrong_address_is_refused(via):
    with pytest.raises(Invalid):
        Client(via=via)


def test_tls_of_the_client_and_of_the_balancer_must_agree():
    with pytest.raises(Invalid):
        Client(via="http://x:1", tls=True)
