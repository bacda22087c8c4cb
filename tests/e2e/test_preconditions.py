"""If-Match, If-None-Match, If-Unmodified-Since, If-Modified-Since and If-Range of clients, and refusals in general."""

import email.utils

import pytest

from expect import expect_206, expect_error, fetch_from_memory
from harness import PAGE
from http1 import fetch_target, range_header
from http2 import Connection as Http2

TIME = 1_709_528_767
SAME, BEFORE = (email.utils.formatdate(at, usegmt=True) for at in (TIME, TIME - 1))


def ask(server, protocol, method, kind, headers, first=0, last=99):
    headers = [range_header(first, last), *headers]
    if protocol == "http1":
        return server.connect().exchange(method, fetch_target(kind, "object"), headers)
    with Http2(server.port) as connection:
        return connection.exchange(method, fetch_target(kind, "object"), headers)


CASES = [
    ([("If-Match", '"now"')], 206), ([("If-Match", '"then"')], 412), ([("If-Match", '"then", "now"')], 206),
    ([("If-Match", '"then"'), ("If-Match", "now")], 206), ([("If-Match", "*")], 206), ([("If-Match", 'W/"now"')], 412),
    ([("If-None-Match", 'W/"now"')], 304), ([("If-None-Match", "*")], 304), ([("If-None-Match", '"then"')], 206),
    ([("If-Unmodified-Since", SAME)], 206), ([("If-Unmodified-Since", BEFORE)], 412), ([("If-Unmodified-Since", "soon")], 206),
    ([("If-Modified-Since", SAME)], 304), ([("If-Modified-Since", BEFORE)], 206), ([("If-Modified-Since", "")], 206),
    ([("If-Range", '"now"')], 206), ([("If-Range", '"then"')], 412), ([("If-Range", SAME)], 206), ([("If-Range", BEFORE)], 412),
    ([("If-Match", '"then"'), ("If-None-Match", "*")], 412),
]


@pytest.mark.parametrize("protocol", ["http1", "http2"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_precondition_cold_and_cached(cachey, origin, kind, protocol, method):
    stored = origin.put(kind, "object", size=300, etag='"now"', last_modified=TIME)
    for cached in (False, True):
        for headers, status in CASES:
            for first in (0, 300):  # the range counts after them
                answer = ask(cachey, protocol, method, kind, headers, first, 999)
                expected = 416 if status == 206 and first == 300 else status
                assert answer.status == expected, f"{headers} from {first}, cached: {cached}: {answer.status}"
                if status == 304:
                    assert answer.header("ETag") == '"now"' and answer.header("Last-Modified") == SAME
                    assert answer.header("Vary") == "C0-Bucket" and answer.header("Content-Length") is None
        if not cached:
            fetch_from_memory(cachey, kind, "object", 0, 9)
    expect_206(cachey.fetch(kind, "object", 0, 99), stored, 0, 99, kind)


def test_a_mismatch_with_what_is_cached_is_confirmed(cachey, origin, kind):
    old = origin.put(kind, "object", size=PAGE + 500, etag='"then"', last_modified=TIME)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    before = len(origin.ended(kind))
    expect_error(ask(cachey, "http1", "GET", kind, [("If-Match", '"now"')]), 412)
    record = origin.ended(kind)[before]
    assert len(origin.ended(kind)) == before + 1 and record.method == "HEAD"
    expect_206(cachey.fetch(kind, "object", 0, 9), old, 0, 9, kind, hit=True)
    new = origin.put(kind, "object", size=PAGE + 500, etag='"now"', last_modified=TIME + 60)
    head = ask(cachey, "http1", "HEAD", kind, [("If-Match", '"now"')])
    assert head.status == 206 and head.header("ETag") == '"now"'
    expect_206(ask(cachey, "http1", "GET", kind, [("If-Match", '"now"')]), new, 0, 99, kind)
    expect_206(cachey.fetch(kind, "object", 0, 9), new, 0, 9, kind)
    expect_error(ask(cachey, "http1", "GET", kind, [("If-Match", '"then"')]), 412)


def test_a_precondition_that_holds_is_a_hit(cachey, origin, kind):
    stored = origin.put(kind, "object", size=300, etag='"now"', last_modified=TIME)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    before = len(origin.ended(kind))
    for headers in ([("If-Match", '"now"')], [("If-Range", SAME)], [("If-None-Match", '"then"')]):
        expect_206(ask(cachey, "http1", "GET", kind, headers), stored, 0, 99, kind, hit=True)
    assert ask(cachey, "http1", "GET", kind, [("If-None-Match", '"now"')]).status == 304
    assert len(origin.ended(kind)) == before


def test_a_body_is_not_joined_from_two_versions(cachey, origin, kind):
    origin.put(kind, "object", size=3 * PAGE, etag='"then"', last_modified=TIME)
    etag = fetch_from_memory(cachey, kind, "object", 0, 9).header("ETag")
    origin.put(kind, "object", size=3 * PAGE, etag='"now"', last_modified=TIME + 5)
    for name in ("If-Match", "If-Range"):
        expect_error(ask(cachey, "http1", "GET", kind, [(name, etag)], PAGE, PAGE + 99), 412)


@pytest.mark.parametrize("sizes", [(1, 2), (700, 3000), (PAGE, PAGE + 1), (PAGE + 7, 2 * PAGE + 90)], ids=str)
def test_an_object_that_has_grown_is_read_past_its_old_end(disk_server, origin, kind, sizes):
    old, new = sizes
    server = disk_server(memory="64MiB", capacity="128MiB")
    origin.put(kind, "object", size=old)
    fetch_from_memory(server, kind, "object", old - 1, old - 1)
    expect_error(server.fetch(kind, "object", old, old), 416)
    stored = origin.put(kind, "object", size=new)
    expect_206(server.fetch(kind, "object", old, new - 1), stored, old, new - 1, kind)


def test_an_empty_object_is_one_request(cachey, origin, kind):
    origin.put(kind, "object", size=0)
    for _ in range(2):
        before = len(origin.ended(kind))
        answer = cachey.fetch(kind, "object", 0, 9)
        expect_error(answer, 416)
        assert answer.header("Content-Range") == "bytes */0"
        assert len(origin.ended(kind)) == before + 1


def test_a_head_of_what_is_not_cached_reads_no_byte(cachey, origin, kind):
    origin.put(kind, "object", size=PAGE)
    answer = ask(cachey, "http1", "HEAD", kind, [], 0, 0)
    assert answer.status == 206 and answer.header("Content-Range") == f"bytes 0-0/{PAGE}"
    assert [record.method for record in origin.ended(kind)] == ["HEAD"]
