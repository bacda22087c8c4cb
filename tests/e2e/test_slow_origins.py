"""Late responses and broken bodies: clients do not notice them, and the extra cost at the origin is bounded."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import prometheus_text
from content import first_difference
from expect import expect_206
from harness import KIB, MIB, PAGE, SLOW, Task, wait_until
from origin_model import Behaviour, Gate
from test_metrics import scrape

pytestmark = pytest.mark.alone

STALL = 1.0 * SLOW
USUAL = 0.01


def learn(server, origin, kind, count=60):
    """Makes fetches from which the server learns the usual latency of the bucket."""
    for at in range(count):
        origin.put(kind, f"usual-{at}", size=100)
        origin.behave(kind, f"usual-{at}", Behaviour(delay=USUAL))
        assert server.fetch(kind, f"usual-{at}", 0, 99).status == 206


def timed_fetch(server, kind, key, stored):
    started = time.monotonic()
    expect_206(server.fetch(kind, key, 0, stored.size - 1), stored, 0, stored.size - 1, kind)
    return time.monotonic() - started


def refetched(records):
    """The number of bytes of one object that the origin sent more than once."""
    end = most = 0
    for first, stop in sorted((record.range[0], record.range[0] + record.body_bytes) for record in records):
        most += max(0, min(end, stop) - first)
        end = max(end, stop)
    return most


def p99(times):
    return sorted(times)[-len(times) // 100]


def fetch_with_stalls(server, origin, kind, where, count=400, every=50):
    """Fetches objects; one in `every` stalls for a second on its first request."""
    learn(server, origin, kind)
    times = []
    for at in range(count):
        key = f"object-{at}"
        stored = origin.put(kind, key, size=64 * KIB)
        usual = Behaviour(delay=USUAL)
        if at % every == every // 2:
            gate = Gate()
            stall = Behaviour(times=1, do=lambda _, gate=gate: threading.Timer(STALL, gate.release).start())
            if where == "head":
                stall.gate = gate
            else:
                stall.stall_after, stall.stall_gate = stored.size // 2, gate
            origin.behave(kind, key, stall, usual)
        else:
            origin.behave(kind, key, usual)
        times.append(timed_fetch(server, kind, key, stored))
    return times


def check_stalls(s3_server, origin, kind, where):
    patient, hedging = s3_server("--hedge-quantile", "0"), s3_server()
    side_by_side = Task(fetch_with_stalls, patient, origin, f"{kind}-patient", where)  # they wait most of the time
    with_hedges = fetch_with_stalls(hedging, origin, f"{kind}-hedging", where)
    without = side_by_side.result(60)
    assert p99(without) >= min(STALL, 1.0)  # without hedges, a hang of a second is rescued
    assert p99(with_hedges) <= p99(without) / 5
    sent = sum(record.body_bytes for record in origin.ended(f"{kind}-hedging"))
    assert sent <= 1.05 * (400 * 64 * KIB + 60 * 100)
    families = scrape(hedging)
    issued = prometheus_text.value(families, "cachey_hedges_issued_total")
    assert prometheus_text.value(families, "cachey_hedges_won_total") <= issued
    assert issued == len(origin.ended(f"{kind}-hedging")) - 460
    assert prometheus_text.value(scrape(patient), "cachey_hedges_issued_total") == 0


def test_two_percent_of_late_answers_are_not_in_the_p99(s3_server, origin, kind):
    check_stalls(s3_server, origin, kind, "head")


def test_two_percent_of_stalled_bodies_are_not_in_the_p99(s3_server, origin, kind):
    check_stalls(s3_server, origin, kind, "body")


def test_an_origin_that_has_become_slow_is_not_asked_twice(s3_server, origin, kind):
    server = s3_server()
    learn(server, origin, kind)
    slow = [origin.put(kind, f"slow-{at}", size=100) for at in range(120)]
    for at in range(len(slow)):
        origin.behave(kind, f"slow-{at}", Behaviour(delay=20 * USUAL))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: timed_fetch(server, kind, f"slow-{at}", slow[at]), range(len(slow))))
    pages = 60 + len(slow)
    assert len(origin.ended(kind)) <= 1.05 * pages


def test_large_slow_bodies_are_not_asked_for_twice(s3_server, origin, kind):
    server = s3_server()
    learn(server, origin, kind)
    large = [origin.put(kind, f"large-{at}", size=2 * MIB) for at in range(40)]
    for at in range(len(large)):
        origin.behave(kind, f"large-{at}", Behaviour(pace=2 * MIB))
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda at: timed_fetch(server, kind, f"large-{at}", large[at]), range(len(large))))
    pages = 60 + len(large)
    assert len(origin.ended(kind)) <= 1.05 * pages


def test_resets_at_any_byte_break_no_read(s3_server, origin, kind):
    """A fifth of all GETs is reset at a random body byte; there is one bucket."""
    server = s3_server("--hedge-quantile", "0", "--memory", "256MiB")
    dice = random.Random(7)
    resets = 0

    def reset_some(behaviour, stored):
        def decide(record):
            nonlocal resets
            if dice.random() >= 0.2:
                return False
            behaviour.cut_at = dice.randint(record.range[0], min(record.range[1], stored.size - 1))
            resets += 1
            return True
        return decide

    total = again = 0
    for at in range(60):
        key = f"object-{at}"
        stored = origin.put(kind, key, size=dice.randint(1, 3 * MIB))
        behaviour = Behaviour(cut="rst", pace=64 * MIB)
        behaviour.when = reset_some(behaviour, stored)
        origin.behave(kind, key, behaviour, Behaviour(pace=64 * MIB))
        expect_206(server.fetch(kind, key, 0, stored.size - 1), stored, 0, stored.size - 1, kind)
        total += stored.size
        again += refetched(origin.ended(kind, key))
        assert all(record.header("If-Match") == stored.etag for record in origin.ended(kind, key)[1:])
    assert resets >= 5 and again < 0.05 * total
    assert prometheus_text.value(scrape(server), "cachey_resumes_total") == resets


def test_a_body_goes_on_from_the_other_bucket(s3_server, origin, kind):
    server = s3_server("--hedge-quantile", "0")
    first, second = f"{kind}-a", f"{kind}-b"
    for bucket in (first, second):
        stored = origin.put(bucket, "object", size=MIB, seed=5)
    origin.behave(first, "object", Behaviour(times=1, cut_after=600 * KIB), Behaviour(code="InternalError"))
    response = server.fetch(kind, "object", 0, MIB - 1, headers=[("C0-Bucket", first), ("C0-Bucket", second), ("C0-Config", "ib=1")])
    expect_206(response, stored, 0, MIB - 1, first)
    assert [record.range[0] for record in origin.ended(second)] == [600 * KIB]


def test_another_version_never_goes_on_with_a_body(s3_server, origin, kind):
    server = s3_server("--hedge-quantile", "0")
    origin.put(kind, "object", size=MIB, seed=1)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(times=1, stall_after=600 * KIB, stall_gate=gate, cut_after=600 * KIB))
    fetch = Task(server.fetch, kind, "object", 0, MIB - 1)
    wait_until(lambda: [record for record in origin.requests(kind) if record.held], 10, "the body stands still")
    stored = origin.put(kind, "object", size=MIB, seed=2)
    gate.release()
    response = fetch.result()
    assert response.status == 206 and not response.complete
    assert len(response.body) <= 600 * KIB and first_difference(response.body, 1, 0) is None
    expect_206(server.fetch(kind, "object", 0, MIB - 1), stored, 0, MIB - 1, kind)


def test_parts_come_side_by_side_each_byte_once(s3_server, origin, kind):
    """If the store is slow per connection, a page in four parts arrives sooner than in one."""
    server = s3_server("--origin-parts", "4", "--hedge-quantile", "0")
    times = {}
    for key, config in (("whole", "parts=1"), ("four", "")):
        stored = origin.put(kind, key, size=PAGE, seed=3)
        origin.behave(kind, key, Behaviour(pace=8 * MIB))
        started = time.monotonic()
        expect_206(server.fetch(kind, key, 0, PAGE - 1, headers=[("C0-Config", config)]), stored, 0, PAGE - 1, kind)
        times[key] = time.monotonic() - started
    ranges = sorted(record.range for record in origin.ended(kind, "four"))
    assert ranges == [(at * PAGE // 4, (at + 1) * PAGE // 4 - 1) for at in range(4)]
    assert [record.range for record in origin.ended(kind, "whole")] == [(0, PAGE - 1)]
    assert times["four"] < 0.7 * times["whole"]


def test_the_part_that_is_waited_for_comes_first(s3_server, origin, kind):
    server = s3_server("--hedge-quantile", "0")
    stored = origin.put(kind, "object", size=PAGE)
    wanted = 9 * MIB
    expect_206(server.fetch(kind, "object", wanted, wanted + 99, headers=[("C0-Config", "parts=4")]), stored, wanted, wanted + 99, kind)
    expect_206(server.fetch(kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
    records = origin.ended(kind)
    assert records[0].range == (wanted, 12 * MIB - 1)
    assert sum(record.body_bytes for record in records) == PAGE


def test_a_client_that_streams_range_by_range_waits_at_two_page_borders_only(s3_server, origin, kind):
    """With --read-ahead the next pages are fetched before the client asks for them."""
    late, pages = 0.3 * SLOW, 6
    server = s3_server("--read-ahead", "2", "--hedge-quantile", "0", "--memory", "256MiB")
    stored = origin.put(kind, "object", size=pages * PAGE)
    origin.behave(kind, "object", Behaviour(delay=late))
    waits = []
    for at in range(0, stored.size, 4 * MIB):
        started = time.monotonic()
        expect_206(server.fetch(kind, "object", at, at + 4 * MIB - 1), stored, at, at + 4 * MIB - 1, kind)
        if time.monotonic() - started > 0.9 * late:
            waits.append(at // PAGE)
        time.sleep(late / 8)  # the client's processing time
    assert waits == [0, 1]
    assert sorted(record.range[0] // PAGE for record in origin.ended(kind, "object")) == list(range(pages))
    assert prometheus_text.value(scrape(server), "cachey_read_ahead_pages_total") == pages - 2
