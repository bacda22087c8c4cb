"""Protection of the origin: breakers, gates, remembered absences; and fills do not fail by the limits of another client."""

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


def fail_five_times(server, origin, bucket):
    origin.behave(bucket, "object", Behaviour(code="InternalError"))
    for at in range(5):
        assert gauge(server, "circuit_breaker_open", bucket) == 0 if at else True
        expect_error(server.fetch(bucket, "object", 0, 9, headers=[ONCE]), 502)
    assert gauge(server, "circuit_breaker_open", bucket) == 1
    assert gauge(server, "consecutive_failures", bucket) == 5
    assert gauge(server, "error_rate", bucket) > 0.05


def test_fifty_missing_keys_open_no_breaker(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "object", size=100)
    for at in range(50):
        expect_error(server.fetch(kind, f"missing-{at}", 0, 9), 404)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    assert gauge(server, "circuit_breaker_open", kind) == 0
    assert gauge(server, "error_rate", kind) == 0
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


@pytest.mark.parametrize("config", ["rt=1 ma=1", "oat=1 ma=1", "ot=1", "ct=0 ma=1"])
def test_an_impatient_client_opens_no_breaker(s3_server, origin, kind, config):
    server = s3_server()
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "slow", Behaviour(delay=0.2 * SLOW))
    for _ in range(10):
        expect_error(server.fetch(kind, "slow", 0, 9, headers=[("C0-Config", config)]), 504)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


def test_names_that_can_be_no_buckets_do_not_keep_out_real_ones(s3_server, origin, kind):
    server = s3_server()
    for at in range(1100):
        response = server.fetch("kind", "object", 0, 9, headers=[("C0-Bucket", f"bucket-{at}--x-s3")])
        assert response.status == 502
    fail_five_times(server, origin, kind)


def test_a_bucket_that_is_down_is_a_quick_503(s3_server, origin, kind):
    server = s3_server()
    fail_five_times(server, origin, kind)
    for at in range(20):
        expect_retry_after(server.fetch(kind, f"object-{at}", 0, 9, headers=[ONCE]))
    asked = len(origin.ended(kind))
    assert 5 <= asked <= 5 + 20 * SLOW  # one probe a second
    assert prometheus_text.value(scrape(server), "cachey_bucket_refused_total") >= 20 - (asked - 5)


def test_what_is_cached_is_served_while_the_bucket_is_down(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "kept", size=100)
    expect_206(server.fetch(kind, "kept", 0, 9), stored, 0, 9, kind)
    fail_five_times(server, origin, kind)
    expect_206(server.fetch(kind, "kept", 0, 99), stored, 0, 99, kind)


def test_the_order_flips_and_flips_back(s3_server, origin, kind):
    server = s3_server()
    first, second = f"{kind}-a", f"{kind}-b"
    headers = [("C0-Bucket", first), ("C0-Bucket", second), ONCE]
    for bucket in (first, second):
        for at in range(200):
            stored = origin.put(bucket, f"object-{at}", size=100, seed=4)
    expect_206(server.fetch(kind, "object-0", 0, 9, headers=headers), stored, 0, 9, first)
    fail_five_times(server, origin, first)
    for at in range(1, 10):
        expect_206(server.fetch(kind, f"object-{at}", 0, 9, headers=headers), stored, 0, 9, second)
    assert len(origin.ended(first)) == 6, "who is ranked second is not asked while the first answers"
    # Only `first` is given: a probe finds that it works again, and one success closes the breaker.
    wait_until(lambda: server.fetch(first, "object-100", 0, 9, headers=[ONCE]).status == 206, 10, "the bucket is back")
    assert gauge(server, "circuit_breaker_open", first) == 0


def test_a_bucket_that_is_back_is_found_by_a_probe_not_by_a_herd(s3_server, origin, kind):
    server = s3_server()
    fail_five_times(server, origin, kind)
    origin.behave(kind, "object", Behaviour(code="InternalError", delay=0.3 * SLOW))
    stopped = time.monotonic() + 3 * SLOW

    def hammer(_):
        while time.monotonic() < stopped:
            server.fetch(kind, "object", 0, 9, headers=[ONCE])
            time.sleep(0.005)

    before, started = len(origin.ended(kind)), time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(hammer, range(20)))
    probes = len(origin.ended(kind)) - before
    assert 1 <= probes <= time.monotonic() - started + 2
    stored = origin.put(kind, "healthy", size=100)
    wait_until(lambda: server.fetch(kind, "healthy", 0, 9).status == 206, 10, "the bucket is back")
    with ThreadPoolExecutor(20) as pool:
        for at, response in enumerate(pool.map(lambda _: server.fetch(kind, "healthy", 0, 99), range(40))):
            assert response.status == 206, at
    assert gauge(server, "circuit_breaker_open", kind) == 0
    assert stored.size == 100


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
