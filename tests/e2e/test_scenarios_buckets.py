"""Scenarios of the Rust server: several named buckets, of which some lack the object, fail or hang."""

import time

import pytest

from expect import expect_206, expect_error
from harness import MIB, PAGE, Task, limit, wait_until
from origin_model import Behaviour, Gate
from prometheus_text import value
from test_metrics import scrape
from test_slow_origins import learn

ONE_ATTEMPT = ("C0-Config", "ma=1")


def named(*buckets):
    return [("C0-Bucket", bucket) for bucket in buckets]


def asked(origin, buckets):
    return [record.bucket for record in origin.ended() if record.bucket in buckets]


def failures(server, bucket):
    return value(scrape(server), "cachey_bucket_consecutive_failures", bucket=bucket)


@pytest.fixture
def three(kind):
    return [f"{kind}-{at}" for at in "abc"]


@pytest.fixture(scope="module")
def server(start_session_server, origin):
    """Asks up to three buckets for a page."""
    return start_session_server("--origin", "s3", "--memory", "512MiB", "--buckets-per-page", "3", environment=origin.environment())


def put_somewhere(origin, bucket, size, seed=1):
    """size: None: no such key; -1: no such bucket."""
    if size is None:
        origin.add_bucket(bucket)
    elif size >= 0:
        return origin.put(bucket, "object", size=size, seed=seed)
    return None


@pytest.mark.parametrize("first,second", [(0, None), (4, None), (4, -1), (0, 4), (None, 0), (-1, None), (PAGE, None), (PAGE, 17)])
def test_a_bucket_with_a_short_copy_or_none_gives_way_to_a_whole_copy(server, origin, kind, three, first, second):
    put_somewhere(origin, three[0], first)
    put_somewhere(origin, three[1], second)
    stored = origin.put(three[2], "object", size=2 * PAGE, seed=1)
    response = server.fetch(kind, "object", PAGE, PAGE + 9, named(*three))
    expect_206(response, stored, PAGE, PAGE + 9, three[2])
    assert asked(origin, three) == three
    expect_206(server.fetch(kind, "object", PAGE + 5, PAGE + 9, named(*three)), stored, PAGE + 5, PAGE + 9, three[2])
    assert [failures(server, bucket) for bucket in three[:2]] == [0, 0], "an answer is no failure"


@pytest.mark.parametrize("sizes", [(4, None, 17), (0, 17, 4), (17, 0, 0), (17, 17, 17)])
def test_past_the_end_of_all_copies_the_largest_size_is_told(server, origin, kind, three, sizes):
    for bucket, size in zip(three, sizes):
        put_somewhere(origin, bucket, size)
    response = server.fetch(kind, "object", PAGE, PAGE + 9, named(*three))
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */17"
    assert sorted(asked(origin, three)) == three


@pytest.mark.parametrize("form", ["aws", "bare", "header", "document"])
def test_a_416_without_a_size_hides_no_size(server, origin, kind, three, form):
    for bucket, size in zip(three, (17, 9, 5)):
        origin.put(bucket, "object", size=size, seed=1)
    for bucket in three[1:]:
        origin.behave(bucket, "object", Behaviour(past_end=form))
    response = server.fetch(kind, "object", PAGE, PAGE + 9, named(*three))
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */17"


FAULTS = {
    "500": Behaviour(code="InternalError"), "reset in the head": Behaviour(drop="rst"), "503": Behaviour(code="SlowDown"),
    "wrong range": Behaviour(content_range="bytes 5-6/7"), "reset in the body": Behaviour(cut_after=10, cut="rst"),
    "denied": Behaviour(code="AccessDenied"), "missing": Behaviour(code="NoSuchKey"), "garbage": Behaviour(raw=b"SSH-2.0\r\n\r\n"),
}


@pytest.mark.parametrize("one,other", [("500", "500"), ("500", "wrong range"), ("reset in the head", "503"), ("missing", "500"),
                                       ("reset in the body", "500"), ("500", "reset in the body"), ("denied", "garbage"),
                                       ("reset in the body", "reset in the body"), ("wrong range", "missing")])
def test_two_buckets_that_fail_give_way_to_the_third(server, origin, kind, three, one, other):
    for bucket in three:
        stored = origin.put(bucket, "object", size=100, seed=1, etag='"same"')
    for bucket, fault in zip(three, (one, other)):
        origin.behave(bucket, "object", FAULTS[fault])
    response = server.fetch(kind, "object", 0, 99, [*named(*three), ONE_ATTEMPT])
    assert response.status == 206 and response.complete and response.body and response.header("ETag") == stored.etag
    expect_206(server.fetch(kind, "object", 0, 99, named(*three)), stored, 0, 99, response.header("C0-Status").split("; ")[1])
    once = asked(origin, three)
    assert once[0] == three[0] and once[-1] == three[2] and set(once) == set(three)
    assert len(once) <= 5, "each bucket once; a reset of a reused connection is repeated"


def test_no_more_buckets_are_asked_than_allowed(s3_server, origin, kind):
    buckets = [f"{kind}-{at}" for at in range(9)]
    origin.put(buckets[-1], "object", size=100)
    for most in (1, 4, 8):
        server = s3_server("--buckets-per-page", str(most))
        before = len(asked(origin, buckets))
        expect_error(server.fetch(kind, "object", 0, 9, named(*buckets)), 404)
        assert asked(origin, buckets)[before:] == buckets[:most]


SILENCE = {
    "no head": Behaviour(gate=Gate()),
    "a head without a body": Behaviour(stall_after=0),
    "a body that stops": Behaviour(stall_after=MIB),
}


@pytest.mark.parametrize("silence", SILENCE)
@pytest.mark.parametrize("cold", [True, False])
def test_a_silent_first_bucket_costs_little_and_counts_once(s3_server, origin, kind, silence, cold):
    """No C0-Config. The Rust server answers after 5 s. A bucket that has never answered has no metrics."""
    server, good, silent = s3_server(), f"{kind}-good", f"{kind}-silent"
    for bucket in (silent, good):
        stored = origin.put(bucket, "object", size=4 * MIB, seed=1)
        origin.put(bucket, "earlier", size=10)
        if not cold:
            assert server.fetch(f"{kind}-{bucket}", "earlier", 0, 9, named(bucket)).status == 206
    origin.behave(silent, "object", SILENCE[silence])
    started = time.monotonic()
    response = server.fetch(kind, "object", 0, 4 * MIB - 1, named(silent, good))
    took = time.monotonic() - started
    assert response.status == 206 and response.complete
    assert took < limit(1.5), f"{took:.2f} s"
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, response.header("C0-Status").split("; ")[1])
    assert failures(server, good) == 0
    if not cold:
        wait_until(lambda: failures(server, silent) == 1, 10, "the silence is counted")
        time.sleep(0.2)
        assert failures(server, silent) == 1


@pytest.mark.parametrize("stall", [0, 10])
def test_two_of_three_buckets_that_stall_leave_time_for_the_third(s3_server, origin, kind, three, stall):
    unit = limit(0.1)
    server = s3_server("--buckets-per-page", "3", "--bucket-timeout-ms", str(int(1000 * unit)),
                       "--download-timeout-ms", str(int(5000 * unit)))
    for bucket in three:
        stored = origin.put(bucket, "object", size=100, seed=1, etag='"same"')
        origin.behave(bucket, "object", Behaviour(stall_after=stall) if bucket != three[2] else Behaviour(delay=0.5 * unit))
    started = time.monotonic()
    response = server.fetch(kind, "object", 0, 99, named(*three))
    assert response.status == 206 and response.complete and len(response.body) == stored.size
    assert time.monotonic() - started < 5 * unit


def test_a_head_that_stalls_is_hedged_at_the_other_bucket(s3_server, origin, kind):
    server, other = s3_server(), f"{kind}-other"
    learn(server, origin, kind)
    for bucket in (kind, other):
        stored = origin.put(bucket, "object", size=100, seed=1)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    started = time.monotonic()
    expect_206(server.fetch(kind, "object", 0, 9, named(kind, other)), stored, 0, 9, other)
    assert time.monotonic() - started < limit(0.5), "about twice the usual time"
    assert [record.bucket for record in origin.requests(key="object") if record.bucket in (kind, other)] == [kind, other]
    gate.release()


def test_a_throttled_bucket_is_retried_and_its_hedge_is_not(s3_server, origin, kind):
    server, other = s3_server(), f"{kind}-other"
    terms = ("C0-Config", "ma=3 ib=1 mb=1")
    origin.put(kind, "throttled", size=100)
    origin.behave(kind, "throttled", Behaviour(code="SlowDown"))
    expect_error(server.fetch(kind, "throttled", 0, 9, [terms]), 503)
    assert len(origin.ended(kind, "throttled")) == 3
    learn(server, origin, kind)
    for bucket in (kind, other):
        stored = origin.put(bucket, "object", size=100, seed=1)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    origin.behave(other, "object", Behaviour(code="SlowDown"))
    answer = Task(server.fetch, kind, "object", 0, 9, [terms, *named(kind, other)])
    wait_until(lambda: origin.requests(other, "object"), 5, "a hedge")
    time.sleep(0.3)
    assert len(origin.requests(other, "object")) == 1, "a hedge is one attempt"
    gate.release()
    expect_206(answer.result(), stored, 0, 9, kind)


def test_a_client_that_leaves_during_a_hedge_gives_its_places_back(s3_server, origin, kind):
    server, other = s3_server("--bucket-requests", "4"), f"{kind}-other"
    learn(server, origin, kind)
    gate = Gate()
    for bucket in (kind, other):
        for at in range(8):
            stored = origin.put(bucket, f"object-{at}", size=100, seed=1)
            if at < 4:
                origin.behave(bucket, f"object-{at}", Behaviour(gate=gate))
    clients = [server.connect() for _ in range(4)]
    for at, client in enumerate(clients):
        client.request("GET", f"/fetch/{kind}/object-{at}", [("Range", "bytes=0-9"), *named(kind, other)])
    wait_until(lambda: len([r for r in origin.requests() if r.bucket in (kind, other) and r.held]) >= 5, 5, "hedges")
    for client in clients:
        client.close()
    for at in range(4, 8):
        started = time.monotonic()
        expect_206(server.fetch(kind, f"object-{at}", 0, 9, named(kind)), stored, 0, 9, kind)
        assert time.monotonic() - started < limit(2)
    gate.release()
    origin.ended(kind), origin.ended(other)
