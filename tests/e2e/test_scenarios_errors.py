"""Scenarios of the Rust server: what the store's words become, and what a client gets of an object that is gone."""

import pytest

from expect import expect_206, expect_error, expect_retry_after, fetch_from_memory
from harness import GIB, PAGE, TIB
from origin_model import Behaviour
from start_up import expect_bad, run

HTML = b"<html><body>not for machines</body></html>"


@pytest.mark.parametrize("size", [100, PAGE + 500])
def test_an_object_that_was_deleted_is_served_from_the_cache(cachey, origin, kind, size):
    """Unlike the Rust server, a range that starts past the end asks the store, which lacks the object now: 404, not 416."""
    stored = origin.put(kind, "object", size=size)
    page = size // PAGE
    fetch_from_memory(cachey, kind, "object", page * PAGE, page * PAGE + 9)
    origin.behave(kind, "object", Behaviour(code="NoSuchKey"))
    before = len(origin.ended(kind))
    for first, last in [(page * PAGE, page * PAGE + 9), (page * PAGE + 20, size - 1), (page * PAGE, size + GIB), (size - 1, size)]:
        expect_206(cachey.fetch(kind, "object", first, last), stored, first, last, kind, hit=True)
    assert len(origin.ended(kind)) == before
    expect_error(cachey.fetch(kind, "object", size, size + 9), 404)
    expect_206(cachey.fetch(kind, "object", size - 1, size), stored, size - 1, size, kind, hit=True)
    origin.behave(kind, "object")
    response = cachey.fetch(kind, "object", size, size + 9)
    expect_error(response, 416)
    assert response.header("Content-Range") == f"bytes */{size}"


def test_ranges_that_end_past_the_object_cost_no_request_once_it_is_cached(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    before = len(origin.ended(kind))
    for last in (PAGE, 2 * PAGE - 1, 2 * PAGE, 9 * PAGE):
        expect_206(cachey.fetch(kind, "object", 5, last), stored, 5, last, kind, hit=True)
    assert len(origin.ended(kind)) == before


@pytest.mark.parametrize("first", [TIB - PAGE, TIB - 1, TIB, TIB + 5, 5 * TIB])
def test_pages_before_and_past_1_tib_are_served(cachey, origin, kind, first):
    """The Rust server answers 416 from 1 TiB on."""
    stored = origin.put(kind, "object", size=6 * TIB)
    expect_206(cachey.fetch(kind, "object", first, first + 99), stored, first, first + 99, kind)


@pytest.mark.parametrize("status,code,body,told", [
    (503, "SlowDown", None, 503), (503, "", b"", 503), (503, "", HTML, 503), (429, "", HTML, 503), (429, "", b"", 503),
    (429, "TooManyRequests", None, 503), (400, "TooManyRequests", None, 503), (400, "TooManyRequestsException", None, 503),
    (400, "ServiceUnavailable", None, 503), (400, "SlowDown", None, 503), (400, "Throttling", None, 503),
    (400, "ThrottlingException", None, 503), (500, "ServiceUnavailable", None, 503),
    (404, "", b"", 404), (404, "", HTML, 404), (404, "NoSuchKey", None, 404), (404, "NoSuchBucket", None, 404),
    (416, "", b"", 416), (416, "", HTML, 416), (500, "", b"", 502), (500, "", HTML, 502), (500, "InternalError", None, 502),
    (502, "", HTML, 502), (403, "AccessDenied", None, 403), (403, "InvalidObjectState", None, 403), (400, "", HTML, 502),
], ids=str)
def test_what_the_store_says_becomes_a_status(cachey, origin, kind, status, code, body, told):
    """The Rust server says 500 for 403, 500 and 502, and sends no Retry-After."""
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(status=status, code=code, error_body=body))
    response = cachey.fetch(kind, "object", 0, 9, [("C0-Config", "ma=1")])
    expect_error(response, told)
    if told == 503:
        expect_retry_after(response)
    assert HTML not in response.body


def test_an_entry_with_the_longest_names_is_kept_on_disk(disk_server, origin):
    kind, bucket, key = "k" * 64, "b" * 63, "o" * 1024
    stored = origin.put(bucket, key, size=100, etag='"%s"' % ("e" * 64))
    named = [("C0-Bucket", bucket)]
    server = disk_server()
    expect_206(server.fetch(kind, key, 0, 99, named), stored, 0, 99, bucket)
    server.stop()
    server = disk_server()
    expect_206(server.fetch(kind, key, 0, 99, named), stored, 0, 99, bucket, hit=True)
    assert len(origin.ended(bucket)) == 1


@pytest.mark.parametrize("memory", ["0", "15MiB", str(PAGE - 1), "63MiB"])
def test_a_memory_budget_below_its_least_is_told_and_nothing_starts(memory):
    expect_bad(run("--memory", memory, "--port", "0", "--origin", "s3"), "memory")
