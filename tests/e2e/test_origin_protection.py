"""Protection of the origin: breakers, shares, gates, remembered absences; and fills do not fail by the limits of another client."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import prometheus_text
import pytest

from expect import expect_206, expect_error, expect_retry_after
from harness import MIB, SLOW, Task, limit, wait_until
from origin_model import Behaviour
from test_metrics import scrape

ONCE = ("C0-Config", "ma=1")


def gauge(server, name, bucket):
    return prometheus_text.value(scrape(server), f"cachey_bucket_{name}", bucket=bucket)


def fail_five_objects(server, origin, bucket):
    """After one good answer, five objects fail once each: a failure counts once a key."""
    stored = origin.put(bucket, "good", size=100)
    expect_206(server.fetch(bucket, "good", 0, 9), stored, 0, 9, bucket)
    for at in range(5):
        origin.behave(bucket, f"bad-{at}", Behaviour(code="InternalError"))
        assert gauge(server, "deprioritized", bucket) == 0
        expect_error(server.fetch(bucket, f"bad-{at}", 0, 9, headers=[ONCE]), 502)
    assert gauge(server, "deprioritized", bucket) == 1
    assert gauge(server, "consecutive_failures", bucket) == 5
    assert gauge(server, "error_ratio", bucket) > 0.05


def test_fifty_missing_keys_open_no_breaker(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "object", size=100)
    for at in range(50):
        expect_error(server.fetch(kind, f"missing-{at}", 0, 9), 404)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    assert gauge(server, "deprioritized", kind) == 0
    assert gauge(server, "error_ratio", kind) == 0
    assert len(origin.ended(kind)) == 51


@pytest.mark.parametrize("behaviour", [
    Behaviour(status=400, code="InvalidRequest"), Behaviour(status=405, code="MethodNotAllowed"),
    Behaviour(code="AuthorizationHeaderMalformed"), Behaviour(code="PermanentRedirect"),
], ids=["InvalidRequest", "MethodNotAllowed", "AuthorizationHeaderMalformed", "PermanentRedirect"])
def test_what_the_store_refuses_opens_no_breaker(s3_server, origin, kind, behaviour):
    server = s3_server()
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "refused", behaviour)
    for _ in range(10):
        expect_error(server.fetch(kind, "refused", 0, 9), 502)
    assert len(origin.ended(kind)) == 10
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


@pytest.mark.parametrize("config", ["rt=1 ma=1", "oat=1 ma=1", "ot=1", "ct=0 ma=1", "rt=150 ma=1"])
def test_an_impatient_client_opens_no_breaker(s3_server, origin, kind, config):
    server = s3_server()
    stored = origin.put(kind, "object", size=100)
    for at in range(10):
        origin.behave(kind, f"slow-{at}", Behaviour(delay=0.2 * SLOW))
        expect_error(server.fetch(kind, f"slow-{at}", 0, 9, headers=[("C0-Config", config)]), 504)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


def test_names_that_can_be_no_buckets_do_not_keep_out_real_ones(s3_server, origin, kind):
    server = s3_server()
    for at in range(1100):
        response = server.fetch("kind", "object", 0, 9, headers=[("C0-Bucket", f"bucket-{at}--x-s3")])
        assert response.status == 502
    fail_five_objects(server, origin, kind)


@pytest.mark.parametrize("bad", [
    Behaviour(code="InternalError"), Behaviour(status=502), Behaviour(code="SlowDown"),
    Behaviour(content_range="bytes 5-6/7"), Behaviour(raw=b"HTTP/1.1 206 OK\r\nContent-Length: x\r\n\r\n"), Behaviour(cut_after=0),
], ids=["InternalError", "502", "SlowDown", "odd Content-Range", "no HTTP", "no body"])
def test_bad_objects_do_not_close_a_bucket(s3_server, origin, kind, bad):
    server = s3_server()
    for at in range(12):
        origin.put(kind, f"bad-{at}", size=100)
        origin.behave(kind, f"bad-{at}", bad)
    for at in range(60):
        response = server.fetch(kind, f"bad-{at % 12}", 0, 9, headers=[ONCE])
        assert response.status in (502, 503) or not response.complete
        stored = origin.put(kind, f"object-{at}", size=100)
        if at % 3 == 0:
            expect_206(server.fetch(kind, f"object-{at}", 0, 9), stored, 0, 9, kind)
    for at in range(60, 80):
        stored = origin.put(kind, f"object-{at}", size=100)
        expect_206(server.fetch(kind, f"object-{at}", 0, 9), stored, 0, 9, kind)


def test_an_object_that_fails_again_and_again_is_a_quick_503(s3_server, origin, kind):
    server = s3_server()
    origin.behave(kind, "bad", Behaviour(code="InternalError"))
    for _ in range(5):
        expect_error(server.fetch(kind, "bad", 0, 9, headers=[ONCE]), 502)
    started = time.monotonic()
    for _ in range(20):
        response = server.fetch(kind, "bad", 0, 9, headers=[ONCE])
        if response.status != 502:  # one probe a second
            expect_retry_after(response)
    probes = len(origin.ended(kind)) - 5
    assert probes <= time.monotonic() - started + 1
    assert prometheus_text.value(scrape(server), "cachey_bucket_refused_total") == 20 - probes


def test_a_bucket_that_is_down_gets_a_share_and_is_found_when_it_is_back(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "good", size=100)
    expect_206(server.fetch(kind, "good", 0, 9), stored, 0, 9, kind)
    moments, numbers = [], itertools.count()

    def hammer(stopped):
        while time.monotonic() < stopped:
            key = f"bad-{next(numbers)}"
            origin.behave(kind, key, Behaviour(code="InternalError"))
            moments.append(time.monotonic())
            assert server.fetch(kind, key, 0, 9, headers=[ONCE]).status in (502, 503)
            time.sleep(0.02)

    stopped = time.monotonic() + 12
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, [stopped] * 8))
    asked = sum(record.arrived_at > stopped - 2 for record in origin.ended(kind))
    offered = sum(moment > stopped - 2 for moment in moments)
    assert 1 <= asked <= offered / 64 + 2 * 5 + 3
    assert gauge(server, "share", kind) < 0.1
    back = time.monotonic()
    served = 0
    while served < 20 and time.monotonic() - back < limit(10):
        key = f"object-{next(numbers)}"
        origin.put(kind, key, size=100)
        served = served + 1 if server.fetch(kind, key, 0, 9).status == 206 else 0
        time.sleep(0.02)
    assert served == 20
    assert gauge(server, "deprioritized", kind) == 0


def test_what_is_cached_is_served_while_the_bucket_is_down(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "kept", size=100)
    expect_206(server.fetch(kind, "kept", 0, 9), stored, 0, 9, kind)
    fail_five_objects(server, origin, kind)
    expect_206(server.fetch(kind, "kept", 0, 99), stored, 0, 99, kind)


def test_the_order_flips_and_flips_back(s3_server, origin, kind):
    server = s3_server()
    first, second = f"{kind}-a", f"{kind}-b"
    headers = [("C0-Bucket", first), ("C0-Bucket", second), ONCE]
    for bucket in (first, second):
        for at in range(200):
            stored = origin.put(bucket, f"object-{at}", size=100, seed=4)
    expect_206(server.fetch(kind, "object-0", 0, 9, headers=headers), stored, 0, 9, first)
    fail_five_objects(server, origin, first)
    for at in range(1, 10):
        expect_206(server.fetch(kind, f"object-{at}", 0, 9, headers=headers), stored, 0, 9, second)
    assert len(origin.ended(first)) == 7, "who is ranked second is not asked while the first answers"
    # Only `first` is given: one success closes the breaker.
    wait_until(lambda: server.fetch(first, "object-100", 0, 9, headers=[ONCE]).status == 206, 10, "the bucket is back")
    assert gauge(server, "deprioritized", first) == 0


def test_no_more_requests_at_a_time_than_allowed(s3_server, origin, kind):
    server = s3_server("--bucket-requests", "4", "--hedge-quantile", "0")
    stored = [origin.put(kind, f"object-{at}", size=1000) for at in range(40)]
    for at in range(40):
        origin.behave(kind, f"object-{at}", Behaviour(delay=0.05))
    with ThreadPoolExecutor(40) as pool:
        for at, response in enumerate(pool.map(lambda at: server.fetch(kind, f"object-{at}", 0, 999), range(40))):
            expect_206(response, stored[at], 0, 999, kind)
    moments = sorted([(record.arrived_at, 1) for record in origin.ended(kind)] + [(record.done_at, -1) for record in origin.ended(kind)])
    under_way = most = 0
    for _, change in moments:
        under_way += change
        most = max(most, under_way)
    assert 2 <= most <= 5  # the next request may arrive before the origin has recorded the end of the last


def test_no_more_bytes_a_second_than_allowed(s3_server, origin, kind):
    server = s3_server("--bucket-bandwidth", "4MiB", "--hedge-quantile", "0")
    stored = [origin.put(kind, f"object-{at}", size=MIB) for at in range(12)]
    started = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        for at, response in enumerate(pool.map(lambda at: server.fetch(kind, f"object-{at}", 0, MIB - 1), range(12))):
            expect_206(response, stored[at], 0, MIB - 1, kind)
    assert time.monotonic() - started > 1.5


def test_an_absence_is_remembered_for_its_time(s3_server, origin, kind):
    server = s3_server("--negative-ttl", str(2 * SLOW))
    origin.put(kind, "another", size=1)
    asked = time.monotonic()
    for _ in range(20):
        expect_error(server.fetch(kind, "object", 0, 9), 404)
    if time.monotonic() - asked < 2 * SLOW:
        assert len(origin.ended(kind)) == 1
        assert prometheus_text.value(scrape(server), "cachey_negative_hits_total") == 19
    origin.put(kind, "object", size=100)
    put = time.monotonic()
    wait_until(lambda: server.fetch(kind, "object", 0, 9).status == 206, 10, "the object is seen")
    assert time.monotonic() - put < 2 * SLOW + limit(1)


def test_without_a_time_no_absence_is_remembered(s3_server, origin, kind):
    server = s3_server("--negative-ttl", "0")
    expect_error(server.fetch(kind, "object", 0, 9), 404)
    stored = origin.put(kind, "object", size=100)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)


@pytest.mark.parametrize("config", ["ot=10", "rt=10 ma=1", "oat=10 ma=1"])
def test_a_follower_does_not_run_out_of_its_leaders_time(cachey, origin, kind, config):
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(delay=0.3 * SLOW))
    leader = Task(cachey.fetch, kind, "object", 0, 9, headers=[("C0-Config", config)])
    follower = Task(cachey.fetch, kind, "object", 0, 9)
    expect_206(follower.result(), stored, 0, 9, kind)
    assert leader.result().status in (206, 504)
