"""Warm, purge and stats, with scripted nodes."""

import json

import pytest

from cachey_client import CacheyError, Client, Denied, Invalid, NotCached, NotFound, Purged, Unavailable, Warmed
from cachey_client.admin import WINDOW_LEAST, Windows, purge_query
from scripted import content, healthy

MIB = 1 << 20


def warms(size, pages=64, page=MIB):
    """A node that knows warm, with pages of this size."""

    def script(peer, request):
        assert (request.method, request.fields["c0-config"].split()[-1]) == ("HEAD", "warm=1")
        if request.first >= size:
            return peer.answer(416, Content_Range=f"bytes */{size}")
        if request.last // page - request.first // page >= pages:
            return peer.answer(400)
        count = min(request.last, size - 1) // page - request.first // page + 1
        return peer.right(request, size=size, C0_Warm=f"pages={count}; fetched={count}; bytes={count * page}")

    return script


def test_each_group_is_warmed_at_its_owner(nodes, client_of):
    size = 5 * MIB + 1
    two = nodes(warms(size), warms(size))
    client = client_of(two, group_size=2 * MIB)
    assert client.warm("k", "x") == Warmed(6, 6, 6 * MIB, size)
    asked = sorted((request.first, request.last) for node in two for request in node.requests)
    assert asked == [(0, 2 * MIB - 1), (2 * MIB, 4 * MIB - 1), (4 * MIB, 5 * MIB)]
    assert client.warm("k", "x", 10, 20, config={"rt": 5}) == Warmed(1, 1, MIB, size)
    assert client.warm("k", "x", 5 * MIB, 100 * MIB).pages == 1


def test_smaller_pages_are_found_out_once(nodes, client_of):
    size = 40 * MIB
    (node,) = nodes(warms(size, page=64 << 10))
    client = client_of([node])
    assert client.warm("k", "x").pages == 640
    refused = len(node.requests) - 10
    assert refused == 8
    assert client.warm("k", "y").pages == 640
    assert len(node.requests) == refused + 20


def test_a_refusal_for_another_reason_ends(nodes, client_of):
    (node,) = nodes(lambda peer, _: peer.answer(400))
    with pytest.raises(Invalid):
        client_of([node]).warm("k", "x")
    assert len(node.requests) == 9


def test_windows_are_bounded():
    windows = Windows()
    assert not windows.halve("k", WINDOW_LEAST)
    for i in range(5000):
        assert windows.halve(f"k{i}", 1 << 30)
    assert len(windows._of_kind) <= 1000


def test_no_room_and_an_old_server_are_errors(nodes, client_of):
    (full,) = nodes(lambda peer, _: peer.answer(507))
    with pytest.raises(CacheyError) as caught:
        client_of([full]).warm("k", "x")
    assert caught.value.status == 507 and not isinstance(caught.value, Unavailable) and len(full.requests) == 1
    with pytest.raises(CacheyError, match="does not know warm"):
        client_of(nodes(healthy())).warm("k", "x")
    with pytest.raises(NotFound):
        client_of(nodes(lambda peer, _: peer.answer(404))).warm("k", "x")


def test_a_check_fetches_nothing(nodes, client_of):
    def absent(peer, request):
        assert request.fields["cache-control"] == "only-if-cached"
        peer.answer(504, Cache_Control="no-store")

    with pytest.raises(NotCached):
        client_of(nodes(absent)).warm("k", "x", only_if_cached=True)


def test_an_empty_object_is_warm(nodes, client_of):
    assert client_of(nodes(warms(0))).warm("k", "x") == Warmed(0, 0, 0, 0)


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"kind": "k"},
        {"key": "x"},
        {"prefix": "x"},
        {"kind": "k", "prefix": ""},
        {"kind": "k", "key": ""},
        {"kind": "", "everything": False},
        {"kind": "k", "key": "x", "prefix": "y"},
        {"kind": "k", "key": "x", "everything": True},
        {"prefix": "p", "everything": True},
        {"kind": "", "key": "x"},
        {"kind": "k", "prefix": "p", "soft": True},
        {"everything": True, "soft": True},
    ],
)
def test_a_purge_names_what_goes(words):
    """Nothing given is never everything."""
    with pytest.raises(Invalid), Client(["a:80"]) as client:
        client.purge(**words)


def test_the_query_of_a_purge_is_encoded():
    assert purge_query("k", "a b&c=d/ü+%", None, False) == "kind=k&object=a%20b%26c%3Dd%2F%C3%BC%2B%25"
    assert purge_query("k", None, "p/", False) == "kind=k&prefix=p%2F"
    assert purge_query("k", None, None, True) == "kind=k&all=true"
    assert purge_query(None, None, None, True) == "all=true"
    assert purge_query("k", "a", None, False, soft=True) == "kind=k&object=a&soft=true"


def test_all_nodes_are_purged_and_each_tells_its_result(nodes, client_of):
    def purges(peer, request):
        assert request.method == "POST" and request.target == "/admin/purge?kind=k&object=x"
        assert request.fields["authorization"] == "Bearer admin-secret"
        peer.answer(200, json.dumps({"pages": 3, "bytes": 5, "fenced": 1}).encode())

    good, refuses, odd = nodes(
        purges, lambda peer, _: peer.answer(403, b"no"), lambda peer, _: peer.answer(200, b"[1]")
    )
    client = client_of([good, refuses, odd], admin_token="admin-secret", admin_nodes={
        node.name: node.name for node in (good, refuses, odd)
    })  # fmt: skip
    told = client.purge("k", key="x")
    assert told[good.name] == Purged(3, 5, 1)
    assert isinstance(told[refuses.name], Denied) and isinstance(told[odd.name], Unavailable)


@pytest.mark.parametrize("body", [b"", b"{", b'{"pages": "x"}', b'{"pages": 1}', b"null", b"\xff", b"[" * 5000])
def test_an_odd_answer_to_a_purge_is_an_error_of_its_node(nodes, client_of, body):
    (node,) = nodes(lambda peer, _: peer.answer(200, body))
    told = client_of([node], admin_nodes={node.name: node.name}).purge(everything=True)
    assert isinstance(told[node.name], CacheyError)


def test_stats_come_from_the_admin_address_or_else_from_the_node(nodes, client_of):
    (admin,) = nodes(lambda peer, request: peer.answer(200, b'{"from": "admin"}'))
    (node,) = nodes(lambda peer, request: peer.answer(200, b'{"from": "node"}'))
    assert client_of([node], admin_nodes={node.name: admin.name}).stats() == {node.name: {"from": "admin"}}
    assert client_of([node], admin_port=1).stats() == {node.name: {"from": "node"}}


def test_stats_of_any_length_are_bounded(nodes, client_of):
    (node,) = nodes(lambda peer, request: peer.answer(200, content(0, 5 << 20)))
    assert isinstance(client_of([node], admin_nodes={node.name: node.name}).stats()[node.name], CacheyError)
