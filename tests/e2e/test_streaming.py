"""A miss streams: bytes are sent on arrival, requested bytes first, and joiners get the present bytes at once."""

import time

import pytest

from expect import expect_206, expect_bytes, fetch_from_memory
from harness import KIB, MIB, PAGE, SLOW, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

TRIES = 4  # tries of a test about milliseconds on a shared machine: the best one counts


def tries(kind):
    for number in range(TRIES):
        yield f"try-{number}"


def body_bytes(origin, kind, key):
    return sum(record.body_bytes for record in origin.requests(kind, key))


def test_the_first_byte_leaves_within_50_ms_of_its_arrival(cachey, origin, kind):
    delays = []
    for key in tries(kind):
        stored = origin.put(kind, key, size=MIB)
        origin.behave(kind, key, Behaviour(pace=2 * MIB, delay=0.1))
        response = cachey.fetch(kind, key, 0, MIB - 1)
        expect_206(response, stored, 0, MIB - 1, kind, hit=False)
        delays.append(response.first_byte_at - origin.requests(kind, key)[0].first_byte_at)
        if delays[-1] < 0.05 * SLOW:
            break
    assert min(delays) < 0.05 * SLOW, f"first bytes came {delays} s after the origin's"


def test_every_byte_leaves_within_50_ms_of_its_arrival(cachey, origin, kind):
    """Not only the first bytes: at 2 MiB/s no part of the body is held back to send larger pieces."""
    delays = []
    for key in tries(kind):
        origin.put(kind, key, size=PAGE)
        origin.behave(kind, key, Behaviour(pace=2 * MIB))
        late = 0.0
        with cachey.connect() as connection:
            connection.request("GET", fetch_target(kind, key), [range_header(0, 2 * MIB - 1)])
            connection.read_head()
            started = origin.requests(kind, key)[0].first_byte_at
            for step in range(1, 21):
                connection.read_body_bytes(100 * KIB)
                late = max(late, time.monotonic() - started - step * 100 * KIB / (2 * MIB))
        delays.append(late)
        if late < 0.05 * SLOW:
            break
    assert min(delays) < 0.05 * SLOW, f"the latest piece of each try was {delays} s late"


@pytest.mark.parametrize("split_after", ["1MiB", "0"])
def test_a_range_at_the_end_of_the_page(s3_server, origin, kind, split_after):
    """Split: two GETs, the requested bytes first, each byte once. Not split: one GET, and a wait."""
    server = s3_server("--split-after", split_after)
    stored = origin.put(kind, "object", size=3 * PAGE)
    origin.behave(kind, "object", Behaviour(pace=16 * MIB))
    wanted = 2 * PAGE - 64 * KIB
    started = time.monotonic()
    expect_206(server.fetch(kind, "object", wanted, 2 * PAGE - 1), stored, wanted, 2 * PAGE - 1, kind, hit=False)
    took = time.monotonic() - started
    whole = fetch_from_memory(server, kind, "object", PAGE, 2 * PAGE - 1)
    expect_206(whole, stored, PAGE, 2 * PAGE - 1, kind, hit=True)
    records = origin.requests(kind)
    if split_after == "0":
        assert [record.range for record in records] == [(PAGE, 2 * PAGE - 1)]
        assert took > 0.9
    else:
        assert [record.range for record in records] == [(wanted, 2 * PAGE - 1), (PAGE, wanted - 1)]
        assert records[1].header("if-match") == stored.etag
        assert took < 0.5 * SLOW, f"{took:.2f} s: it waited for the page"
    assert body_bytes(origin, kind, "object") == PAGE


@pytest.mark.parametrize("offset,gets", [(0, 1), (MIB - 1, 1), (MIB, 1), (MIB + 1, 2), (5 * MIB + 123, 2), (PAGE - 1, 2)])
def test_where_a_fill_is_split(cachey, origin, kind, offset, gets):
    stored = origin.put(kind, "object", size=2 * PAGE)
    expect_206(cachey.fetch(kind, "object", offset, offset), stored, offset, offset, kind, hit=False)
    expect_206(fetch_from_memory(cachey, kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
    ranges = sorted(record.range for record in origin.requests(kind))
    assert len(ranges) == gets
    assert ranges[0][0] == 0 and ranges[-1][1] == PAGE - 1
    assert body_bytes(origin, kind, "object") == PAGE, "a byte was fetched twice"


def test_a_split_fill_of_a_short_page_ends_at_the_object(cachey, origin, kind):
    size = PAGE + 5 * MIB
    stored = origin.put(kind, "object", size=size)
    expect_206(cachey.fetch(kind, "object", size - 10, size + 99), stored, size - 10, size - 1, kind, hit=False)
    expect_206(fetch_from_memory(cachey, kind, "object", PAGE, size - 1), stored, PAGE, size - 1, kind)
    assert body_bytes(origin, kind, "object") == 5 * MIB


def test_later_pages_of_a_range_are_one_get_each(cachey, origin, kind):
    stored = origin.put(kind, "object", size=4 * PAGE)
    expect_206(cachey.fetch(kind, "object", 12 * MIB, 4 * PAGE - 1), stored, 12 * MIB, 4 * PAGE - 1, kind)
    expect_206(fetch_from_memory(cachey, kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
    later = [record.range for record in origin.requests(kind) if record.range[0] >= PAGE]
    assert sorted(later) == [(page * PAGE, page * PAGE + PAGE - 1) for page in (1, 2, 3)]


def test_a_joiner_at_half_time_gets_at_once_what_is_there(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=4 * MIB))
    leader = Task(cachey.fetch, kind, "object", 0, PAGE - 1)
    wait_until(lambda: body_bytes(origin, kind, "object") >= PAGE // 2, what="half the page")
    started = time.monotonic()
    expect_206(cachey.fetch(kind, "object", 0, PAGE // 2 - 64 * KIB - 1), stored, 0, PAGE // 2 - 64 * KIB - 1, kind, hit=False)
    assert time.monotonic() - started < 0.5 * SLOW
    with cachey.connect() as late:  # the range ends in bytes still to arrive: its first half is sent at once
        started = time.monotonic()
        late.request("GET", fetch_target(kind, "object"), [range_header(1000, PAGE - 1)])
        response = late.read_head()
        half = late.read_body_bytes(PAGE // 2 - 64 * KIB)
        assert time.monotonic() - started < 0.5 * SLOW
        response.body, response.complete = half + late.read_body_bytes(PAGE - 1000 - len(half)), True
        expect_bytes(response, stored.seed, 1000, PAGE - 1)
    last = cachey.fetch(kind, "object", PAGE - 10, PAGE - 1)
    expect_206(last, stored, PAGE - 10, PAGE - 1, kind)
    expect_206(leader.result(), stored, 0, PAGE - 1, kind, hit=False)
    assert [record.range for record in origin.requests(kind)] == [(0, PAGE - 1)]


def test_a_joiner_ahead_of_the_fill_waits_for_its_bytes_and_costs_no_get(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=16 * MIB))
    leader = Task(cachey.fetch, kind, "object", 0, 99)
    wait_until(lambda: origin.requests(kind), what="the leader's GET")
    for first in (15 * MIB, 8 * MIB, 2 * MIB):
        expect_206(cachey.fetch(kind, "object", first, first + MIB - 1), stored, first, first + MIB - 1, kind)
    expect_206(leader.result(), stored, 0, 99, kind)
    assert [record.range for record in origin.requests(kind)] == [(0, PAGE - 1)]


def test_two_pages_are_looked_up_ahead_once_the_size_is_known(cachey, origin, kind):
    """Pages 1 and 2 are requested when page 0's head has come, before its body: the origin's latencies overlap."""
    stored = origin.put(kind, "object", size=4 * PAGE)
    delay = min(0.5 * SLOW, 2)  # less than the hang limit, 3 s: no rescues
    origin.behave(kind, "object", Behaviour(delay=delay))
    expect_206(cachey.fetch(kind, "object", 0, 4 * PAGE - 1), stored, 0, 4 * PAGE - 1, kind, hit=False)
    arrived = sorted(record.arrived_at for record in origin.requests(kind))
    assert len(arrived) == 4 and arrived[1] - arrived[0] > 0.9 * delay, "a page of an unknown size was requested"
    assert arrived[2] - arrived[1] < delay, "the third waited for the second's answer"


def test_a_range_past_the_end_costs_no_request_for_the_pages_that_are_not_there(cachey, origin, kind):
    for last in (4095, PAGE - 1, PAGE, 2 * PAGE - 1, 64 * PAGE - 1):
        key = f"small-{last}"
        stored = origin.put(kind, key, size=4096)
        expect_206(cachey.fetch(kind, key, 0, last), stored, 0, last, kind, hit=False)
        for _ in range(20):
            expect_206(cachey.fetch(kind, key, 0, last), stored, 0, last, kind)
        assert [record.range for record in origin.requests(kind, key)] == [(0, PAGE - 1)], key
    stored = origin.put(kind, "large", size=2 * PAGE + 5)
    for first in (0, PAGE, 2 * PAGE) * 2:
        expect_206(cachey.fetch(kind, "large", first, first + 2 * PAGE - 1), stored, first, first + 2 * PAGE - 1, kind)
    ranges = sorted(record.range for record in origin.requests(kind, "large"))
    assert ranges == [(page * PAGE, page * PAGE + PAGE - 1) for page in range(3)]


def test_a_slow_reader_does_not_slow_the_fill(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    with cachey.connect(receive_buffer=4 * KIB) as slow:
        slow.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        slow.read_head()
        started = time.monotonic()
        expect_206(cachey.fetch(kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
        assert time.monotonic() - started < limit(3)
    assert len(origin.requests(kind)) == 1
