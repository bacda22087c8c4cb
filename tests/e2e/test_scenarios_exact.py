"""Scenarios of the Rust server: C0-Exact. Only the bytes of an exact range come from the store, each once."""

import random

import pytest

from content import content
from expect import expect_206, expect_bytes, expect_error, fetch_from_memory
from harness import KIB, MIB, PAGE, Task
from origin_model import Behaviour

EXACT = ("C0-Exact", "true")


def asked(origin, kind):
    return [record.range for record in origin.ended(kind) if record.method == "GET"]


def bytes_asked(origin, kind, size):
    return sum(min(last, size - 1) - first + 1 for first, last in asked(origin, kind))


@pytest.mark.parametrize("first,last", [(4, 9), (0, 0), (PAGE - 5, PAGE + 4), (MIB + 3, 3 * MIB + 70)])
def test_an_exact_range_comes_once_and_a_plain_one_completes_its_page(client, origin, kind, first, last):
    """Unlike the Rust server, the exact bytes serve plain ranges that lie within them."""
    stored = origin.put(kind, "object", size=2 * PAGE)
    for at in range(3):
        response = client.fetch(kind, "object", first, last, [EXACT])
        assert response.status == 206
        expect_bytes(response, stored.seed, first, last)
        cached_at = int(response.header("C0-Status").split("; ")[2])
        assert (cached_at != 0) == (at > 0)
    exact = asked(origin, kind)
    assert sorted(exact) == ([(first, last)] if first // PAGE == last // PAGE else [(first, PAGE - 1), (PAGE, last)])
    whole = client.fetch(kind, "object", 0, 2 * PAGE - 1)
    assert whole.status == 206
    expect_bytes(whole, stored.seed, 0, 2 * PAGE - 1)
    assert bytes_asked(origin, kind, stored.size) <= stored.size + 128 * KIB, "small islands may come again, and nothing else"
    before = len(asked(origin, kind))
    assert client.fetch(kind, "object", first, last, [EXACT]).status == 206
    assert len(asked(origin, kind)) == before


def test_an_exact_range_of_a_whole_page_is_the_page(cachey, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    expect_206(cachey.fetch(kind, "object", PAGE, 2 * PAGE - 1, [EXACT]), stored, PAGE, 2 * PAGE - 1, kind, hit=False)
    fetch_from_memory(cachey, kind, "object", PAGE, PAGE + 9)
    assert asked(origin, kind) == [(PAGE, 2 * PAGE - 1)]
    expect_206(cachey.fetch(kind, "object", PAGE + 4, PAGE + 9, [EXACT]), stored, PAGE + 4, PAGE + 9, kind, hit=True)
    assert len(asked(origin, kind)) == 1


@pytest.mark.parametrize("value", ["1", "0", "0xff", "yes", "True", "", "true false", "true, false", "?1", "true;q=1"], ids=ascii)
def test_what_is_neither_true_nor_false_is_400(client, origin, kind, value):
    origin.put(kind, "object", size=100)
    for method in ("GET", "HEAD"):
        response = client.fetch(kind, "object", 0, 9, [("C0-Exact", value)], method)
        assert response.status == 400
        if method == "GET":
            expect_error(response, 400, "C0-Exact")
    assert origin.requests(kind) == []


def test_an_exact_range_of_more_than_16_mib_is_400(client, origin, kind):
    origin.put(kind, "object", size=100)
    for first, last in [(0, PAGE), (5, PAGE + 5), (0, 10**30)]:
        expect_error(client.fetch(kind, "object", first, last, [EXACT]), 400, "C0-Exact", "16 MiB")
    assert origin.requests(kind) == []
    assert client.fetch(kind, "object", 0, PAGE - 1, [EXACT]).status == 206


@pytest.mark.parametrize("headers,status", [
    ([EXACT, EXACT], 206), ([("c0-EXACT", "true")], 206), ([("C0-Exact", "false")], 206), ([EXACT, ("C0-Exact", "false")], 400)], ids=str)
def test_lines_that_differ_are_400(cachey, origin, kind, headers, status):
    origin.put(kind, "object", size=100)
    assert cachey.fetch(kind, "object", 0, 9, headers).status == status


@pytest.mark.parametrize("size", [1, 100, 100 * KIB, PAGE, PAGE + 10])
def test_an_exact_range_is_cut_at_the_end(client, origin, kind, size):
    stored = origin.put(kind, "object", size=size)
    first = max(0, size - 50)
    response = client.fetch(kind, "object", first, size + 1000, [EXACT])
    assert response.status == 206 and response.header("Content-Range") == f"bytes {first}-{size - 1}/{size}"
    expect_bytes(response, stored.seed, first, size - 1)
    response = client.fetch(kind, "object", size, size + 9, [EXACT])
    assert response.status == 416 and response.header("Content-Range") == f"bytes */{size}"
    assert bytes_asked(origin, kind, size) <= 50, "what was asked for; the look of the 416 reads no byte"


def test_a_said_size_cuts_what_is_asked(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    sized = [EXACT, ("C0-Object-Size", "1000")]
    expect_206(cachey.fetch(kind, "object", 900, 5000, sized), stored, 900, 999, kind, hit=False)
    assert asked(origin, kind) == [(900, 999)]
    expect_error(cachey.fetch(kind, "object", 1000, 1009, sized), 416)
    expect_error(cachey.fetch(kind, "object", 0, 9, [EXACT, ("C0-Object-Size", "999")]), 409)
    expect_206(cachey.fetch(kind, "object", 950, 960, sized), stored, 950, 960, kind, hit=True)


def test_a_head_of_an_exact_range_costs_a_byte_at_most(cachey, origin, kind):
    origin.put(kind, "object", size=3 * PAGE)
    response = cachey.fetch(kind, "object", PAGE + 100, PAGE + 999, [EXACT], "HEAD")
    assert response.status == 206 and response.header("Content-Length") == "900"
    assert bytes_asked(origin, kind, 3 * PAGE) <= 1


def test_many_small_exact_ranges_cost_what_they_read(cachey, origin, kind):
    """Overlapping ranges share their bytes; the Rust server keeps each range apart."""
    size, chance = 64 * PAGE, random.Random(7)
    stored = origin.put(kind, "object", size=size)
    there = set()
    with cachey.connect() as connection:
        for _ in range(400):
            first = chance.choice([chance.randrange(size - 4096), chance.randrange(256) * 1000])
            connection.request("GET", f"/fetch/{kind}/object", [("Range", f"bytes={first}-{first + 4095}"), EXACT])
            response = connection.read_response()
            assert response.status == 206 and response.body == content(stored.seed, first, 4096)
            there.update(range(first, first + 4096))
    assert len(there) * 0.99 <= bytes_asked(origin, kind, size) <= 1.5 * len(there)


def test_concurrent_exact_ranges_of_one_page_share_a_fetch(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(delay=0.2))
    clients = [Task(cachey.fetch, kind, "object", 1000, 1999, [EXACT]) for _ in range(20)]
    inner = [Task(cachey.fetch, kind, "object", 1100 + at, 1200 + at, [EXACT]) for at in range(20)]
    for one in clients:
        expect_206(one.result(), stored, 1000, 1999, kind)
    for at, one in enumerate(inner):
        expect_206(one.result(), stored, 1100 + at, 1200 + at, kind)
    assert bytes_asked(origin, kind, PAGE) <= 3000
