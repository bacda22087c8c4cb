"""C0-Object-Size: a size that the client knows saves requests, and is held against the store."""

import pytest

from expect import expect_206, expect_bytes, expect_error, fetch_from_memory
from harness import MIB, PAGE
from origin_model import Behaviour

BAD = ["", "-1", "+1", "1.5", "1e3", "0x10", "4 096", "4KiB", "none", "18446744073709551616", "9" * 40, "4;5", "4,x", ","]


def size_is(size):
    return ("C0-Object-Size", str(size))


def asked(origin, kind):
    return [record.range for record in origin.ended(kind)]


@pytest.mark.parametrize("said,first", [(4096, 4096), (4096, 5000), (100, 100), (0, 0), (1, PAGE), (PAGE, 3 * PAGE)])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_start_past_the_said_size_is_416_without_a_request(client, origin, kind, said, first, is_there):
    if is_there:
        origin.put(kind, "object", size=4096)
    for method in ("GET", "HEAD"):
        response = client.fetch(kind, "object", first, first + 9, [size_is(said)], method)
        assert response.status == 416 and response.header("Content-Range") == f"bytes */{said}"
        assert response.header("C0-Status") is None
    assert origin.requests(kind) == []


@pytest.mark.parametrize("value", BAD, ids=ascii)
def test_what_is_no_size_is_400(client, origin, kind, value):
    for method in ("GET", "HEAD"):
        response = client.fetch(kind, "object", 0, 9, [("C0-Object-Size", value)], method)
        assert response.status == 400
        if method == "GET":
            expect_error(response, 400, "C0-Object-Size")
    assert origin.requests(kind) == []


@pytest.mark.parametrize("headers,status", [
    ([size_is(100), size_is(100)], 206), ([size_is("100, 100")], 206), ([size_is("0100")], 206), ([("c0-OBJECT-size", "100")], 206),
    ([size_is(100), size_is(99)], 400), ([size_is("100,99")], 400)], ids=str)
def test_lines_that_differ_are_400(cachey, origin, kind, headers, status):
    origin.put(kind, "object", size=100)
    assert cachey.fetch(kind, "object", 0, 9, headers).status == status


@pytest.mark.parametrize("size", [1, 4096, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 7])
def test_the_right_size_is_answered_and_costs_the_pages(client, origin, kind, size):
    stored = origin.put(kind, "object", size=size)
    for _ in range(2):
        response = client.fetch(kind, "object", 0, 5 * PAGE, [size_is(size)])
        assert response.status == 206 and response.header("Content-Range") == f"bytes 0-{size - 1}/{size}"
        expect_bytes(response, stored.seed, 0, size - 1)
    assert sorted(first // PAGE for first, _ in asked(origin, kind)) == list(range((size + PAGE - 1) // PAGE))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("size", [1, 4096, PAGE, PAGE + 5])
def test_the_store_decides_on_a_size_that_is_wrong(client, origin, kind, size, method):
    """409; or 416 with the true size if the range starts past the true end. What is cached does not refuse: unlike the
    Rust server, each refusal asks the store."""
    stored = origin.put(kind, "object", size=size)
    for said in (size + 1, size + PAGE, 1 if size > 1 else 2):
        response = client.fetch(kind, "object", 0, min(said, 100) - 1, [size_is(said)], method)
        assert response.status == 409, (said, response.status)
        if method == "GET":
            expect_error(response, 409, "C0-Object-Size", str(size))
    response = client.fetch(kind, "object", size, size + 9, [size_is(size + 100)], method)
    assert response.status == 416 and response.header("Content-Range") == f"bytes */{size}"
    response = client.fetch(kind, "object", 3 * PAGE, 3 * PAGE + 9, [size_is(4 * PAGE)], method)
    assert response.status == 416 and response.header("Content-Range") == f"bytes */{size}"
    response = client.fetch(kind, "object", 0, size - 1, [size_is(size)])
    assert response.status == 206
    expect_bytes(response, stored.seed, 0, size - 1)


def test_a_wrong_size_of_a_cached_object_costs_a_head(cachey, origin, kind):
    stored = origin.put(kind, "object", size=4096)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    for said, first, status in [(4095, 0, 409), (5000, 0, 409), (5000, 4096, 416)]:
        before = len(asked(origin, kind))
        assert cachey.fetch(kind, "object", first, 9999, [size_is(said)]).status == status
        assert [record.method for record in origin.ended(kind)[before:]] == ["HEAD"]
    before = len(asked(origin, kind))
    expect_206(cachey.fetch(kind, "object", 0, 9999, [size_is(4096)]), stored, 0, 4095, kind, hit=True)
    expect_206(cachey.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=True)
    assert len(asked(origin, kind)) == before


def test_nothing_past_the_said_size_is_asked_for(cachey, origin, kind):
    origin.put(kind, "object", size=9 * PAGE)
    expect_error(cachey.fetch(kind, "object", 0, 9 * PAGE, [size_is(PAGE)]), 409)
    assert {first // PAGE for first, _ in asked(origin, kind)} == {0}
    expect_error(cachey.fetch(kind, "object", PAGE, 9 * PAGE, [size_is(PAGE + 1)]), 409)
    assert {first // PAGE for first, _ in asked(origin, kind)} == {0, 1}


def test_pages_of_a_said_size_come_side_by_side(cachey, origin, kind):
    stored = origin.put(kind, "object", size=3 * PAGE)
    origin.behave(kind, "object", Behaviour(delay=0.3))
    expect_206(cachey.fetch(kind, "object", 0, 3 * PAGE - 1, [size_is(3 * PAGE)]), stored, 0, 3 * PAGE - 1, kind)
    arrived = [record.arrived_at for record in origin.ended(kind)]
    assert len(arrived) == 3 and max(arrived) - min(arrived) < 0.3, "before the first response"


def test_an_object_that_has_changed_is_found_by_its_new_size(cachey, origin, kind):
    old = origin.put(kind, "object", size=4096)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    new = origin.put(kind, "object", size=PAGE + 9)
    expect_206(cachey.fetch(kind, "object", 0, 9, [size_is(4096)]), old, 0, 9, kind, hit=True)
    expect_206(cachey.fetch(kind, "object", 0, PAGE + 8, [size_is(PAGE + 9)]), new, 0, PAGE + 8, kind)
    expect_error(cachey.fetch(kind, "object", 0, 9, [size_is(4096)]), 409)
    expect_206(cachey.fetch(kind, "object", 0, 9), new, 0, 9, kind)


def test_what_is_on_disk_does_not_refuse(disk_server, origin, kind):
    old = origin.put(kind, "object", size=3 * MIB)
    server = disk_server()
    expect_206(server.fetch(kind, "object", 0, 9), old, 0, 9, kind)
    server.stop()
    server = disk_server()
    expect_206(server.fetch(kind, "object", 5, 9, [size_is(3 * MIB)]), old, 5, 9, kind, hit=True)
    assert len(asked(origin, kind)) == 1
    new = origin.put(kind, "object", size=3 * MIB + 1)
    expect_206(server.fetch(kind, "object", 5, 9, [size_is(3 * MIB + 1)]), new, 5, 9, kind)


@pytest.mark.parametrize("cached", [False, True])
def test_preconditions_come_before_the_size_of_the_store(cachey, origin, kind, cached):
    """A start past the said size is refused before both: nothing is known of the object then."""
    origin.put(kind, "object", size=4096, etag='"now"')
    if cached:
        fetch_from_memory(cachey, kind, "object", 0, 9)
    for condition, status in [(("If-Match", '"then"'), 412), (("If-None-Match", '"now"'), 304), (("If-Match", '"now"'), 409)]:
        assert cachey.fetch(kind, "object", 0, 9, [size_is(5000), condition]).status == status
        assert cachey.fetch(kind, "object", 5000, 5009, [size_is(5000), condition]).status == 416


def test_a_wrong_size_hurts_nobody_else(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE + 9)
    for said in (8 * PAGE, 7, 2**64 - 1):
        assert cachey.fetch(kind, "object", 0, 8 * PAGE, [size_is(said)]).status == 409
        expect_206(cachey.fetch(kind, "object", 0, 2 * PAGE), stored, 0, PAGE + 8, kind)
