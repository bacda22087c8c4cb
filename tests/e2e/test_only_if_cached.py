"""Cache-Control: only-if-cached of requests: 504 where not all bytes are here, and never a request to the store."""

import pytest

from expect import expect_206, expect_bytes, expect_error, fetch_from_memory
from harness import MIB, PAGE, Task, wait_until
from origin_model import Behaviour, Gate

ONLY = ("Cache-Control", "only-if-cached")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_cold_object_is_504(client, origin, kind, method):
    origin.put(kind, "object", size=100)
    response = client.fetch(kind, "object", 0, 9, [ONLY], method)
    assert response.status == 504 and response.header("Cache-Control") == "no-store"
    if method == "GET":
        expect_error(response, 504, "only-if-cached")
    assert origin.requests(kind) == []


def test_what_is_in_memory_is_served(client, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE + 9)
    assert client.fetch(kind, "object", 0, 3 * PAGE).status == 206
    origin.ended(kind)
    for first, last in [(0, 9), (PAGE - 1, PAGE), (0, 9 * PAGE), (2 * PAGE + 8, 2 * PAGE + 8)]:
        def answer(first=first, last=last):
            response = client.fetch(kind, "object", first, last, [ONLY])
            return response if response.status == 206 else None  # the last page is published after its last byte
        expect_bytes(wait_until(answer), stored.seed, first, min(last, stored.size - 1))
        assert client.fetch(kind, "object", first, last, [ONLY], "HEAD").status == 206
    assert len(origin.ended(kind)) == 3


def test_a_missing_page_refuses_the_whole_range(client, origin, kind):
    origin.put(kind, "object", size=3 * PAGE)
    for page in (0, 2):
        assert client.fetch(kind, "object", page * PAGE, page * PAGE + 9).status == 206
        origin.ended(kind)
    for first, last in [(0, 3 * PAGE - 1), (PAGE - 1, PAGE), (PAGE, 2 * PAGE), (PAGE + 7, PAGE + 7)]:
        expect_error(client.fetch(kind, "object", first, last, [ONLY]), 504)
    assert len(origin.requests(kind)) == 2


@pytest.mark.parametrize("headers,first", [([], 100), ([("C0-Object-Size", "101")], 0), ([("If-Match", '"other"')], 0)], ids=str)
def test_old_knowledge_refuses_nothing(cachey, origin, kind, headers, first):
    """416, 409 and 412 need the store's word, so the answer is 504."""
    origin.put(kind, "object", size=100)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    before = len(origin.ended(kind))
    expect_error(cachey.fetch(kind, "object", first, first + 9, [ONLY, *headers]), 504)
    assert len(origin.ended(kind)) == before


def test_a_precondition_that_holds_is_served(cachey, origin, kind):
    stored = origin.put(kind, "object", size=100, etag='"now"')
    fetch_from_memory(cachey, kind, "object", 0, 9)
    expect_206(cachey.fetch(kind, "object", 0, 9, [ONLY, ("If-Match", '"now"')]), stored, 0, 9, kind, hit=True)
    assert cachey.fetch(kind, "object", 0, 9, [ONLY, ("If-None-Match", '"now"')]).status == 304


def test_a_fill_under_way_serves_what_has_come(cachey, origin, kind):
    stored, gate = origin.put(kind, "object", size=4 * MIB), Gate()
    origin.behave(kind, "object", Behaviour(stall_after=MIB, stall_gate=gate))
    other = Task(cachey.fetch, kind, "object", 0, 4 * MIB - 1)
    wait_until(lambda: cachey.fetch(kind, "object", 10, MIB - 1, [ONLY]).status == 206)
    expect_206(cachey.fetch(kind, "object", 10, MIB - 1, [ONLY]), stored, 10, MIB - 1, kind)
    expect_error(cachey.fetch(kind, "object", 10, MIB, [ONLY]), 504)
    gate.release()
    expect_206(other.result(), stored, 0, 4 * MIB - 1, kind)
    assert len(origin.ended(kind)) == 1


def test_parts_of_a_page_are_served(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    for first, last in [(1000, 1999), (2000, 2499)]:
        expect_206(cachey.fetch(kind, "object", first, last, [("C0-Exact", "true")]), stored, first, last, kind)
    before = len(origin.ended(kind))
    for first, last in [(1000, 2499), (1500, 1600), (1999, 2000)]:
        expect_206(cachey.fetch(kind, "object", first, last, [ONLY]), stored, first, last, kind)
    for first, last in [(999, 1000), (2400, 2500), (5000, 5001), (0, PAGE - 1)]:
        expect_error(cachey.fetch(kind, "object", first, last, [ONLY]), 504)
    assert len(origin.ended(kind)) == before


def test_what_is_on_disk_is_served(disk_server, origin, kind):
    stored = origin.put(kind, "object", size=PAGE + 9)
    server = disk_server()
    expect_206(server.fetch(kind, "object", 0, PAGE + 8), stored, 0, PAGE + 8, kind)
    server.stop()
    server = disk_server()
    expect_206(server.fetch(kind, "object", 0, 9 * PAGE, [ONLY]), stored, 0, PAGE + 8, kind, hit=True)
    expect_error(server.fetch(kind, "object", PAGE + 9, PAGE + 9, [ONLY]), 504)
    expect_error(server.fetch(kind, "another", 0, 9, [ONLY]), 504)
    assert len(origin.ended(kind)) == 2


@pytest.mark.parametrize("value,status", [
    ("Only-If-Cached", 504), ("max-age=0, only-if-cached", 504), ("no-cache", 206), ("no-store", 206), ("max-age=0", 206),
    ("only-if-cached-not", 206), ("", 206)])
def test_other_directives_are_ignored(cachey, origin, kind, value, status):
    origin.put(kind, "object", size=100)
    assert cachey.fetch(kind, "object", 0, 9, [("Cache-Control", value)]).status == status
