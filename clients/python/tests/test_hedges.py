"""A second node is asked if the first one is slower than nearly all recent answers."""

import threading
import time

import pytest

from cachey_client.hedges import Hedges
from conftest import key_of
from scripted import content, healthy, wait_until


def warmed_up(client, key, reads=64):
    for _ in range(reads):
        client.read("k", key, 0, 10)


def stalls_at(slow, **options):
    def script(peer, request):
        if slow.is_set():
            peer.node.ended.wait(1.0)
        return peer.right(request, **options)

    return script


@pytest.fixture
def slow():
    return threading.Event()


def test_a_slow_answer_is_overtaken_and_the_loser_is_closed(nodes, client_of, slow):
    left = threading.Event()

    def script(peer, request):
        if slow.is_set():
            peer.hang()  # returns when the client closes
            left.set()
            return False
        return peer.right(request)

    owner, other = nodes(script, healthy())
    client = client_of([owner, other], hedge_budget=0.05)
    key = key_of(owner, [other])
    warmed_up(client, key)
    slow.set()
    began = time.monotonic()
    read = client.read("k", key, 0, 10)
    assert (read.data, read.nodes) == (content(0, 10), (other.name,))
    assert time.monotonic() - began < 0.9
    assert left.wait(5)


def test_no_hedge_without_a_budget(nodes, client_of, slow):
    owner, other = nodes(stalls_at(slow), healthy())
    client = client_of([owner, other], hedge_budget=0)
    key = key_of(owner, [other])
    warmed_up(client, key)
    slow.set()
    assert client.read("k", key, 0, 10).nodes == (owner.name,)
    assert not other.requests


def test_no_hedge_past_1_mib_nor_from_the_cache_alone(nodes, client_of, slow):
    size = 2 << 20
    owner, other = nodes(stalls_at(slow, size=size), healthy(size=size))
    client = client_of([owner, other], hedge_budget=1.0)
    key = key_of(owner, [other])
    warmed_up(client, key)
    slow.set()
    assert client.read("k", key, 0, (1 << 20) + 1).nodes == (owner.name,)
    assert client.read("k", key, 0, 10, only_if_cached=True).nodes == (owner.name,)
    assert not other.requests


def test_the_budget_bounds_the_second_requests(nodes, client_of):
    def uneven(peer, request):
        time.sleep(0.004 if len(peer.node.requests) % 3 == 0 else 0)
        return peer.right(request)

    owner, other = nodes(uneven, healthy())
    client = client_of([owner, other], hedge_budget=0.05)
    key = key_of(owner, [other])
    warmed_up(client, key, 200)
    assert len(other.requests) <= 200 * 0.05 + 1


def test_a_wrong_answer_of_the_second_node_loses(nodes, client_of, slow):
    owner, other = nodes(stalls_at(slow), lambda peer, request: peer.answer(404, b"no such object"))
    client = client_of([owner, other], hedge_budget=1.0)
    key = key_of(owner, [other])
    warmed_up(client, key)
    slow.set()
    assert client.read("k", key, 0, 10).nodes == (owner.name,)
    wait_until(lambda: other.requests)


def test_a_second_node_that_is_down_is_not_asked(nodes, client_of, slow):
    owner, other = nodes(stalls_at(slow), healthy())
    client = client_of([owner, other], hedge_budget=1.0)
    key = key_of(owner, [other])
    warmed_up(client, key)
    client._fleet.route.health.failed(other.name, "test")
    slow.set()
    assert client.read("k", key, 0, 10).nodes == (owner.name,)
    assert not other.requests


def test_the_delay_is_the_99th_percentile_of_the_last_answers_only():
    hedges = Hedges(0.05)
    assert hedges.delay() is None
    for i in range(100):
        hedges.observe(0.010 if i != 50 else 5.0)
    assert hedges.delay() == 0.010 or hedges.delay() == 5.0
    for _ in range(10_000):
        hedges.observe(0.002)
    assert hedges.delay() == 0.002
    assert len(hedges._seconds) == 512


def test_a_saved_up_budget_is_bounded():
    hedges = Hedges(0.05)
    for _ in range(100_000):
        hedges.observe(0.001)
    assert sum(hedges.spend() for _ in range(100)) == 10
