"""C0-Config, measured by time and by the origin's log; retry tokens; one connection pool for all limits."""

import socket
import time

import pytest

from expect import expect_206, expect_error, expect_retry_after
from harness import MIB, SLOW, Task, limit
from origin_model import Behaviour, Gate
from scripted_origin import ScriptedOrigin


def config(text):
    return [("C0-Config", text)]


@pytest.mark.parametrize("text,attempts", [("ma=1", 1), ("ma=0", 1), ("ma=2 ib=1", 2), ("ma=4 ib=1 mb=5", 4),
                                           ("ma=4000000000 ib=0 mb=0", 10)])
def test_ma_is_the_number_of_requests(s3_server, origin, kind, text, attempts):
    server = s3_server()
    origin.behave(kind, "object", Behaviour(code="SlowDown"))
    expect_retry_after(server.fetch(kind, "object", 0, 9, headers=config(text)))
    records = origin.ended(kind)
    assert [record.header("amz-sdk-request") for record in records] == [
        f"attempt={at}; max={attempts}" for at in range(1, attempts + 1)]
    assert len({record.header("amz-sdk-invocation-id") for record in records}) == 1


def test_rt_ends_a_wait_for_the_head(s3_server, origin, kind):
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(delay=limit(2)))
    server = s3_server()
    started = time.monotonic()
    expect_error(server.fetch(kind, "object", 0, 9, headers=config("rt=200 ma=1")), 504)
    assert 0.2 <= time.monotonic() - started < limit(1)


def test_ct_ends_a_wait_for_a_connection(start_server, origin):
    """A listener with a full queue neither accepts nor refuses."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        fillers = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        settings = origin.environment() | {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:%d" % silent.getsockname()[1]}
        server = start_server("--origin", "s3", environment=settings)
        started = time.monotonic()
        expect_error(server.fetch("bucket", "object", 0, 9, headers=config("ct=200 ma=1")), 504)
        assert 0.2 <= time.monotonic() - started < limit(2)
        for filler in fillers:
            filler.close()


def test_mb_is_the_longest_wait_between_attempts(s3_server, origin, kind):
    origin.behave(kind, "object", Behaviour(code="SlowDown"))
    server = s3_server()
    started = time.monotonic()
    expect_retry_after(server.fetch(kind, "object", 0, 9, headers=config("ma=4 ib=3600000 mb=10")))
    assert time.monotonic() - started < limit(3)
    assert len(origin.ended(kind)) == 4


@pytest.mark.parametrize("key", ["oat", "ot", "rt"])
def test_no_limit_but_the_stalls_covers_a_good_body(s3_server, origin, kind, key):
    stored = origin.put(kind, "object", size=MIB)
    origin.behave(kind, "object", Behaviour(pace=2 * MIB))
    server = s3_server()
    milliseconds = int(250 * SLOW)
    started = time.monotonic()
    response = server.fetch(kind, "object", 0, MIB - 1, headers=config(f"{key}={milliseconds} ma=1"))
    expect_206(response, stored, 0, MIB - 1, kind)
    assert time.monotonic() - started > 0.4


def test_oat_ends_each_attempt_and_ot_all_of_them(s3_server, origin, kind):
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(delay=limit(5)))
    server = s3_server()
    expect_error(server.fetch(kind, "object", 0, 9, headers=config("oat=100 ma=3 ib=1")), 504)
    assert len(origin.requests(kind)) == 3
    started = time.monotonic()
    expect_error(server.fetch(kind, "object", 0, 9, headers=config("oat=100 ot=250 ma=100 ib=1 mb=1")), 504)
    assert 0.25 <= time.monotonic() - started < limit(2)
    assert len(origin.requests(kind)) <= 3 + 4


@pytest.mark.parametrize("key", ["rt", "oat", "ot"])
def test_a_limit_of_nothing_has_passed(cachey, origin, kind, key):
    origin.put(kind, "object", size=100)
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=config(f"{key}=0 ma=1")), 504)
    assert origin.requests(kind) == []


def test_clients_with_different_limits_share_one_pool(start_server):
    with ScriptedOrigin() as origin:
        for at in range(40):
            origin.put("bucket", f"object-{at}", size=100)
        server = start_server("--origin", "s3", "--threads", "1", environment=origin.environment())
        for at in range(40):
            text = f"ct={3000 + at} rt={20_000 + at}"
            assert server.fetch("bucket", f"object-{at}", 0, 9, headers=config(text)).status == 206
        assert origin.connections_accepted == 1


def test_a_store_that_only_says_503_is_retried_fifty_times_in_all(start_server):
    with ScriptedOrigin() as origin:
        server = start_server("--origin", "s3", environment=origin.environment())
        for at in range(600):
            bucket = f"bucket-{at // 4}"  # four failures do not open the breaker
            origin.behave(bucket, "object", Behaviour(status=503, error_body=b""))
            expect_retry_after(server.fetch("kind", "object", 0, 9, headers=[("C0-Bucket", bucket), *config("ib=1 mb=1")]))
        assert sum(len(origin.ended(f"bucket-{at}")) for at in range(150)) == 650
        metrics = server.get("/metrics").text
        assert "cachey_origin_retries_total 50\n" in metrics
        assert "cachey_origin_retries_refused_total 575\n" in metrics


def test_a_throttled_connection_is_kept_and_one_of_a_broken_server_is_not(start_server):
    for behaviour, connections in ((Behaviour(code="SlowDown"), 1), (Behaviour(code="InternalError"), 3)):
        with ScriptedOrigin() as origin:
            origin.behave("bucket", "object", behaviour)
            server = start_server("--origin", "s3", environment=origin.environment())
            server.fetch("bucket", "object", 0, 9, headers=config("ib=1 mb=1"))
            assert origin.connections_accepted == connections


def test_a_body_that_trickles_is_no_stall(s3_server, origin, kind):
    """A byte a second is no error. Second requests may bring the rest sooner."""
    stored = origin.put(kind, "object", size=12)
    origin.behave(kind, "object", Behaviour(pace=1))
    expect_206(s3_server().fetch(kind, "object", 0, 11), stored, 0, 11, kind)


def test_a_body_that_stalls_ends_after_six_seconds(s3_server, origin, kind):
    origin.put(kind, "object", size=MIB)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(stall_after=1000, stall_gate=gate, times=1), Behaviour(gate=gate))
    server = s3_server()
    started = time.monotonic()
    fetch = Task(server.fetch, kind, "object", 0, MIB - 1, headers=config("ma=1"))
    response = fetch.result(60)
    gate.release()
    assert not response.complete and len(response.body) == 1000
    assert 5.5 <= time.monotonic() - started < limit(9)
