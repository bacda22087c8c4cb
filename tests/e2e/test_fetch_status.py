"""C0-Status, and the trailers with the C0-Status of every later page."""

import time

import pytest

from expect import c0_status, expect_206, expect_bytes, expect_head, expect_status, fetch_from_memory
from harness import MIB, PAGE, Task, wait_until
from http1 import exchange, fetch_target, range_header
from origin_model import Behaviour

SIZE = 3 * PAGE + 100


def test_miss_then_hit_with_the_time_it_came_in(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    before = int(time.time())
    expect_206(cachey.fetch(kind, "object", 10, 20), stored, 10, 20, kind, hit=False)
    hit = fetch_from_memory(cachey, kind, "object", 0, 999)
    after = int(time.time()) + 1
    first, last, bucket, cached_at = c0_status(hit.header("C0-Status"))
    assert (first, last, bucket) == (0, 999, kind)
    assert before <= cached_at <= after
    later = cachey.fetch(kind, "object", 5, 5)
    assert c0_status(later.header("C0-Status")) == (5, 5, kind, cached_at), "cached_at is not of the page"


def test_the_bucket_is_the_one_that_the_page_came_from(cachey, origin, kind):
    stored = origin.put(kind + "-b", "object", size=1000)
    headers = [("C0-Bucket", kind + "-b")]
    expect_206(cachey.fetch(kind, "object", 0, 9, headers), stored, 0, 9, kind + "-b", hit=False)
    expect_206(fetch_from_memory(cachey, kind, "object", 0, 9), stored, 0, 9, kind + "-b", hit=True)


def test_who_was_coalesced_with_a_fetch_is_told_0(cachey, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    origin.behave(kind, "object", Behaviour(pace=MIB / 2))
    readers = [Task(cachey.fetch, kind, "object", 0, MIB - 1)]
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes, what="the origin's body")
    readers += [Task(cachey.fetch, kind, "object", at, MIB - 1) for at in (0, 1000)]
    for reader, first in zip(readers, (0, 0, 1000)):
        expect_206(reader.result(), stored, first, MIB - 1, kind, hit=False)
    assert len(origin.requests(kind)) == 1


def get_with_trailers(server, kind, key, first, last, te="trailers", method="GET"):
    return exchange(server.port, method, fetch_target(kind, key), [range_header(first, last), ("TE", te), ("Connection", "TE")])


@pytest.mark.parametrize("first,last", [(0, 2 * PAGE), (PAGE - 1, PAGE), (PAGE - 10, 3 * PAGE + 99), (PAGE, 3 * PAGE - 1),
                                        (2 * PAGE + 5, SIZE + PAGE)])
def test_trailers_name_every_later_page_in_order(cachey, origin, kind, first, last):
    stored = origin.put(kind, "object", size=SIZE)
    end = min(last, SIZE - 1)
    for hit in (False, True):
        if hit:
            for page in range(first // PAGE, end // PAGE + 1):
                fetch_from_memory(cachey, kind, "object", page * PAGE, page * PAGE)
        response = get_with_trailers(cachey, kind, "object", first, last)
        expect_head(response, stored, first, last, kind, hit, chunked=True)
        assert response.header("Trailer").lower() == "c0-status"
        expect_bytes(response, stored.seed, first, end)
        later = range(first // PAGE + 1, end // PAGE + 1)
        trailers = response.trailer("C0-Status")
        assert len(trailers) == len(later) == len(response.trailers)
        for page, value in zip(later, trailers):
            expect_status(value, first, end, page, kind, hit)


@pytest.mark.parametrize("te", ["trailers", "Trailers", "gzip, trailers", "trailers, deflate;q=0.5"])
def test_spellings_of_te(cachey, origin, kind, te):
    stored = origin.put(kind, "object", size=PAGE + 10)
    response = get_with_trailers(cachey, kind, "object", PAGE - 5, PAGE + 5, te)
    expect_bytes(response, stored.seed, PAGE - 5, PAGE + 5)
    assert len(response.trailer("C0-Status")) == 1


@pytest.mark.parametrize("te", [None, "", "gzip", "x-trailers", "trailersx"])
def test_without_te_trailers_there_is_a_length_and_no_trailer(cachey, origin, kind, te):
    stored = origin.put(kind, "object", size=2 * PAGE)
    headers = [range_header(PAGE - 5, PAGE + 5)] + ([("TE", te)] if te is not None else [])
    response = cachey.get(fetch_target(kind, "object"), headers)
    expect_206(response, stored, PAGE - 5, PAGE + 5, kind)
    assert response.header("Trailer") is None and response.trailers == []


def test_one_page_with_te_trailers_has_none_to_send(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    response = get_with_trailers(cachey, kind, "object", 10, 99)
    assert response.status == 206 and response.complete and response.trailers == []
    expect_bytes(response, stored.seed, 10, 99)


def test_head_with_te_trailers_has_no_body(cachey, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    with cachey.connect() as connection:
        for _ in range(2):
            head = connection.exchange("HEAD", fetch_target(kind, "object"), [range_header(0, PAGE), ("TE", "trailers")])
            assert head.status == 206 and head.header("Content-Range") == f"bytes 0-{PAGE}/{2 * PAGE}"
        response = connection.exchange("GET", fetch_target(kind, "object"), [range_header(0, 9)])
        expect_206(response, stored, 0, 9, kind)


def test_trailers_of_a_half_cached_range_tell_hit_from_miss(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    cachey.fetch(kind, "object", PAGE, PAGE)
    fetch_from_memory(cachey, kind, "object", PAGE, PAGE)
    response = get_with_trailers(cachey, kind, "object", 0, SIZE - 1)
    expect_head(response, stored, 0, SIZE - 1, kind, hit=False, chunked=True)
    expect_bytes(response, stored.seed, 0, SIZE - 1)
    assert [c0_status(value)[3] != 0 for value in response.trailer("C0-Status")] == [True, False, False]


def test_a_broken_body_has_no_last_chunk(cachey, origin, kind):
    origin.put(kind, "object", size=2 * PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=PAGE + 500_000))
    response = get_with_trailers(cachey, kind, "object", 0, 2 * PAGE - 1)
    assert response.status == 206 and not response.complete
    assert len(response.body) <= PAGE + 500_000
