"""`C0-Exact: true`: only the bytes of the range come from the store, each once; an ordinary read completes the page."""

import random

import pytest

from expect import expect_206, expect_error, fetch_from_memory
from harness import KIB, MIB, PAGE, Task
from http1 import fetch_target, range_header

EXACT = (("C0-Exact", "true"),)


def exact(server, kind, stored, first, last, hit=None):
    fetch = fetch_from_memory if hit else type(server).fetch  # the end of a load comes after its bytes
    answer = fetch(server, kind, "object", first, last, headers=EXACT)
    expect_206(answer, stored, first, min(last, stored.size - 1), kind, hit=hit)


def asked(origin, kind):
    return [record.range for record in origin.requests(kind)]


def test_only_the_bytes_of_the_range_are_asked_for(cachey, origin, kind):
    stored = origin.put(kind, "object", size=40 * MIB)
    exact(cachey, kind, stored, 4, 9, hit=False)
    exact(cachey, kind, stored, 4, 9, hit=True)
    assert asked(origin, kind) == [(4, 9)]


def test_an_ordinary_read_fetches_the_page_once(cachey, origin, kind):
    stored = origin.put(kind, "object", size=40 * MIB)
    exact(cachey, kind, stored, 4, 9, hit=False)
    expect_206(cachey.fetch(kind, "object", 4, 9), stored, 4, 9, kind, hit=False)
    again = fetch_from_memory(cachey, kind, "object", 0, PAGE - 1)
    expect_206(again, stored, 0, PAGE - 1, kind, hit=True)
    exact(cachey, kind, stored, 100, MIB, hit=True)
    assert asked(origin, kind) == [(4, 9), (0, PAGE - 1)]


def test_an_ordinary_read_fetches_what_large_parts_lack(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    exact(cachey, kind, stored, MIB, 3 * MIB - 1, hit=False)
    expect_206(cachey.fetch(kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
    assert sorted(asked(origin, kind)) == [(0, MIB - 1), (MIB, 3 * MIB - 1), (3 * MIB, PAGE - 1)]


@pytest.mark.parametrize("kinds_of_steps", ["overlapping", "adjacent", "nested", "around"])
def test_no_byte_is_fetched_twice(cachey, origin, kind, kinds_of_steps):
    stored = origin.put(kind, "object", size=20 * MIB)
    first, second = {"overlapping": ((0, MIB - 1), (MIB // 2, 2 * MIB - 1)), "adjacent": ((0, 99), (100, 300_000)),
                     "nested": ((0, MIB), (5, 6)), "around": ((MIB, 2 * MIB), (0, 3 * MIB))}[kinds_of_steps]
    exact(cachey, kind, stored, *first, hit=False)
    exact(cachey, kind, stored, *second)
    union = max(first[1], second[1]) + 1 - min(first[0], second[0])
    assert sum(last - begin + 1 for begin, last in asked(origin, kind)) == union
    exact(cachey, kind, stored, *second, hit=True)


def test_random_ranges_cost_their_union_and_small_islands(cachey, origin, kind):
    source, there, wanted = random.Random(7), bytearray(2 * MIB), 0
    stored = origin.put(kind, "object", size=2 * MIB)
    for _ in range(150):
        first = source.randrange(2 * MIB)
        last = min(first + source.choice([1, 100, 5_000, 200_000]), 2 * MIB - 1)
        exact(cachey, kind, stored, first, last)
        wanted += there.count(0, first, last + 1)
        there[first:last + 1] = b"\1" * (last + 1 - first)
    bytes_asked = sum(last - first + 1 for first, last in asked(origin, kind))
    assert wanted <= bytes_asked <= 2 * wanted, "only islands below 64 KiB may be fetched again"


def test_concurrent_exact_and_ordinary_reads_of_a_page(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE + 1000)
    source = random.Random(3)
    reads = []
    for number in range(40):
        first = source.randrange(PAGE)
        last = min(first + source.choice([0, 10, 70 * KIB, 3 * MIB]), stored.size - 1)
        headers = EXACT if number % 4 else ()
        reads.append((first, last, Task(cachey.fetch, kind, "object", first, last, headers=headers)))
    for first, last, task in reads:
        expect_206(task.result(), stored, first, last, kind)


def test_the_end_of_the_object(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    exact(cachey, kind, stored, 990, 5000, hit=False)
    exact(cachey, kind, stored, 990, 5000, hit=True)
    answer = cachey.fetch(kind, "object", 1000, 1001, headers=EXACT)
    expect_error(answer, 416)
    assert answer.header("Content-Range") == "bytes */1000"


def test_all_of_a_page_is_an_ordinary_read(cachey, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    exact(cachey, kind, stored, PAGE, 2 * PAGE - 1, hit=False)
    expect_206(fetch_from_memory(cachey, kind, "object", PAGE + 5, PAGE + 9), stored, PAGE + 5, PAGE + 9, kind, hit=True)
    assert asked(origin, kind) == [(PAGE, 2 * PAGE - 1)]


def test_over_a_border(cachey, origin, kind):
    stored = origin.put(kind, "object", size=40 * MIB)
    exact(cachey, kind, stored, PAGE - 10, PAGE + 9, hit=False)
    exact(cachey, kind, stored, PAGE - 10, PAGE + 9, hit=True)
    assert asked(origin, kind) == [(PAGE - 10, PAGE - 1), (PAGE, PAGE + 9)]


def test_a_new_version(cachey, origin, kind):
    old = origin.put(kind, "object", size=MIB)
    exact(cachey, kind, old, 0, 9, hit=False)
    new = origin.put(kind, "object", size=MIB, seed=old.seed + 1)
    exact(cachey, kind, new, 100, 109, hit=False)
    exact(cachey, kind, new, 0, 9, hit=False)


def test_a_head_costs_no_byte(cachey, origin, kind):
    origin.put(kind, "object", size=40 * MIB)
    answer = cachey.fetch(kind, "object", 4, 9, method="HEAD", headers=EXACT)
    assert answer.status == 206
    assert [record.method for record in origin.requests(kind)] == ["HEAD"]


def test_past_2048_parts_a_page_is_completed(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    with cachey.connect() as client:
        for number in range(3_000):
            first = number * 5_000
            client.request("GET", fetch_target(kind, "object"), [range_header(first, first), *EXACT])
            expect_206(client.read_response(), stored, first, first, kind)
    assert len(set(asked(origin, kind))) <= 2_050  # a hedge asks for the same byte
