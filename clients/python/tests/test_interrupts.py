"""Ctrl-C at any moment of a call: no place of the pool is lost, and no connection is used again in the middle of an
answer."""

import gc
import os
import random
import signal
import time

import pytest

from conftest import key_of
from scripted import content, healthy, wait_until

pytestmark = pytest.mark.timeout(method="thread")  # these tests use SIGALRM themselves
TIMES = int(os.environ.get("CACHEY_TEST_CLIENT_INTERRUPTS", "300"))


@pytest.fixture
def interrupted():
    """interrupted(call, seconds): whether KeyboardInterrupt came out of the call; a signal asks for that after some
    time."""

    def calls(call, seconds):
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            call()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        return False

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield calls
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def cut_at_first(peer, request):
    """Half an answer, as a resumed read needs."""
    if request.first == 0:
        peer.right(request, only=300)
        return False
    return peer.right(request)


def seconds_of(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


CALLS = {
    "a short read": lambda client, key: client.read("k", key, 0, 10),
    "a read into": lambda client, key: client.read("k", key, into=bytearray(1000)),
    "a stat": lambda client, key: client.stat("k", key),
    "a resumed read": lambda client, key: client.read("k", key),
}


@pytest.mark.parametrize("what", CALLS)
def test_no_moment_of_a_call_loses_a_place(nodes, client_of, hasty, interrupted, what):
    call, chance = CALLS[what], random.Random(what)
    owner, other = nodes(cut_at_first if what == "a resumed read" else healthy(), healthy())
    client = client_of([owner, other], connections=1)
    key = key_of(owner, [other])
    usual = min(seconds_of(lambda: call(client, key)) for _ in range(20))
    count = 0
    for turn in range(TIMES):
        if turn % 5 == 0:  # the next one makes a connection of its own
            client._fleet.pool._sweep(float("inf"))
        count += interrupted(lambda: call(client, key), chance.uniform(1e-5, usual))
        for start in (1, 2):
            assert client.read("k", key, start, 990, deadline=5).data == content(start, 990 - start)
    assert count > TIMES / 10
    client.close()
    gc.collect()
    wait_until(lambda: not owner._peers and not other._peers)
