"""Memory for misses is shared by bucket, and taken when the response's head says how much: no bucket stops another."""

import time

import prometheus_text
import pytest

from crowd import Crowd, Visit
from expect import expect_206
from harness import KIB, MIB, PAGE, limit, wait_until
from origin_model import Behaviour, Gate
from test_metrics import scrape

BAD_REQUESTS = 300
MEMORY = ("--memory", "512MiB")


def value(server, name):
    return prometheus_text.value(scrape(server), name)


def bad_visits(bucket, count=BAD_REQUESTS, last=99):
    return [Visit(bucket, f"bad-{at}", 0, 0, last) for at in range(count)]


def expect_good_misses(server, origin, bucket, what):
    """Misses of a bucket that answers, small and large: none waits for another bucket."""
    for at, size in enumerate([4 * KIB] * 30 + [PAGE] * 5):
        stored = origin.put(bucket, f"{what}-{at}", size=size)
        started = time.monotonic()
        expect_206(server.fetch(bucket, f"{what}-{at}", 0, size - 1), stored, 0, size - 1, bucket)
        assert time.monotonic() - started < limit(2), f"miss {at} of {size} bytes"


@pytest.mark.parametrize("what", ["no response", "slow 404s"])
def test_three_hundred_requests_that_wait_for_their_bucket(s3_server, origin, kind, what):
    server = s3_server(*MEMORY)
    good, bad, gate = f"{kind}-good", f"{kind}-bad", Gate()
    for at in range(BAD_REQUESTS):
        if what == "no response":
            origin.put(bad, f"bad-{at}", size=PAGE)
        origin.behave(bad, f"bad-{at}", Behaviour(gate=gate))
    with Crowd(server.port, bad_visits(bad)) as crowd:
        crowd.send_requests()
        wait_until(lambda: value(server, "cachey_fills_in_flight") >= BAD_REQUESTS, 10, "all bad requests are under way")
        assert value(server, "cachey_memory_admitted_bytes") < 8 * MIB
        expect_good_misses(server, origin, good, "beside")
        assert value(server, "cachey_memory_refused_total") == 0
        gate.release()
        crowd.run(30)


def test_bodies_that_trickle_after_their_clients_left(s3_server, origin, kind):
    server = s3_server(*MEMORY)
    good, bad = f"{kind}-good", f"{kind}-bad"
    for at in range(BAD_REQUESTS):
        origin.put(bad, f"bad-{at}", size=PAGE)
        origin.behave(bad, f"bad-{at}", Behaviour(pace=10))
    with Crowd(server.port, bad_visits(bad, last=PAGE - 1)) as crowd:
        crowd.send_requests()
        wait_until(lambda: value(server, "cachey_memory_admitted_bytes") > 256 * MIB, 10, "the bad bucket has its share")
        expect_good_misses(server, origin, good, "beside")
    expect_good_misses(server, origin, good, "after")
    wait_until(lambda: value(server, "cachey_fills_in_flight") == 0, 60, "the bodies are given up")
    assert value(server, "cachey_bodies_too_slow_total") > 0
    assert value(server, "cachey_memory_admitted_bytes") == 0


def test_a_thousand_small_cold_objects_at_once(s3_server, origin, kind):
    server = s3_server(*MEMORY, "--bucket-requests", "0", "--hedge-quantile", "0")
    visits = []
    for at in range(1000):
        stored = origin.put(kind, f"object-{at}", size=4 * KIB)
        origin.behave(kind, f"object-{at}", Behaviour(delay=0.3))
        visits.append(Visit(kind, f"object-{at}", stored.seed, 0, 4 * KIB - 1))
    with Crowd(server.port, visits) as crowd:
        crowd.send_requests().run(30)
    assert [visit.status for visit in visits if not visit.good] == []
    assert value(server, "cachey_memory_refused_total") == 0
