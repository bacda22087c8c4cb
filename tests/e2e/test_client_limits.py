"""The limits of one client bind that client alone: others wait no longer, fail no sooner, and lose no retries."""

import time

import prometheus_text
import pytest

from expect import expect_206, expect_error
from harness import MIB, PAGE, SLOW, Task, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate
from test_metrics import scrape

LONG = 86_400_000  # a day
ASLEEP = f"rt=0 ib={LONG} mb={LONG} ma=2"  # fails without a request to the store, then backs off


def config(text):
    return ("C0-Config", text)


def fills(server):
    return prometheus_text.value(scrape(server), "cachey_fills_in_flight")


def begin(server, kind, key, text):
    """Sends the request and keeps its connection."""
    client = server.connect()
    client.request("GET", fetch_target(kind, key), [range_header(0, 9), config(text)])
    return client


@pytest.mark.parametrize("text", [ASLEEP, f"ct=0 ib={LONG} mb={LONG} ma=10", f"oat=0 ib={LONG} mb={LONG} ma=2", f"rt=0 ib={LONG} mb={LONG} ma=2 ot={LONG}"])
def test_a_leader_that_stays_does_not_make_others_wait(s3_server, origin, kind, text):
    stored = origin.put(kind, "object", size=100)
    server = s3_server()
    with begin(server, kind, "object", text):
        wait_until(lambda: fills(server) == 1, what="the leader's fill")
        began = time.monotonic()
        expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)
        assert time.monotonic() - began < 1 * SLOW


def test_a_leader_that_left_holds_nothing(s3_server, origin, kind):
    origin.put(kind, "object", size=100)
    server = s3_server("--memory", "256MiB")
    for at in range(40):
        begin(server, kind, f"object-{at}", ASLEEP).close()
    wait_until(lambda: fills(server) == 0, seconds=3 * SLOW, what="the end of all fills")
    assert prometheus_text.value(scrape(server), "cachey_memory_admitted_bytes") == 0


def test_a_follower_waits_no_longer_than_its_own_time(s3_server, origin, kind):
    gate = Gate()
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(gate=gate))
    server = s3_server("--hedge-quantile", "0")
    leader = Task(server.fetch, kind, "object", 0, 9)
    wait_until(lambda: origin.requests(kind), what="the leader's GET")
    began = time.monotonic()
    expect_error(server.fetch(kind, "object", 0, 9, headers=[config("ot=300")]), 504)
    assert 0.3 <= time.monotonic() - began < 0.3 + 1 * SLOW
    gate.release()
    expect_206(leader.result(), stored, 0, 9, kind, hit=False)


def test_a_hasty_leader_does_not_fail_its_follower(s3_server, origin, kind):
    """The store needs longer than the leader allows, and not longer than the follower does."""
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(delay=0.5 * SLOW))
    server = s3_server("--hedge-quantile", "0")
    leader = Task(server.fetch, kind, "object", 0, 9, headers=[config(f"rt={int(100 * SLOW)} ma=1 ot={int(200 * SLOW)}")])
    wait_until(lambda: origin.requests(kind), what="the leader's GET")
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)
    expect_error(leader.result(), 504)


def test_more_sleepers_than_turns_take_no_turn(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=100)
    server = s3_server("--bucket-requests", "8")
    sleepers = [begin(server, kind, f"asleep-{at}", ASLEEP) for at in range(30)]
    wait_until(lambda: fills(server) == 30, what="the fills of the sleepers")
    began = time.monotonic()
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)
    assert time.monotonic() - began < 1 * SLOW
    for sleeper in sleepers:
        sleeper.close()


def test_limits_are_cut_at_the_maximum(s3_server, origin, kind):
    origin.behave(kind, "object", Behaviour(code="InternalError"))
    server = s3_server("--client-limit-max", "0.2", "--hedge-quantile", "0")
    began = time.monotonic()
    expect_error(server.fetch(kind, "object", 0, 9, headers=[config(f"ib={LONG} mb={LONG} ma=4")]), 502)
    assert time.monotonic() - began < 1 * SLOW
    assert len(origin.ended(kind)) == 4


@pytest.mark.parametrize("text", ["rt=0 ib=0 mb=0 ma=10", "ct=0 ib=0 mb=0 ma=10", "oat=0 ib=0 mb=0 ma=10"])
def test_haste_takes_no_retries_from_others(s3_server, origin, kind, text):
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(code="InternalError", times=1))
    server = s3_server("--hedge-quantile", "0")
    for at in range(20):
        expect_error(server.fetch(kind, f"other-{at}", 0, 9, headers=[config(text)]), 504)
    expect_206(server.fetch(kind, "object", 0, 9, headers=[config("ib=1 mb=1")]), stored, 0, 9, kind, hit=False)


def test_an_object_that_always_fails_takes_no_retries_from_others(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(code="InternalError", times=1))
    origin.behave(kind, "bad", Behaviour(code="SlowDown"))
    server = s3_server("--hedge-quantile", "0")
    for at in range(13):
        origin.put(kind, f"healthy-{at}", size=100)
        assert server.fetch(kind, f"healthy-{at}", 0, 9).status == 206
        server.fetch(kind, "bad", 0, 9, headers=[config("ib=0 mb=0 ma=10")])
    expect_206(server.fetch(kind, "object", 0, 9, headers=[config("ib=1 mb=1")]), stored, 0, 9, kind, hit=False)


def test_names_without_an_answer_take_no_retries_from_a_bucket_with_one(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=100)
    origin.put(kind, "first", size=100)
    origin.behave(kind, "object", Behaviour(code="InternalError", times=1))
    server = s3_server("--hedge-quantile", "0")
    assert server.fetch(kind, "first", 0, 9).status == 206
    for at in range(40):
        bucket = f"{kind}-{at}"
        origin.behave(bucket, "object", Behaviour(code="InternalError"))
        expect_error(server.fetch(bucket, "object", 0, 9, headers=[config("ib=0 mb=0 ma=10")]), 502)
    expect_206(server.fetch(kind, "object", 0, 9, headers=[config("ib=1 mb=1")]), stored, 0, 9, kind, hit=False)


def test_parts_are_worth_what_the_request_wants(s3_server, origin, kind):
    origin.put(kind, "one", size=PAGE)
    origin.put(kind, "all", size=PAGE)
    server = s3_server()
    assert server.fetch(kind, "one", 0, 0, headers=[config("parts=16")]).status == 206
    wait_until(lambda: fills(server) == 0, what="the end of the fill")
    assert len(origin.ended(kind)) == 4
    assert server.fetch(kind, "all", 0, 8 * MIB - 1, headers=[config("parts=16")]).status == 206
    wait_until(lambda: fills(server) == 0, what="the end of the fill")
    assert len(origin.ended(kind)) == 4 + 8
