"""The core of the client against real nodes: answers, errors, options, tokens, a node that is killed."""

import os
import random

import pytest

from cachey_client import (
    Changed,
    Client,
    Denied,
    Invalid,
    NotCached,
    NotFound,
    OutOfRange,
    Unavailable,
    placement,
)
from real_nodes import FolderFleet

MIB = 1 << 20
TOKEN = "token-of-a-test-0123456789"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with FolderFleet(tmp_path_factory.mktemp("fleet"), 3, ["--kind", "k=k,b", "--page-size", "k=1MiB"]) as running:
        yield running


@pytest.fixture
def client(fleet):
    with Client(fleet.names, group_size=MIB, deadline=20) as one:
        yield one


def test_reads_stats_and_empty_objects(fleet, client):
    data = fleet.put("k", "object", os.urandom(5 * MIB + 123))
    read = client.read("k", "object")
    assert (read.data, read.start, read.end, read.size) == (data, 0, len(data), len(data))
    assert len(read.nodes) > 1 and {page.bucket for page in read.pages} == {"k"}
    stat = client.stat("k", "object")
    assert (stat.size, stat.etag, stat.last_modified) == (len(data), read.etag, read.last_modified)
    chance = random.Random(7)
    for _ in range(50):
        start = chance.randrange(len(data))
        end = start + chance.choice([1, 100, 70_000, 2 * MIB])
        assert client.read("k", "object", start, end).data == data[start:end]
    fleet.put("k", "empty", b"")
    assert client.read("k", "empty").data == b"" and client.stat("k", "empty").size == 0
    assert client.read("k", "object", 5, 5).data == b""


@pytest.mark.parametrize(
    "key", ["a b", "ä/ü", "日本/🙂", "a%2Fb", "a+b", "a?b=c&d#e", "~x", "a'b\"c", "x;y=z,w", "new\nline"]
)
def test_odd_keys_reach_the_store_unchanged(fleet, client, key):
    data = fleet.put("k", key, os.urandom(100))
    assert client.read("k", key).data == data


def test_errors_of_the_server_become_errors_of_python(fleet, client):
    fleet.put("k", "ten", b"0123456789")
    tag = client.stat("k", "ten").etag
    with pytest.raises(NotFound, match="k/absent"):
        client.read("k", "absent")
    with pytest.raises(FileNotFoundError):
        client.stat("k", "absent")
    with pytest.raises(OutOfRange) as caught:
        client.read("k", "ten", 10)
    assert caught.value.size == 10
    with pytest.raises(Changed):
        client.read("k", "ten", if_match='"another"')
    with pytest.raises(Changed):
        client.read("k", "ten", object_size=11)
    with pytest.raises(Invalid):
        client.read("k" * 100, "ten")
    assert client.read("k", "ten", 2, 4, if_match=tag, object_size=10, exact=True, config={"rt": 2000}).data == b"23"
    assert client.read("k", "ten", buckets=["b", "k"]).data == b"0123456789"


def test_what_is_not_cached_is_not_fetched(fleet, client):
    fleet.put("k", "cold", os.urandom(2 * MIB))
    with pytest.raises(NotCached, match="k/cold"):
        client.read("k", "cold", 0, 10, only_if_cached=True)
    client.read("k", "cold", 0, 10)
    assert len(client.read("k", "cold", 0, 10, only_if_cached=True)) == 10


def test_each_node_tells_its_figures(fleet, client):
    told = client.stats()
    assert set(told) == set(fleet.names)
    assert all(isinstance(of_node, dict) for of_node in told.values())


def test_a_node_that_is_killed_costs_no_read(fleet):
    data = fleet.put("k", "large", os.urandom(8 * MIB))
    victim, *_ = placement.rank(fleet.names, "k", "large", 0)
    node = fleet.nodes[fleet.names.index(victim)]
    with Client(fleet.names, group_size=MIB, deadline=20) as client:
        client.read("k", "large")
        node.process.kill()
        try:
            read = client.read("k", "large")
            assert read.data == data and victim not in read.nodes
            assert [one.name for one in client.nodes if not one.up] == [victim]
        finally:
            node.start()


def test_a_token_is_needed_and_sent(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN + "\n")
    tokens.chmod(0o600)
    with FolderFleet(tmp_path, 1, ["--auth-tokens", str(tokens)]) as fleet:
        fleet.put("k", "x", b"abc")
        with Client(fleet.names) as client, pytest.raises(Denied) as caught:
            client.read("k", "x")
        assert caught.value.status == 401
        with Client(fleet.names, token=TOKEN) as client:
            assert client.read("k", "x").data == b"abc"


def test_a_fleet_that_is_gone_is_unavailable(tmp_path):
    with FolderFleet(tmp_path, 2) as fleet:
        fleet.put("k", "x", b"abc")
        with Client(fleet.names, deadline=1.0) as client:
            assert client.read("k", "x").data == b"abc"
            for node in fleet.nodes:
                node.process.kill()
            with pytest.raises(Unavailable, match="all nodes failed for k/x"):
                client.read("k", "x")
            for node in fleet.nodes:
                node.start()


def test_what_is_purged_is_fetched_again_and_nodes_that_are_gone_are_told(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN + "\n")
    tokens.chmod(0o600)
    options = ["--admin-listen", "127.0.0.1:9090", "--admin-tokens", str(tokens)]
    with FolderFleet(tmp_path, 2, options) as fleet, Client(fleet.names, admin_token=TOKEN, deadline=5) as client:
        for key in ("a b/ü+%", "other"):
            fleet.put("k", key, b"old")
            assert client.read("k", key).data == b"old"
            fleet.put("k", key, b"new")
            assert client.read("k", key).data == b"old"
        told = client.purge("k", key="a b/ü+%")
        assert sorted(one.pages for one in told.values()) == [0, 1]
        assert client.read("k", "a b/ü+%").data == b"new"
        assert client.read("k", "other").data == b"old"
        fleet.nodes[0].process.kill()
        told = client.purge(everything=True)
        fleet.nodes[0].start()
        assert isinstance(told[fleet.names[0]], Unavailable) and not isinstance(told[fleet.names[1]], Unavailable)
        with Client(fleet.names, admin_token="another") as stranger:
            assert all(isinstance(one, Denied) for one in stranger.purge(everything=True).values())
