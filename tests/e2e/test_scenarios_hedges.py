"""Scenarios of the Rust server: reads of unequal cost are hedged where they stall, and hardly elsewhere."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from expect import expect_206
from harness import KIB, MIB, SLOW, Task, limit, wait_until
from origin_model import Behaviour, Gate
from prometheus_text import value
from test_metrics import scrape
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


def test_the_probe_of_a_bucket_that_comes_back_costs_its_client_little(s3_server, origin, kind):
    """The first bucket fails, others serve; when it is tried again and stalls, its client gets the other's answer soon."""
    server, other = s3_server(), f"{kind}-other"
    learn(server, origin, kind)
    learn(server, origin, other)
    for at in range(6):
        origin.put(kind, f"failing-{at}", size=100, seed=1)
        origin.behave(kind, f"failing-{at}", Behaviour(status=500, error_body=b""))
        assert server.fetch(kind, f"failing-{at}", 0, 9, [*named(kind), ("C0-Config", "ma=1")]).status in (502, 503)
    assert value(scrape(server), "cachey_bucket_consecutive_failures", bucket=kind) >= 5
    gate, slowest, ends = Gate(), 0, time.monotonic() + 3
    at = 0
    while time.monotonic() < ends:
        for bucket in (kind, other):
            stored = origin.put(bucket, f"stalling-{at}", size=100, seed=1)
        origin.behave(kind, f"stalling-{at}", Behaviour(gate=gate))
        started = time.monotonic()
        expect_206(server.fetch(kind, f"stalling-{at}", 0, 9, named(kind, other)), stored, 0, 9, other)
        slowest = max(slowest, time.monotonic() - started)
        at += 1
        time.sleep(0.02)
    assert slowest < limit(0.5)
    held = [record for record in origin.requests(kind) if record.held]
    assert len(held) <= 6, "probes, a second at least apart, and no herd"
    gate.release()
    wait_until(lambda: server.fetch(kind, "usual-1", 0, 9).status == 206, 10)


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
