"""Nodes that fail: which node is asked next, when, and when the read gives up."""

import socket
import time

import pytest

from cachey_client import DeadlineExceeded, Denied, Invalid, NotCached, NotFound, OutOfRange, Unavailable, attempts
from conftest import key_of
from scripted import content, healthy, refusing


def test_each_part_comes_from_its_owner(nodes, client_of):
    three = nodes(healthy(), healthy(), healthy())
    client = client_of(three)
    for owner in three:
        others = [node for node in three if node is not owner]
        read = client.read("k", key_of(owner, others[:1] + others[1:]), 10, 20)
        assert (read.data, read.nodes) == (content(10, 10), (owner.name,))


def test_a_refused_connection_goes_to_the_second_node_and_marks_the_first_one_down(nodes, client_of, caplog):
    second, third = nodes(healthy(), healthy())
    dead = refusing()
    client = client_of([dead, second, third])
    key = key_of(dead, [second, third])
    assert client.read("k", key).nodes == (second.name,)
    assert [node.name for node in client.nodes if not node.up] == [dead]
    assert client.read("k", key).nodes == (second.name,)
    assert [record.message for record in caplog.records if "is down" in record.message] == [
        f"node {dead} is down: connection refused"
    ]


def test_a_node_that_accepts_and_says_nothing_costs_a_bounded_time(nodes, client_of, impatient):
    (hung,) = nodes(lambda peer, _: peer.hang(), ready=False)
    (good,) = nodes(healthy())
    client = client_of([hung, good])
    began = time.monotonic()
    assert client.read("k", key_of(hung, [good])).nodes == (good.name,)
    assert time.monotonic() - began < 3
    assert not {node.name: node.up for node in client.nodes}[hung.name]


def test_a_node_that_never_accepts_costs_the_time_of_a_connect(nodes, client_of):
    (good,) = nodes(healthy())
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()), socket.socket() as extra:
            extra.setblocking(False)
            extra.connect_ex(full.getsockname())
            name = f"127.0.0.1:{full.getsockname()[1]}"
            client = client_of([name, good])
            began = time.monotonic()
            assert client.read("k", key_of(name, [good])).nodes == (good.name,)
            assert time.monotonic() - began < 2


def test_a_slow_answer_of_a_node_that_is_alive_is_waited_for(nodes, client_of, impatient):
    def slow(peer, request):
        time.sleep(0.6)
        peer.right(request)

    owner, other = nodes(slow, healthy())
    assert client_of([owner, other]).read("k", key_of(owner, [other])).nodes == (owner.name,)
    assert owner.probes > 0 and not other.requests


@pytest.mark.parametrize("status", [502, 504])
def test_a_failure_of_the_store_is_asked_of_the_second_node_and_no_node_is_down(nodes, client_of, status):
    owner, other = nodes(lambda peer, _: peer.answer(status, b"the store failed"), healthy())
    client = client_of([owner, other])
    assert client.read("k", key_of(owner, [other])).nodes == (other.name,)
    assert all(node.up for node in client.nodes)
    assert len(owner.requests) == 1


def test_503_is_asked_again_of_the_same_node_after_its_time(nodes, client_of):
    times = []

    def shed_once(peer, request):
        times.append(time.monotonic())
        if len(times) == 1:
            return peer.answer(503, b"busy", Retry_After=1)
        return peer.right(request)

    owner, other = nodes(shed_once, healthy())
    client = client_of([owner, other])
    assert client.read("k", key_of(owner, [other])).nodes == (owner.name,)
    assert times[1] - times[0] >= 1.0
    assert not other.requests


def test_503_for_longer_than_the_deadline_is_an_error_at_once(nodes, client_of):
    owner, other = nodes(lambda peer, _: peer.answer(503, b"busy", Retry_After=60), healthy())
    client = client_of([owner, other], deadline=5)
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        client.read("k", key_of(owner, [other]))
    assert time.monotonic() - began < 2
    assert (caught.value.status, caught.value.retry_after, caught.value.text) == (503, 60.0, "busy")
    assert not other.requests


def test_503_without_an_end_goes_to_the_second_node(nodes, client_of):
    owner, other = nodes(lambda peer, _: peer.answer(503, b"busy"), healthy())
    assert client_of([owner, other]).read("k", key_of(owner, [other])).nodes == (other.name,)
    assert len(owner.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Invalid), (401, Denied), (403, Denied), (404, NotFound)],
)
def test_final_statuses_are_not_asked_again(nodes, client_of, status, error):
    owner, other = nodes(lambda peer, _: peer.answer(status, b"the text"), healthy())
    client = client_of([owner, other])
    with pytest.raises(error) as caught:
        client.read("k", key_of(owner, [other]))
    fault = caught.value
    assert (fault.status, fault.node, fault.text) == (status, owner.name, "the text")
    assert fault.request_id == owner.requests[0].fields["x-request-id"]
    assert len(owner.requests) == 1 and not other.requests


def test_404_of_the_second_node_is_final(nodes, client_of):
    second, third = nodes(lambda peer, _: peer.answer(404, b"no such object"), healthy())
    dead = refusing()
    with pytest.raises(NotFound):
        client_of([dead, second, third]).read("k", key_of(dead, [second, third]))
    assert not third.requests


def test_past_the_end_tells_the_size(nodes, client_of):
    owner, other = nodes(healthy(size=10), healthy(size=10))
    with pytest.raises(OutOfRange) as caught:
        client_of([owner, other]).read("k", "x", 10)
    assert caught.value.size == 10


def test_not_cached_is_its_own_error_and_final(nodes, client_of):
    def uncached(peer, request):
        assert request.fields["cache-control"] == "only-if-cached"
        peer.answer(504, b"not all bytes are in the cache", Cache_Control="no-store")

    owner, other = nodes(uncached, healthy())
    with pytest.raises(NotCached):
        client_of([owner, other]).read("k", key_of(owner, [other]), only_if_cached=True)
    assert not other.requests


def test_all_nodes_down_is_unavailable_within_the_deadline(client_of):
    client = client_of([refusing(), refusing()], deadline=1.0)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="all nodes failed for k/x, the last one with: connection refused"):
        client.read("k", "x")
    assert time.monotonic() - began < 1.5


def test_a_fleet_that_comes_back_soon_is_waited_for(nodes, client_of):
    tries = []

    def later(peer, request):
        tries.append(request)
        return peer.answer(502, b"starting") if len(tries) < 3 else peer.right(request)

    (alone,) = nodes(later)
    assert len(client_of([alone]).read("k", "x")) == 1000


def test_the_deadline_holds_against_single_bytes(nodes, client_of):
    def drip(peer, request):
        for byte in b"HTTP/1.1 206 Partial Content\r\n" + b"X: y\r\n" * 1000:
            peer.send(bytes([byte]))
            time.sleep(0.02)

    (node,) = nodes(drip)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        client_of([node]).read("k", "x", deadline=0.5)
    assert time.monotonic() - began < 1.5


def test_the_deadline_holds_against_a_slow_body(nodes, client_of):
    def slow(peer, request):
        peer.right(request, only=100)
        for at in range(100, 1000):
            time.sleep(0.05)
            peer.send(content(at, 1))

    (node,) = nodes(slow)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        client_of([node]).read("k", "x", deadline=0.5)
    assert time.monotonic() - began < 1.5


def test_a_kept_connection_that_the_node_has_closed_is_no_fault(nodes, client_of):
    def answer_and_close(peer, request):
        peer.right(request)
        return False

    (node,) = nodes(answer_and_close)
    client = client_of([node])
    for _ in range(5):
        client.read("k", "x")
    assert all(node.up for node in client.nodes)
    assert node.connections == 5


def test_a_kept_connection_that_is_closed_with_the_request_under_way_is_no_fault(nodes, client_of, caplog):
    def every_second(peer, request):
        if len(peer.node.requests) % 2 == 0:
            return False
        return peer.right(request)

    node, other = nodes(every_second, healthy())
    client = client_of([node, other])
    key = key_of(node, [other])
    for _ in range(3):
        client.read("k", key)
    assert not caplog.records and not other.requests
    assert (len(node.requests), node.connections) == (5, 3)


def test_a_node_that_closes_each_new_connection_is_down(nodes, client_of):
    owner, other = nodes(lambda peer, _: False, healthy())
    client = client_of([owner, other])
    assert client.read("k", key_of(owner, [other])).nodes == (other.name,)
    assert [node.name for node in client.nodes if not node.up] == [owner.name]


def test_a_node_is_up_again_after_one_right_answer(nodes, client_of, monkeypatch):
    fails = [True]

    def flaky(peer, request):
        if fails[0]:
            return peer.reset()
        return peer.right(request)

    owner, other = nodes(flaky, healthy())
    client = client_of([owner, other])
    key = key_of(owner, [other])
    assert client.read("k", key).nodes == (other.name,)
    fails[0] = False
    deadline = time.monotonic() + 5
    while client.read("k", key).nodes != (owner.name,):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert all(node.up for node in client.nodes)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_outage_of_the_store_does_not_multiply_the_requests(nodes, client_of, hasty, status):
    three = nodes(*[lambda peer, _: peer.answer(status, b"no store", Retry_After=0)] * 3)
    client = client_of(three)
    for _ in range(100):
        with pytest.raises(Unavailable) as caught:
            client.read("k", "x")
        assert caught.value.status == status
    assert sum(len(node.requests) for node in three) <= 100 + attempts.RETRIES_MAX
    for node in three:
        node.script = healthy()
    for _ in range(30):
        assert len(client.read("k", "x")) == 1000
    three[0].script = lambda peer, _: peer.answer(status, b"no store", Retry_After=0)
    assert len(client.read("k", key_of(three[0], three[1:]))) == 1000


def test_nodes_that_are_gone_are_asked_once_a_read_after_a_while(nodes, client_of, hasty):
    two = nodes(*[lambda peer, _: peer.reset()] * 2)
    client = client_of(two)
    for _ in range(100):
        with pytest.raises(Unavailable):
            client.read("k", "x")
    assert sum(len(node.requests) for node in two) <= 2 * (100 + attempts.RETRIES_MAX)


def test_the_deadline_tells_the_fault_before_and_the_node_once(nodes, client_of):
    def busy_then_silent(peer, _):
        return peer.answer(503, b"busy") if len(peer.node.requests) == 1 else peer.hang()

    (node,) = nodes(busy_then_silent)
    with pytest.raises(DeadlineExceeded, match="the fault before: .*503: busy") as caught:
        client_of([node]).read("k", "x", deadline=1.0)
    assert str(caught.value).count("(node ") == 1
