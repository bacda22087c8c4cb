"""Origin bodies that end early, stall or are wrong: no wrong byte, no broken response that looks complete."""

import time

import pytest

from content import first_difference
from expect import expect_206, expect_error
from harness import MIB, PAGE, SLOW, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

ONCE = ("C0-Config", "ma=1")
SIZE = 2 * PAGE + 1000


def expect_honest(response, stored, first, most):
    """Expects an error, or at most `most` correct first bytes of the range with a visible early end."""
    if response.status != 206:
        expect_error(response, response.status)
        assert response.status in (502, 504)
        return
    assert not response.complete, "a broken body looks whole"
    assert len(response.body) <= most
    assert first_difference(response.body, stored.seed, first) is None


@pytest.mark.parametrize("cut", ["fin", "rst"])
@pytest.mark.parametrize("at", [0, 1, 65_536, 5 * MIB, PAGE - 1, PAGE + 1, 2 * PAGE - 1])
def test_a_body_that_can_not_be_had_is_never_complete(cachey, origin, kind, at, cut):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(cut_at=at, cut=cut))
    response = cachey.fetch(kind, "object", 0, 2 * PAGE - 1, headers=[ONCE], timeout=60)
    expect_honest(response, stored, 0, at)


@pytest.mark.parametrize("cut", ["fin", "rst"])
def test_a_cut_page_is_whole_when_asked_for_again(cachey, origin, kind, cut):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(times=1, cut_after=3 * MIB, cut=cut))
    first = cachey.fetch(kind, "object", 0, PAGE - 1, headers=[ONCE])
    if first.status == 206 and first.complete:  # the body is resumed where it broke off
        expect_206(first, stored, 0, PAGE - 1, kind)
    else:
        expect_honest(first, stored, 0, 3 * MIB)
    for _ in range(2):
        expect_206(cachey.fetch(kind, "object", 0, SIZE - 1), stored, 0, SIZE - 1, kind)


def test_bytes_that_came_before_the_cut_are_right_for_who_asked_only_for_them(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(times=1, cut_after=3 * MIB))
    expect_206(cachey.fetch(kind, "object", 0, MIB - 1), stored, 0, MIB - 1, kind, hit=False)

    def whole():
        response = cachey.fetch(kind, "object", 0, PAGE - 1)  # this request may still join the failing fill
        return response if response.status == 206 and response.complete else None

    expect_206(wait_until(whole, 5, "the whole page"), stored, 0, PAGE - 1, kind)


def test_every_reader_of_a_broken_fill_learns_of_it(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(cut_at=2 * MIB, pace=4 * MIB))
    readers = [Task(cachey.fetch, kind, "object", at, PAGE - 1, headers=[ONCE]) for at in (0, 1000, MIB)]
    for reader, first in zip(readers, (0, 1000, MIB)):
        expect_honest(reader.result(), stored, first, 2 * MIB - first)


def test_a_broken_answer_ends_the_connection_at_once(cachey, origin, kind):
    origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(cut_at=2 * MIB))
    with cachey.connect() as connection:
        for _ in range(2):  # the second request is pipelined and must never be answered
            connection.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1), ONCE])
        response = connection.read_response()
        assert response.status == 206 and not response.complete
        assert connection.is_closed_by_server()


def test_a_chunked_body_that_ends_early_or_late(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(chunked=True, cut_at=MIB))
    expect_honest(cachey.fetch(kind, "object", 0, 2 * MIB, headers=[ONCE]), stored, 0, MIB)
    # A chunked body that ends properly, but before the end of its Content-Range.
    short = (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/%d\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"5\r\nhello\r\n0\r\n\r\n" % (PAGE - 1, SIZE))
    origin.behave(kind, "other", Behaviour(raw=short))
    response = cachey.fetch(kind, "other", 0, 99, headers=[ONCE])
    assert response.status == 502 or not response.complete
    # A chunked body that goes on past its Content-Range: the surplus is not delivered.
    long = (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"a\r\nhelloworld\r\n0\r\n\r\n")
    origin.behave(kind, "third", Behaviour(raw=long))
    response = cachey.fetch(kind, "third", 0, 99, headers=[ONCE])
    assert response.status == 502 or not response.complete or response.body == b"hello"


def test_a_close_delimited_body_without_any_length(cachey, origin, kind):
    """A 206 with no length but its Content-Range, ended by close: complete or visibly cut, never wrong."""
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(omit=("content-length",), close=True))
    response = cachey.fetch(kind, "object", 0, 999, headers=[ONCE])
    if response.status == 206:
        expect_206(response, stored, 0, 999, kind)
    else:
        expect_error(response, 502)


def test_a_stalled_body_holds_only_those_who_wait_for_it(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    origin.behave(kind, "object", Behaviour(when=lambda record: record.range[0] < PAGE, stall_at=4 * MIB))
    with cachey.connect() as waiting:
        waiting.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        assert waiting.read_head().status == 206
        waiting.read_body_bytes(4 * MIB)
        started = time.monotonic()
        expect_206(cachey.fetch(kind, "object", MIB, 4 * MIB - 1), stored, MIB, 4 * MIB - 1, kind, hit=False)
        expect_206(cachey.fetch(kind, "object", PAGE, SIZE - 1), stored, PAGE, SIZE - 1, kind)
        assert time.monotonic() - started < limit(1.5)
        assert sorted(record.range[0] for record in origin.requests(kind)) == [0, PAGE, 2 * PAGE]


def test_requests_beside_a_stall_do_not_wait(s3_server, origin, kind):
    """Fifty stalled fills leave the server as responsive as it was."""
    server = s3_server("--memory", "2GiB", "--drain-timeout", "1")  # of which one bucket may have more than 50 pages
    origin.put(kind, "stalled", size=100 * PAGE)
    stored = origin.put(kind, "healthy", size=PAGE)
    origin.behave(kind, "stalled", Behaviour(stall_after=1000))
    waiting = []
    try:
        for page in range(50):
            waiting.append(server.connect())
            waiting[-1].request("GET", fetch_target(kind, "stalled"), [range_header(page * PAGE, page * PAGE + 5000)])
        wait_until(lambda: sum(record.held for record in origin.requests(kind)) == 50, 10, "fifty stalled fills")
        started = time.monotonic()
        for _ in range(20):
            expect_206(server.fetch(kind, "healthy", 0, PAGE - 1), stored, 0, PAGE - 1, kind)
        assert time.monotonic() - started < 5 * SLOW
    finally:
        for connection in waiting:
            connection.close()
