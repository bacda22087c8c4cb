"""Scenarios of the Rust server: reads of unequal cost are hedged where they stall, and hardly elsewhere."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from expect import expect_206
from harness import KIB, MIB, SLOW, Task, limit
from origin_model import Behaviour, Gate
from test_slow_origins import learn

pytestmark = pytest.mark.alone

READS = 240
WARM, COLD = 0.03 * SLOW, 0.11 * SLOW


def named(*buckets):
    return [("C0-Bucket", bucket) for bucket in buckets]


def extra_requests(origin, buckets, reads):
    return len([record for record in origin.ended() if record.bucket in buckets]) - reads


@pytest.mark.parametrize("cold_share", [0.4, 0.9])
def test_cold_and_warm_reads_side_by_side_are_hardly_hedged(s3_server, origin, kind, cold_share):
    """Small objects answer after 30 ms where the store has them warm, else after 110 ms: neither is a stall."""
    server, other, chance = s3_server(), f"{kind}-other", random.Random(5)
    objects = []
    for at in range(READS):
        size, delay = chance.choice([KIB, 64 * KIB, MIB]), COLD if chance.random() < cold_share else WARM
        for bucket in (kind, other):
            stored = origin.put(bucket, f"object-{at}", size=size, seed=at + 1)
            origin.behave(bucket, f"object-{at}", Behaviour(delay=delay))
        objects.append(stored)

    def read(at):
        answer = server.fetch(kind, f"object-{at}", 0, objects[at].size - 1, named(kind, other))
        assert answer.status == 206 and answer.complete

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(read, range(READS)))
    assert extra_requests(origin, (kind, other), READS) <= 0.05 * READS + 2


def test_stalls_among_cold_and_warm_reads_are_hedged(s3_server, origin, kind):
    server, other, gate = s3_server(), f"{kind}-other", Gate()
    learn(server, origin, kind)
    times = []
    for at in range(40):
        for bucket in (kind, other):
            stored = origin.put(bucket, f"object-{at}", size=KIB, seed=at + 1)
            origin.behave(bucket, f"object-{at}", Behaviour(delay=COLD if at % 3 == 0 else WARM))
        if at % 20 == 19:
            origin.behave(kind, f"object-{at}", Behaviour(gate=gate))
        started = time.monotonic()
        answer = server.fetch(kind, f"object-{at}", 0, KIB - 1, named(kind, other))
        times.append(time.monotonic() - started)
        assert answer.status == 206 and len(answer.body) == stored.size
    assert max(times) < limit(1.5)
    gate.release()


def test_sparse_reads_of_all_sizes_are_hardly_hedged(s3_server, origin, kind):
    server, buckets, chance = s3_server(), [f"{kind}-{at}" for at in "abc"], random.Random(3)
    for at in range(16):
        size = chance.choice([KIB, 64 * KIB, MIB, 16 * MIB])
        for bucket in buckets:
            stored = origin.put(bucket, f"object-{at}", size=size, seed=at + 1)
            origin.behave(bucket, f"object-{at}", Behaviour(delay=chance.uniform(0.02, 0.05), pace=100 * MIB))
        answer = server.fetch(kind, f"object-{at}", 0, stored.size - 1, named(*buckets))
        assert answer.status == 206 and answer.complete
        time.sleep(0.25)
    assert extra_requests(origin, buckets, 16) <= 1


def test_bursts_of_cold_pages_through_few_places_are_all_served(s3_server, origin, kind):
    server = s3_server("--bucket-requests", "8", "--memory", "768MiB")
    for burst in range(2):
        clients = []
        for at in range(32):
            stored = origin.put(kind, f"object-{burst}-{at}", size=MIB, seed=9)
            origin.behave(kind, f"object-{burst}-{at}", Behaviour(delay=0.2))
            clients.append(Task(server.fetch, kind, f"object-{burst}-{at}", 0, MIB - 1))
        for client in clients:
            expect_206(client.result(), stored, 0, MIB - 1, kind)
        time.sleep(1)
