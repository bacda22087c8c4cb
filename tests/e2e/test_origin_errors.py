"""Origin failures: status, one line of text, Retry-After, number of origin requests."""

import time

import pytest

from expect import expect_206, expect_error, expect_retry_after
from harness import MIB, PAGE, SLOW, limit, wait_until
from origin_model import Behaviour

ONCE = ("C0-Config", "ma=1")
QUICK = ("C0-Config", "ib=1 mb=1")


@pytest.mark.parametrize("code,status", [("NoSuchKey", 404), ("NoSuchBucket", 404), ("AccessDenied", 403),
                                         ("InvalidObjectState", 403)])
def test_final_answers_are_passed_on_after_one_request(cachey, origin, kind, code, status):
    origin.behave(kind, "object", Behaviour(code=code))
    expect_error(cachey.fetch(kind, "object", 0, 9), status)
    assert len(origin.requests(kind)) == 1
    head = cachey.fetch(kind, "object", 0, 9, method="HEAD")
    assert head.status == status


def test_missing_key_and_missing_bucket(cachey, origin, kind):
    expect_error(cachey.fetch(kind, "object", 0, 9), 404)
    origin.add_bucket(kind)
    expect_error(cachey.fetch(kind, "object", 0, 9), 404)


def test_an_object_that_appears_is_served(cachey, origin, kind):
    """A 404 is remembered for a short time only."""
    expect_error(cachey.fetch(kind, "object", 0, 9), 404)
    stored = origin.put(kind, "object", size=100)
    response = wait_until(lambda: cachey.fetch(kind, "object", 0, 9) if cachey.fetch(kind, "object", 0, 9).status == 206 else None)
    expect_206(response, stored, 0, 9, kind)


@pytest.mark.parametrize("behaviour", [
    Behaviour(code="SlowDown"), Behaviour(status=503, error_body=b""), Behaviour(status=429, error_body=b"too many"),
    Behaviour(status=503, error_body=b"<html>busy</html>"), Behaviour(status=429, code="TooManyRequests"),
], ids=["SlowDown", "bare 503", "bare 429", "html 503", "429"])
def test_throttling_is_503_with_retry_after(cachey, origin, kind, behaviour):
    origin.behave(kind, "object", behaviour)
    expect_retry_after(cachey.fetch(kind, "object", 0, 9, headers=[ONCE]))
    assert len(origin.requests(kind)) == 1


@pytest.mark.parametrize("behaviour,status,most", [
    (Behaviour(code="SlowDown"), 503, 3), (Behaviour(code="InternalError"), 502, 3),
    (Behaviour(drop="rst"), 502, 6),  # an attempt on a pooled connection that dies is repeated on a new one
], ids=["SlowDown", "InternalError", "reset"])
def test_three_attempts_are_made(cachey, origin, kind, behaviour, status, most):
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", behaviour)
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=[QUICK]), status)
    assert 3 <= len(origin.requests(kind)) <= most


@pytest.mark.parametrize("behaviour", [
    Behaviour(times=2, code="SlowDown"), Behaviour(times=2, code="InternalError"), Behaviour(times=2, status=502, error_body=b""),
    Behaviour(times=2, drop="fin"), Behaviour(times=2, drop="rst"),
], ids=["SlowDown", "InternalError", "502", "FIN", "RST"])
def test_two_failures_then_success_is_a_206(cachey, origin, kind, behaviour):
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", behaviour)
    expect_206(cachey.fetch(kind, "object", 0, 9, headers=[QUICK]), stored, 0, 9, kind, hit=False)


def test_an_error_is_not_kept(cachey, origin, kind):
    stored = origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(times=1, code="InternalError"))
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=[ONCE]), 502)
    expect_206(cachey.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)


@pytest.mark.parametrize("config,attempts", [("rt=200 ma=1", 1), ("rt=200 ma=2 ib=1", 2)])
def test_an_origin_that_does_not_answer_is_504(cachey, origin, kind, config, attempts):
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(delay=limit(3)))
    started = time.monotonic()
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=[("C0-Config", config)]), 504)
    assert 0.2 * attempts <= time.monotonic() - started < limit(2)
    assert len(origin.requests(kind)) == attempts


def test_a_read_timeout_is_for_the_first_byte_not_for_the_body(cachey, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    origin.behave(kind, "object", Behaviour(pace=2 * MIB))
    response = cachey.fetch(kind, "object", 0, MIB - 1, headers=[("C0-Config", f"rt={int(300 * SLOW)} ma=1")])
    expect_206(response, stored, 0, MIB - 1, kind)


GARBAGE = {
    "not HTTP": Behaviour(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "no status": Behaviour(raw=b"HTTP/1.1\r\n\r\n"),
    "binary": Behaviour(raw=bytes(range(256)) * 40),
    "head without end": Behaviour(raw=b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n"),
    "huge head": Behaviour(raw=b"HTTP/1.1 206 Partial Content\r\nX-Fill: " + b"x" * 200_000 + b"\r\n\r\n"),
    "both lengths": Behaviour(raw=b"HTTP/1.1 206 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "wrong range": Behaviour(content_range="bytes 1-100/100"),
    "wrong end": Behaviour(content_range="bytes 0-50/100"),
    "range past size": Behaviour(content_range="bytes 0-99/50"),
    "unknown size": Behaviour(content_range="bytes 0-99/*"),
    "range in words": Behaviour(content_range="bytes zero-ninety"),
    "no range": Behaviour(omit=("content-range",)),
    "too large a size": Behaviour(content_range="bytes 0-99/99999999999999999999999"),
    "length contradicts": Behaviour(content_length=50),
    "redirect": Behaviour(code="PermanentRedirect"),
    "bad request": Behaviour(status=400, code="InvalidArgument"),
    "not XML": Behaviour(status=400, error_body=b"{\"error\": \"json\"}"),
    "truncated XML": Behaviour(status=400, error_body=b"<?xml version=\"1.0\"?><Error><Code>No"),
    "large error body": Behaviour(status=400, error_body=b"<Error>" + b"x" * 3_000_000),
    "200 without a version": Behaviour(ignore_range=True, omit=("etag", "last-modified")),
    "200 with an empty tag": Behaviour(ignore_range=True, omit=("etag", "last-modified"), headers=(("ETag", '""'),)),
    "two tags": Behaviour(headers=(("ETag", '"other"'),)),
    "two ranges": Behaviour(headers=(("Content-Range", "bytes 0-1/2"),)),
    "204": Behaviour(status=204, error_body=b"", omit=("content-length",)),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_answers_that_break_the_protocol_are_502(cachey, origin, kind, what):
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", GARBAGE[what])
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=[ONCE]), 502)
    origin.behave(kind, "object")
    assert cachey.fetch(kind, "object", 0, 9).status == 206, "the fault stayed"


def test_a_store_that_ignores_ranges_is_502_and_not_drained(cachey, origin, kind):
    origin.put(kind, "object", size=20 * PAGE)
    origin.behave(kind, "object", Behaviour(ignore_range=True))
    for first in (0, PAGE):
        expect_error(cachey.fetch(kind, "object", first, first + 9, headers=[ONCE]), 502)
    assert {record.outcome for record in origin.ended(kind)} == {"gone"}


def test_error_texts_do_not_leak_what_the_origin_said_raw(cachey, origin, kind):
    """Line ends in the origin's text must not create header or text lines in the response."""
    body = b"<Error><Code>Evil\r\nX-Injected: 1\r\n\r\n</Code><Message>a\nb\nc</Message></Error>"
    origin.behave(kind, "object", Behaviour(status=400, error_body=body))
    response = cachey.fetch(kind, "object", 0, 9, headers=[ONCE])
    expect_error(response, 502)
    assert response.header("X-Injected") is None


def test_a_dead_origin_is_502_and_metrics_stay(start_server, origin):
    settings = origin.environment() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    server = start_server("--origin", "s3", environment=settings)
    expect_error(server.fetch("bucket", "object", 0, 9, headers=[("C0-Config", "ma=2 ib=1")]), 502)
    assert server.get("/healthz").status == 200


def test_idle_connections_that_the_origin_closed_cost_no_error(cachey, origin, kind):
    """The origin may close a pooled connection at any moment: the request uses a new one, and the client notices nothing."""
    stored = [origin.put(kind, f"object-{at}", size=100) for at in range(20)]
    for at in range(20):
        origin.behave(kind, f"object-{at}", Behaviour(close_unsaid=True))
    for at in range(20):
        expect_206(cachey.fetch(kind, f"object-{at}", 0, 9, headers=[ONCE]), stored[at], 0, 9, kind)


def test_signatures_with_a_session_token_and_a_region(start_server):
    from scripted_origin import ScriptedOrigin
    from sigv4_check import Credentials
    with ScriptedOrigin(Credentials(session_token="FwoGZXIvYXdzEXAMPLE//token==", region="eu-west-3")) as other:
        stored = other.put("bucket", "a//b +ü", size=100)
        server = start_server("--origin", "s3", environment=other.environment())
        expect_206(server.fetch("bucket", "a//b +ü", 0, 9), stored, 0, 9, "bucket")
        (record,) = other.requests()
        assert record.header("x-amz-security-token") == "FwoGZXIvYXdzEXAMPLE//token=="
        assert other.refused == []
