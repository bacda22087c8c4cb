"""Memory for misses is shared by bucket, and taken when the response's head says how much: no bucket stops another."""

import time
from concurrent.futures import ThreadPoolExecutor

import prometheus_text
import pytest

from crowd import Crowd, Visit
from expect import expect_206, expect_retry_after
from harness import KIB, MIB, PAGE, limit, wait_until
from origin_model import Behaviour, Gate
from test_metrics import scrape

BAD_REQUESTS = 300
MEMORY = ("--memory", "512MiB")


def value(server, name, **labels):
    return prometheus_text.value(scrape(server), name, **labels)


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


def put_slow(origin, bucket, count, size, **behaviour):
    for at in range(count):
        origin.put(bucket, f"slow-{at}", size=size)
        origin.behave(bucket, f"slow-{at}", Behaviour(**behaviour))


def fetch_at(server, bucket, size, times):
    """Fetches the slow objects of a bucket at fixed times from now; returns (response, seconds) of each."""
    began = time.monotonic()

    def fetch(number):
        time.sleep(max(0, began + times[number] - time.monotonic()))
        started = time.monotonic()
        response = server.fetch(bucket, f"slow-{number}", 0, size - 1)
        return response, time.monotonic() - started

    with ThreadPoolExecutor(len(times)) as pool:
        return list(pool.map(fetch, range(len(times))))


QUEUES = {
    "turn": (("--bucket-requests", "8"), 4 * KIB, {"delay": 0.4}),
    "memory": (("--max-download-memory", "16MiB"), 2 * MIB, {"pace": 5 * MIB}),
}
"""For each queue: options under which a bucket has 6 to 8 objects under way, the objects' size, 0.4 s for each."""


@pytest.mark.parametrize("queue", QUEUES)
def test_bursts_that_can_be_served_are_all_served(s3_server, origin, kind, queue):
    """Every 2 s 32 cold objects at once, 8 at a time: the last of them waits for 3 others."""
    options, size, behaviour = QUEUES[queue]
    server = s3_server("--memory", "512MiB", *options)
    put_slow(origin, kind, 96, size, **behaviour)
    answers = fetch_at(server, kind, size, [at // 32 * 2.0 for at in range(96)])
    assert [response.status for response, _ in answers] == [206] * 96
    assert value(server, "cachey_admission_refusals_total") == 0


@pytest.mark.alone
def test_the_surplus_of_a_standing_overload_is_refused_at_once(s3_server, origin, kind):
    """100 cold objects a second, of which 20 have a turn."""
    options, size, behaviour = QUEUES["turn"]
    server = s3_server("--memory", "512MiB", "--hedge-quantile", "0", *options)
    put_slow(origin, kind, 500, size, **behaviour)
    answers = fetch_at(server, kind, size, [at / 100 for at in range(500)])
    refused = [(response, seconds) for response, seconds in answers if response.status != 206]
    assert len(refused) > 80
    for response, _ in refused:
        expect_retry_after(response)
    assert sorted(seconds for _, seconds in refused)[len(refused) * 9 // 10] < limit(0.1)
    assert max(int(response.header("Retry-After")) for response, _ in refused) >= 4, "the forecast of the wait"
    by_cause = {cause: value(server, "cachey_admission_refusals_total", queue="turn", cause=cause)
                for cause in ("forecast", "timeout", "too_many")}
    assert by_cause == {"forecast": len(refused), "timeout": 0, "too_many": 0}


@pytest.mark.alone
def test_the_surplus_of_a_standing_overload_of_memory_is_refused_at_once_and_costs_no_get(s3_server, origin, kind):
    """20 cold objects a second, of which less than 5 get memory, even if the sockets keep all bytes of a parked GET."""
    size = 8 * MIB
    server = s3_server("--memory", "64MiB", "--hedge-quantile", "0")
    put_slow(origin, kind, 120, size, pace=1.6 * MIB, steady=True)
    answers = fetch_at(server, kind, size, [at / 20 for at in range(120)])
    refused = [(response, seconds) for response, seconds in answers if response.status != 206]
    assert {response.status for response, _ in refused} == {503}
    for response, _ in refused:
        expect_retry_after(response)
    assert 30 < len(refused) < 115
    assert sorted(seconds for _, seconds in refused)[len(refused) // 2] < limit(0.3)
    assert max(int(response.header("Retry-After")) for response, _ in refused) >= 4, "the forecast of the wait"
    by_cause = {cause: value(server, "cachey_admission_refusals_total", queue="memory", cause=cause)
                for cause in ("forecast", "timeout", "too_many")}
    assert sum(by_cause.values()) == len(refused)
    assert by_cause["too_many"] == 0
    assert by_cause["timeout"] < len(refused) / 2
    asked = {record.key for record in origin.requests(kind)}
    assert len(asked) < len(answers) - len(refused) / 4
