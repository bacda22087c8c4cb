"""Every byte of a range and its headers, over page borders, cold and from memory."""

import pytest

from expect import expect_206, expect_bytes, expect_error, expect_head, fetch_from_memory
from harness import MIB, PAGE
from origin_model import Behaviour

SIZE = 3 * PAGE + 12_345

RANGES = [
    (0, 0), (0, 99), (PAGE - 1, PAGE - 1), (PAGE, PAGE), (PAGE + 1, PAGE + 1), (PAGE - 1, PAGE), (PAGE - 2, PAGE + 1),
    (0, PAGE - 2), (0, PAGE - 1), (0, PAGE), (1, PAGE + 1), (PAGE, 2 * PAGE - 1), (PAGE - 1, 2 * PAGE),
    (MIB, MIB), (MIB - 1, MIB + 1), (5 * MIB + 7, PAGE + 3), (0, 2 * PAGE), (0, 3 * PAGE - 1), (12_345, 3 * PAGE + 5),
    (2 * PAGE - 1, 3 * PAGE), (3 * PAGE, SIZE - 1), (SIZE - 1, SIZE - 1), (0, SIZE - 1),
]


def pages(first, last):
    return range(first // PAGE, last // PAGE + 1)


@pytest.mark.parametrize("first,last", RANGES)
def test_range_cold_then_from_memory(cachey, origin, kind, first, last):
    stored = origin.put(kind, "object", size=SIZE)
    expect_206(cachey.fetch(kind, "object", first, last), stored, first, last, kind, hit=False)
    again = fetch_from_memory(cachey, kind, "object", first, last)
    expect_206(again, stored, first, last, kind, hit=True)
    asked = [record.range[0] // PAGE for record in origin.requests(kind)]
    assert set(asked) == set(pages(first, last))
    split = first % PAGE > MIB  # past --split-after: the first page is fetched in two parts
    assert len(asked) == len(pages(first, last)) + split, "a page was fetched more than once"


@pytest.mark.parametrize("size", [1, 2, 4096, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1])
def test_whole_objects(cachey, origin, kind, size):
    stored = origin.put(kind, "object", size=size)
    expect_206(cachey.fetch(kind, "object", 0, size - 1), stored, 0, size - 1, kind, hit=False)
    expect_206(cachey.fetch(kind, "object", size - 1, size - 1), stored, size - 1, size - 1, kind)
    expect_206(fetch_from_memory(cachey, kind, "object", 0, size - 1), stored, 0, size - 1, kind, hit=True)


@pytest.mark.parametrize("size", [10, PAGE // 2, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
@pytest.mark.parametrize("beyond", [1, PAGE, 3 * PAGE])
def test_a_range_past_the_end_is_cut(cachey, origin, kind, size, beyond):
    """Also if pages past the end were requested before the size was known."""
    stored, last, middle = origin.put(kind, "object", size=size), size - 1 + beyond, size // 2
    expect_206(cachey.fetch(kind, "object", 0, last), stored, 0, last, kind, hit=False)
    expect_206(fetch_from_memory(cachey, kind, "object", 0, last), stored, 0, last, kind, hit=True)
    expect_206(cachey.fetch(kind, "object", middle, last), stored, middle, last, kind)
    cold = origin.put(kind, "cold", size=size)
    expect_206(cachey.fetch(kind, "cold", middle, last), cold, middle, last, kind, hit=False)


@pytest.mark.parametrize("size,first", [(10, 10), (10, 11), (10, 2 * MIB), (10, PAGE), (10, 5 * PAGE), (PAGE, PAGE),
                                        (PAGE, PAGE + 1), (PAGE + 1, PAGE + 1), (PAGE + 1, PAGE + 2 * MIB)])
@pytest.mark.parametrize("warm", [False, True])
def test_a_start_at_or_past_the_end_is_416(cachey, origin, kind, size, first, warm):
    stored = origin.put(kind, "object", size=size)
    if warm:
        expect_206(cachey.fetch(kind, "object", 0, 0), stored, 0, 0, kind)
    for method in ("GET", "HEAD"):
        response = cachey.fetch(kind, "object", first, first + 99, method=method)
        assert response.status == 416
        assert response.header("Content-Range") == f"bytes */{size}"
        if method == "GET":
            expect_error(response, 416)
    expect_206(cachey.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


def test_any_range_of_an_empty_object_is_416(cachey, origin, kind):
    origin.put(kind, "empty", size=0)
    for first, last in [(0, 0), (0, 99), (5, 9), (PAGE, PAGE)]:
        response = cachey.fetch(kind, "empty", first, last)
        expect_error(response, 416)
        assert response.header("Content-Range") == "bytes */0"


@pytest.mark.parametrize("first,last", [(0, 0), (0, PAGE - 1), (PAGE - 1, 2 * PAGE), (2 * PAGE, 2 * SIZE)])
def test_head_says_what_get_says(cachey, origin, kind, first, last):
    stored = origin.put(kind, "object", size=SIZE)
    got = cachey.fetch(kind, "object", first, last)
    head = fetch_from_memory(cachey, kind, "object", first, last, method="HEAD")
    expect_head(head, stored, first, last, kind, hit=True)
    assert head.body == b""
    again = cachey.fetch(kind, "object", first, last)

    def comparable(response):
        return [(name.lower(), value) for name, value in response.headers if name.lower() != "date"]

    assert comparable(head) == comparable(again)
    assert [name.lower() for name, _ in head.headers] == [name.lower() for name, _ in got.headers]


def test_a_cold_head_is_a_head_at_the_store(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    expect_head(cachey.fetch(kind, "object", 5, SIZE - 1, method="HEAD"), stored, 5, SIZE - 1, kind, hit=False)
    assert [record.method for record in origin.requests(kind)] == ["HEAD"]


def test_head_leaves_the_connection_usable(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    with cachey.connect() as connection:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            response = connection.exchange(method, f"/fetch/{kind}/object", [("Range", "bytes=0-99")])
            expect_head(response, stored, 0, 99, kind)
            if method == "GET":
                expect_bytes(response, stored.seed, 0, 99)


def test_one_connection_serves_many_ranges(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    with cachey.connect() as connection:
        for first, last in RANGES:
            response = connection.exchange("GET", f"/fetch/{kind}/object", [("Range", f"bytes={first}-{last}")])
            expect_206(response, stored, first, last, kind)


def test_the_origin_is_asked_for_aligned_pages_with_both_ends(s3_server, origin, kind):
    server = s3_server("--split-after", "0")
    stored = origin.put(kind, "object", size=SIZE)
    expect_206(server.fetch(kind, "object", 7 * MIB, 2 * PAGE), stored, 7 * MIB, 2 * PAGE, kind)
    ranges = sorted(record.range for record in origin.requests(kind))
    assert ranges == [(page * PAGE, page * PAGE + PAGE - 1) for page in range(3)]


def test_what_the_origin_is_sent(cachey, origin, kind):
    """The origin requests have the same form whatever the client sends: no client header is passed on."""
    origin.put(kind, "object", size=1000)
    response = cachey.fetch(kind, "object", 0, 9, headers=[("X-Client", "secret"), ("C0-Config", "ma=2"),
                                                           ("Authorization", "Bearer x"), ("Cookie", "a=b")])
    assert response.status == 206
    (record,) = origin.requests(kind)
    assert record.method == "GET"
    assert record.target == f"/{kind}/object?x-id=GetObject"
    assert record.header("range") == f"bytes=0-{PAGE - 1}"
    assert record.header("x-amz-checksum-mode") == "ENABLED"
    assert record.header("host") == f"127.0.0.1:{origin.port}"
    sent = {name.lower() for name, _ in record.headers}
    assert not sent & {"x-client", "cookie", "c0-config", "c0-bucket", "te", "accept-encoding"}
    assert "Bearer" not in record.header("authorization")


def test_an_object_without_etag_or_last_modified_is_served(cachey, origin, kind):
    stored = origin.put(kind, "bare", size=2 * PAGE)
    origin.behave(kind, "bare", Behaviour(omit=("etag", "last-modified")))
    for hit in (False, True):
        response = cachey.fetch(kind, "bare", PAGE - 5, PAGE + 5)
        assert response.status == 206 and response.header("ETag") is None
        assert response.header("Content-Range") == f"bytes {PAGE - 5}-{PAGE + 5}/{2 * PAGE}"
        expect_bytes(response, stored.seed, PAGE - 5, PAGE + 5)


def test_a_chunked_206_and_a_closing_origin_are_served(cachey, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE + 5)
    origin.behave(kind, "object", Behaviour(times=1, chunked=True), Behaviour(times=1, close=True),
                  Behaviour(times=1, chunked=True, close=True))
    expect_206(cachey.fetch(kind, "object", 0, stored.size), stored, 0, stored.size, kind, hit=False)
