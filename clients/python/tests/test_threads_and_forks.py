"""Many threads, forks, pickles, and the bounds of a client's connections."""

import gc
import io
import logging
import multiprocessing
import os
import pickle
import ssl
import threading
import time
import traceback

import pytest

from cachey_client import CacheyError, Client, DeadlineExceeded, Denied, Invalid, Unavailable, pool
from conftest import key_of
from scripted import content, healthy, refusing, wait_until

SIZE = 1 << 16


def test_many_threads_share_a_client(nodes, client_of):
    two = nodes(healthy(size=SIZE), healthy(size=SIZE))
    client = client_of(two, connections=4)
    wrong = []

    def reads(number):
        for i in range(20):
            at = (number * 997 + i * 131) % (SIZE - 100)
            if client.read("k", f"key-{i}", at, at + 100).data != content(at, 100):
                wrong.append((number, i))

    threads = [threading.Thread(target=reads, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(node.connections <= 4 for node in two)


def test_the_connections_to_a_node_are_bounded_and_waiting_ends_at_the_deadline(nodes, client_of):
    go = threading.Event()

    def waits(peer, request):
        go.wait(10)
        return peer.right(request)

    (node,) = nodes(waits)
    client = client_of([node], connections=2)
    busy = [threading.Thread(target=client.read, args=("k", "x")) for _ in range(2)]
    for thread in busy:
        thread.start()
    wait_until(lambda: len(node.requests) == 2)
    with pytest.raises(DeadlineExceeded, match="in use"):
        client.read("k", "x", deadline=0.3)
    go.set()
    for thread in busy:
        thread.join()
    assert node.connections == 2
    assert len(client.read("k", "x")) == 1000


def test_idle_connections_are_used_again_and_closed_in_the_end(nodes, monkeypatch):
    (node,) = nodes(healthy())
    with Client([node.name]) as client:
        for _ in range(10):
            client.read("k", "x")
        assert node.connections == 1
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        client.read("k", "x")
        assert node.connections == 2
    wait_until(lambda: not node._peers)


def test_no_place_is_lost_by_failures(nodes, client_of):
    statuses = [404, 503, 200, 400, 0, 500]

    def varied(peer, request):
        status = statuses[len(peer.node.requests) % len(statuses)]
        return peer.answer(status, b"x") if status else peer.reset()

    (node,) = nodes(varied)
    client = client_of([node, refusing()], connections=1)
    for _ in range(30):
        with pytest.raises(CacheyError):
            client.read("k", "x", deadline=0.3)
    node.script = healthy()
    client._fleet.route.health.answered(node.name)
    assert len(client.read("k", key_of(node, ["127.0.0.1:1"]), deadline=5)) == 1000


def test_a_refused_connection_takes_no_place(client_of):
    client = client_of([refusing()], connections=1)
    for _ in range(3):
        with pytest.raises((Unavailable, DeadlineExceeded), match="connection refused"):
            client.read("k", "x", deadline=0.5)


def test_a_closed_client_refuses_calls(nodes):
    (node,) = nodes(healthy())
    client = Client([node.name])
    client.read("k", "x")
    client.close()
    client.close()
    for call in (lambda: client.read("k", "x"), lambda: client.stat("k", "x"), client.stats):
        with pytest.raises(Invalid, match="closed"):
            call()


def _child_reads(client, at, results):
    results.put(bytes(client.read("k", "x", at, at + 100).data))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_read_on_connections_of_their_own(nodes, client_of, method):
    (node,) = nodes(healthy(size=SIZE))
    client = client_of([node], group_size=1 << 20)
    client.read("k", "x")
    context = multiprocessing.get_context(method)
    results = context.Queue()
    children = [context.Process(target=_child_reads, args=(client, i, results)) for i in range(3)]
    for child in children:
        child.start()
    assert sorted(results.get(timeout=60) for _ in children) == sorted(content(i, 100) for i in range(3))
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert client.read("k", "x", 5, 10).data == content(5, 5)
    assert node.connections >= 4


def test_a_fork_with_locks_held_and_reads_under_way_is_safe(nodes, client_of):
    """Other threads read while this one forks: their locks and connections are not the child's."""
    (node,) = nodes(healthy(size=4 << 20))
    client = client_of([node], group_size=1 << 20)
    stop = threading.Event()

    def reads():
        while not stop.is_set():
            client.read("k", "x")

    threads = [threading.Thread(target=reads) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = 0 if client.read("k", "x", 7, 3 << 20).data == content(7, (3 << 20) - 7) else 2
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_client_and_its_errors_can_be_pickled(nodes, client_of):
    (node,) = nodes(lambda peer, _: peer.answer(403, b"denied"))
    client = client_of([node], token="secret-1", connections=3)
    copy = pickle.loads(pickle.dumps(client))
    with pytest.raises(Denied) as caught, copy:
        copy.read("k", "x")
    assert node.requests[0].fields["authorization"] == "Bearer secret-1"
    error = pickle.loads(pickle.dumps(caught.value))
    assert (type(error), str(error), error.status) == (Denied, str(caught.value), 403)
    with pytest.raises(TypeError, match="SSLContext"):
        pickle.dumps(Client(["a:80"], tls=ssl.create_default_context()))


def test_a_token_is_in_no_text(nodes, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "secret-0123456789"
    (node,) = nodes(lambda peer, _: peer.answer(403, b"denied"))
    dead = refusing()
    with Client([node.name, dead], token=secret, admin_token=lambda: secret, deadline=1) as client:
        texts = [repr(client), str(client)]
        for call in (lambda: client.read("k", "x"), lambda: client.stat("k", "y"), client.stats):
            try:
                texts.append(str(call()))
            except CacheyError as error:
                texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
        texts.append(str(client.purge("k", key="x")))
    for bad in ("sec\r\nret-0123456789", "sécret-0123456789", "", " "):
        with pytest.raises(Invalid) as caught, Client([node.name], token=bad) as client:
            client.read("k", "x")
        assert not bad.strip() or bad not in str(caught.value)
    assert secret not in "".join(texts) + caplog.text


def test_a_token_that_is_a_function_is_asked_for_each_call(nodes, client_of):
    (node,) = nodes(healthy())
    tokens = iter(["one", "two"])
    client = client_of([node], token=lambda: next(tokens))
    client.read("k", "x")
    client.read("k", "x")
    assert [request.fields["authorization"] for request in node.requests] == ["Bearer one", "Bearer two"]


def test_each_read_has_an_id_of_its_own(nodes, client_of):
    (node,) = nodes(healthy())
    client = client_of([node])
    for _ in range(5):
        client.read("k", "x")
    assert len({request.fields["x-request-id"] for request in node.requests}) == 5


def test_a_client_that_is_left_alone_leaves_nothing_behind(nodes):
    (node,) = nodes(healthy(size=3 << 20))
    for _ in range(3):
        client = Client([node.name], group_size=1 << 20)
        client.read("k", "x")
        del client
    gc.collect()
    wait_until(lambda: gc.collect() >= 0 and not node._peers)
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("cachey")])


def test_a_buffer_must_be_writable_and_large_enough(nodes, client_of):
    client = client_of(nodes(healthy()))
    for into in (b"x" * 100, memoryview(bytearray(100))[::2], bytearray(5)):
        with pytest.raises(Invalid):
            client.read("k", "x", 0, 10, into=into)
    with pytest.raises(TypeError):
        client.read("k", "x", 0, 10, into=5)


@pytest.mark.parametrize("options", [{"group_size": 5}, {"hedge_budget": 2}, {"connections": 0}, {"deadline": 0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(Invalid):
        Client(["a:80"], **options)


def test_no_deadline_means_no_end(nodes, client_of):
    (node,) = nodes(healthy())
    assert len(client_of([node]).read("k", "x", deadline=float("inf"))) == 1000


def test_a_broken_fleet_costs_no_file_descriptors(client_of):
    client = client_of([refusing()], deadline=0.2)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises((Unavailable, DeadlineExceeded)):
            client.read("k", "x")
    assert len(os.listdir("/proc/self/fd")) <= before


def test_the_buffer_of_a_result_belongs_to_the_caller(nodes, client_of):
    data = client_of(nodes(healthy())).read("k", "x").data
    assert isinstance(data, bytes) and io.BytesIO(data).read(3) == content(0, 3)
    assert time.monotonic() > 0


def test_reads_that_a_close_overtakes_end_by_bytes_or_an_error_of_the_client(nodes):
    (node,) = nodes(healthy(size=4 << 20))
    odd = []

    def reads(client):
        try:
            while True:
                assert client.read("k", "x").data == content(0, 4 << 20)
        except CacheyError:
            pass
        except BaseException as fault:
            odd.append(fault)

    for _ in range(5):
        client = Client([node.name], group_size=1 << 20)
        threads = [threading.Thread(target=reads, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        count = len(node.requests)
        wait_until(lambda: len(node.requests) > count + 20)
        client.close()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    assert not odd
    wait_until(lambda: not node._peers)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cachey")]
