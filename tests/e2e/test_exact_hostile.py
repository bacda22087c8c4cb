"""C0-Exact from clients that mean no good, and beside everything else that may happen to the same page."""

import random
import time

import pytest

from content import content
from expect import expect_206, expect_error
from harness import KIB, MIB, PAGE, Task, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate

EXACT = ("C0-Exact", "true")


def bytes_asked(origin, kind, size):
    return sum(min(last, size - 1) - first + 1 for first, last in (record.range for record in origin.ended(kind)))


@pytest.mark.parametrize("step", [1, 2, -1])
def test_thousands_of_exact_ranges_of_a_byte_keep_every_byte_right(s3_server, origin, kind, step):
    """In order, with gaps, and backwards. The bookkeeping of a page is bounded, and memory stays within its budget."""
    server, count = s3_server("--memory", "64MiB", "--hedge-quantile", "0"), 3000
    stored = origin.put(kind, "object", size=PAGE)
    begin = 5 * MIB
    with server.connect() as connection:
        for at in range(count):
            first = begin + at * step
            response = connection.exchange("GET", fetch_target(kind, "object"), [range_header(first, first), EXACT])
            assert response.status == 206 and response.body == content(stored.seed, first, 1)
        before = len(origin.ended(kind))
        assert before <= count
        first, last = min(begin, begin + (count - 1) * step), max(begin, begin + (count - 1) * step)
        again = connection.exchange("GET", fetch_target(kind, "object"), [range_header(first, last), EXACT])
        assert again.status == 206 and again.body == content(stored.seed, first, last - first + 1)
    expect_206(server.fetch(kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
    assert bytes_asked(origin, kind, PAGE) <= PAGE + 3 * 64 * KIB + count


def test_an_exact_client_out_of_time_fails_alone(cachey, origin, kind):
    """The request with `ot=1` fails; those that share its fetch do not."""
    stored, gate = origin.put(kind, "object", size=PAGE), Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    hasty = Task(cachey.fetch, kind, "object", 100, 199, [EXACT, ("C0-Config", "ot=1")])
    wait_until(lambda: origin.requests(kind) or hasty.done)
    patient = [Task(cachey.fetch, kind, "object", 100, 199, [EXACT]), Task(cachey.fetch, kind, "object", 0, 299)]
    expect_error(hasty.result(), 504)
    time.sleep(0.1)
    gate.release()
    expect_206(patient[0].result(), stored, 100, 199, kind)
    expect_206(patient[1].result(), stored, 0, 299, kind)


def test_exact_and_ordinary_readers_of_one_page_at_once(client, origin, kind):
    stored, chance = origin.put(kind, "object", size=3 * PAGE + 99), random.Random(2)
    origin.behave(kind, "object", Behaviour(delay=0.05))
    readers = []
    for _ in range(24):
        first = chance.randrange(stored.size - 1)
        last = min(stored.size - 1, first + chance.choice([0, 100, 70 * KIB, 3 * MIB]))
        readers.append((first, last, Task(client.fetch, kind, "object", first, last, [EXACT] if chance.random() < 0.6 else [])))
    for first, last, reader in readers:
        response = reader.result()
        assert response.status == 206 and response.complete
        assert response.body == content(stored.seed, first, last - first + 1)


def test_an_object_that_changes_between_exact_ranges_is_never_mixed(cachey, origin, kind):
    seeds = {}
    for version in range(8):
        stored = origin.put(kind, "object", size=PAGE + 1000 * version, seed=100 + version)
        seeds[stored.etag] = stored.seed
        for first, last in [(1000 * version, 1000 * version + 999), (0, 8999), (5 * MIB, 5 * MIB + version)]:
            response = cachey.fetch(kind, "object", first, last, [EXACT])
            assert response.status in (206, 409), "one version, or none"
            if response.status == 206 and response.complete:
                assert response.body == content(seeds[response.header("ETag")], first, last - first + 1)


@pytest.mark.parametrize("fault", [Behaviour(times=1, cut_after=10, cut="rst"), Behaviour(times=1, code="SlowDown"),
                                   Behaviour(times=1, drop="rst"), Behaviour(times=1, content_range="bytes 5-6/7")])
def test_a_fault_of_the_store_in_an_exact_range_is_not_seen(cachey, origin, kind, fault):
    stored = origin.put(kind, "object", size=PAGE)
    fault.times = 1
    origin.behave(kind, "object", fault)
    response = cachey.fetch(kind, "object", 100, 1099, [EXACT, ("C0-Config", "ib=1 mb=1")])
    if fault.content_range:
        expect_error(response, 502)
        response = cachey.fetch(kind, "object", 100, 1099, [EXACT])
    expect_206(response, stored, 100, 1099, kind)
    expect_206(cachey.fetch(kind, "object", 0, 2000), stored, 0, 2000, kind)


def test_an_exact_range_over_page_borders_streams_to_a_slow_client(cachey, origin, kind):
    stored = origin.put(kind, "object", size=3 * PAGE)
    first, last = PAGE - 3 * MIB, PAGE + 5 * MIB
    with cachey.connect(receive_buffer=4 * KIB) as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(first, last), EXACT])
        response = connection.read_head()
        time.sleep(0.5)
        connection.read_body(response)
    expect_206(response, stored, first, last, kind)
    assert bytes_asked(origin, kind, stored.size) == last - first + 1


def test_exact_ranges_after_a_restart_come_from_the_disk(disk_server, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    server = disk_server()
    for first, last in [(5, 9), (MIB, MIB + 70 * KIB), (PAGE - 10, PAGE + 9)]:
        expect_206(server.fetch(kind, "object", first, last, [EXACT]), stored, first, last, kind)
    server.stop()
    server = disk_server()
    before = len(origin.ended(kind))
    for first, last in [(5, 9), (MIB + 100, MIB + 60 * KIB), (PAGE - 10, PAGE + 9)]:
        expect_206(server.fetch(kind, "object", first, last, [EXACT]), stored, first, last, kind, hit=True)
    assert len(origin.ended(kind)) == before
    expect_206(server.fetch(kind, "object", 0, 2 * PAGE - 1), stored, 0, 2 * PAGE - 1, kind)


def test_an_exact_range_of_an_empty_or_missing_object(cachey, origin, kind):
    origin.put(kind, "empty", size=0)
    response = cachey.fetch(kind, "empty", 0, 9, [EXACT])
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */0"
    expect_error(cachey.fetch(kind, "missing", 0, 9, [EXACT]), 404)
