"""C0-Bucket: which buckets are asked, in which order, and the status after two failures."""

import itertools
import time

import pytest

from expect import expect_206, expect_error, expect_retry_after, fetch_from_memory
from harness import PAGE, SLOW, limit
from origin_model import Behaviour


def named(*buckets, config="ma=1"):
    return [("C0-Bucket", bucket) for bucket in buckets] + [("C0-Config", config)]


@pytest.fixture
def pair(kind):
    return f"{kind}-a", f"{kind}-b"


def asked(origin, *buckets):
    return [record.bucket for record in origin.requests() if record.bucket in buckets]


def test_without_the_header_the_kind_is_the_bucket(cachey, origin, kind):
    stored = origin.put(kind, "object", size=100)
    expect_206(cachey.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


def test_with_the_header_the_kind_is_no_bucket(cachey, origin, kind, pair):
    origin.put(kind, "object", size=100)
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=named(*pair)), 404)
    assert origin.requests(kind) == []


@pytest.mark.parametrize("turned", [False, True])
def test_the_clients_order_is_kept(cachey, origin, kind, pair, turned):
    first, second = reversed(pair) if turned else pair
    for bucket in pair:
        stored = origin.put(bucket, "object", size=100, seed=9)
    expect_206(cachey.fetch(kind, "object", 0, 9, headers=named(first, second)), stored, 0, 9, first)
    assert asked(origin, *pair) == [first]


@pytest.mark.parametrize("behaviour", [
    None, Behaviour(code="AccessDenied"), Behaviour(code="InvalidObjectState"), Behaviour(code="InternalError"),
    Behaviour(code="SlowDown"), Behaviour(drop="rst"), Behaviour(content_range="bytes 5-6/7"), Behaviour(raw=b"garbage"),
], ids=["NoSuchKey", "AccessDenied", "InvalidObjectState", "InternalError", "SlowDown", "reset", "wrong range", "garbage"])
def test_the_second_bucket_steps_in(cachey, origin, kind, pair, behaviour):
    first, second = pair
    stored = origin.put(second, "object", size=100)
    if behaviour:
        origin.put(first, "object", size=100, seed=stored.seed)
        origin.behave(first, "object", behaviour)
    expect_206(cachey.fetch(kind, "object", 0, 9, headers=named(*pair)), stored, 0, 9, second)
    # After a reset of a reused connection the request is sent again for free, so the first bucket may be asked twice.
    once = [bucket for bucket, _ in itertools.groupby(asked(origin, *pair))]
    assert once == [first, second]


def test_the_second_bucket_steps_in_for_one_that_does_not_answer(cachey, origin, kind, pair):
    first, second = pair
    stored = origin.put(second, "object", size=100)
    origin.behave(first, "object", Behaviour(delay=limit(5)))
    started = time.monotonic()
    response = cachey.fetch(kind, "object", 0, 9, headers=named(*pair, config=f"rt={int(300 * SLOW)} ma=1"))
    expect_206(response, stored, 0, 9, second)
    assert time.monotonic() - started < limit(3)


def test_at_most_two_buckets_are_tried_by_default(cachey, origin, kind):
    buckets = [f"{kind}-{at}" for at in range(5)]
    origin.put(buckets[2], "object", size=100)
    expect_error(cachey.fetch(kind, "object", 0, 9, headers=named(*buckets)), 404)
    assert asked(origin, *buckets) == buckets[:2]


def test_duplicates_drop_out(cachey, origin, kind, pair):
    first, second = pair
    stored = origin.put(second, "object", size=100)
    response = cachey.fetch(kind, "object", 0, 9, headers=named(first, first, first, second))
    expect_206(response, stored, 0, 9, second)
    assert asked(origin, *pair) == [first, second]
    expect_error(cachey.fetch(kind, "none", 0, 9, headers=named(first, first)), 404)
    assert asked(origin, *pair) == [first, second, first]


def test_a_range_past_the_end_is_refused_when_both_say_so(cachey, origin, kind, pair):
    for bucket, size in zip(pair, (100, 40)):
        origin.put(bucket, "object", size=size, seed=3)
    response = cachey.fetch(kind, "object", 2 * PAGE, 2 * PAGE + 9, headers=named(*pair))
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */100"
    assert asked(origin, *pair) == list(pair)


@pytest.mark.parametrize("short", [0, 4])
@pytest.mark.parametrize("first_byte", [100, 2 * PAGE])
def test_past_the_end_of_a_short_copy_the_others_are_asked(s3_server, origin, kind, short, first_byte):
    server = s3_server("--buckets-per-page", "3")
    buckets = [f"{kind}-{at}" for at in range(3)]
    origin.put(buckets[0], "object", size=short)
    origin.put(buckets[1], "something else", size=1)
    stored = origin.put(buckets[2], "object", size=2 * PAGE + 100)
    response = server.fetch(kind, "object", first_byte, first_byte + 9, headers=named(*buckets))
    expect_206(response, stored, first_byte, first_byte + 9, buckets[2])
    assert asked(origin, *buckets) == buckets


def test_the_largest_size_is_told_though_one_bucket_fails(s3_server, origin, kind):
    server = s3_server("--buckets-per-page", "3")
    buckets = [f"{kind}-{at}" for at in range(3)]
    origin.put(buckets[0], "object", size=17)
    origin.behave(buckets[1], "object", Behaviour(code="SlowDown"))
    origin.put(buckets[2], "object", size=0)
    response = server.fetch(kind, "object", PAGE, PAGE + 9, headers=named(*buckets, config="ma=1"))
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */17"
    assert asked(origin, *buckets) == buckets


@pytest.mark.parametrize("silent,head_from", [(Behaviour(delay=limit(30)), 1), (Behaviour(stall_after=0), 0)])
def test_a_silent_first_bucket_costs_a_second_at_a_cold_start(s3_server, origin, kind, pair, silent, head_from):
    server = s3_server()
    for bucket in pair:
        stored = origin.put(bucket, "object", size=1000, seed=7)
    origin.behave(pair[0], "object", silent)
    started = time.monotonic()
    response = server.fetch(kind, "object", 0, 9, headers=named(*pair))
    expect_206(response, stored, 0, 9, pair[head_from])
    assert time.monotonic() - started < 1.5 * SLOW


def test_nothing_from_any_bucket_is_a_timeout(s3_server, origin, kind, pair):
    server = s3_server("--download-timeout-ms", str(int(800 * SLOW)))
    for bucket in pair:
        origin.put(bucket, "object", size=1000)
        origin.behave(bucket, "object", Behaviour(delay=limit(30)))
    started = time.monotonic()
    expect_error(server.fetch(kind, "object", 0, 9, headers=named(*pair)), 504)
    assert time.monotonic() - started < limit(2)


FAILURES = {
    "missing": None,
    "denied": Behaviour(code="AccessDenied"),
    "throttled": Behaviour(code="SlowDown"),
    "silent": Behaviour(delay=limit(4)),
    "broken": Behaviour(code="InternalError"),
}
ANSWERS = {"missing": 404, "denied": 403, "throttled": 503, "silent": 504, "broken": 502}


@pytest.mark.parametrize("one,other", [(one, other) for one in FAILURES for other in FAILURES])
def test_two_failures_answer_the_less_final(cachey, origin, kind, pair, one, other):
    for bucket, failure in zip(pair, (one, other)):
        origin.put(bucket, "something else", size=1)
        if FAILURES[failure]:
            origin.behave(bucket, "object", FAILURES[failure])
    response = cachey.fetch(kind, "object", 0, 9, headers=named(*pair, config=f"rt={int(200 * SLOW)} ma=1"))
    temporary = {ANSWERS[name] for name in (one, other)} & {502, 503, 504}
    if temporary:  # 404 or 403 only if both buckets returned it
        assert response.status in temporary
    else:
        assert response.status in {ANSWERS[one], ANSWERS[other]}
    expect_error(response, response.status)
    if response.status == 503:
        expect_retry_after(response)
    assert asked(origin, *pair) == list(pair)


def test_pages_of_one_object_may_come_from_two_buckets(cachey, origin, kind, pair):
    """The buckets hold the same bytes; C0-Status names the bucket of each page."""
    first, second = pair
    stored = origin.put(first, "object", size=2 * PAGE, seed=11, etag='"same"')
    origin.put(second, "object", size=2 * PAGE, seed=11, etag='"same"')
    origin.behave(first, "object", Behaviour(when=lambda record: record.range[0] >= PAGE, code="InternalError"))
    response = cachey.fetch(kind, "object", 0, 2 * PAGE - 1, headers=named(*pair))
    expect_206(response, stored, 0, 2 * PAGE - 1, first)
    again = cachey.fetch(kind, "object", PAGE, PAGE + 9)
    expect_206(again, stored, PAGE, PAGE + 9, second)


def of_bucket(bucket):
    return [("C0-Bucket", bucket)]


def test_buckets_with_unequal_tags_share_the_pages_of_an_object(cachey, origin, kind, pair):
    size = 3 * PAGE
    first = origin.put(pair[0], "object", size=size, seed=9)
    origin.put(pair[1], "object", size=size, seed=9, etag='"another tag"', last_modified=1_600_000_000)
    for number, bucket in enumerate((pair[0], pair[1], pair[0])):
        assert cachey.fetch(kind, "object", number * PAGE, number * PAGE + 9, headers=of_bucket(bucket)).status == 206
        fetch_from_memory(cachey, kind, "object", number * PAGE, number * PAGE + 9, headers=of_bucket(bucket))
    expect_206(cachey.fetch(kind, "object", 0, size - 1, headers=named(*pair)), first, 0, size - 1, pair[0])
    assert asked(origin, *pair) == [pair[0], pair[1], pair[0]]


@pytest.mark.parametrize("difference", [-1, 1, 40 - 3 * PAGE])
def test_a_bucket_with_another_size_takes_nothing_from_the_others(cachey, origin, kind, pair, difference):
    size = 3 * PAGE
    good, other = pair
    stored = origin.put(good, "object", size=size)
    origin.put(other, "object", size=size + difference)
    expect_206(cachey.fetch(kind, "object", 0, PAGE, headers=of_bucket(good)), stored, 0, PAGE, good)
    fetch_from_memory(cachey, kind, "object", 0, PAGE, headers=of_bucket(good))
    last = 3 * PAGE - 1
    expect_error(cachey.fetch(kind, "object", last, last, headers=of_bucket(other)), 409)
    before = asked(origin, *pair)
    expect_206(cachey.fetch(kind, "object", 0, PAGE, headers=of_bucket(good)), stored, 0, PAGE, good, hit=True)
    assert asked(origin, *pair) == before
    expect_206(cachey.fetch(kind, "object", last, last, headers=named(other, good)), stored, last, last, good)


def test_the_bucket_of_the_kinds_name_is_not_hindered_by_another(cachey, origin, kind, pair):
    size = 2 * PAGE
    origin.put(pair[0], "object", size=40)
    stored = origin.put(kind, "object", size=size)
    assert cachey.fetch(kind, "object", 0, 39, headers=of_bucket(pair[0])).status == 206
    fetch_from_memory(cachey, kind, "object", 0, 39, headers=of_bucket(pair[0]))
    expect_206(cachey.fetch(kind, "object", PAGE, PAGE + 9), stored, PAGE, PAGE + 9, kind)
    expect_206(cachey.fetch(kind, "object", 0, size - 1), stored, 0, size - 1, kind)


def test_a_size_passes_once_no_bucket_vouches_for_the_old_one(cachey, origin, kind, pair):
    old, new = pair
    origin.put(old, "object", size=2 * PAGE)
    assert cachey.fetch(kind, "object", 0, 9, headers=of_bucket(old)).status == 206
    fetch_from_memory(cachey, kind, "object", 0, 9, headers=of_bucket(old))
    origin.put(old, "object", size=2 * PAGE + 5)
    stored = origin.put(new, "object", size=2 * PAGE + 5)
    expect_206(cachey.fetch(kind, "object", PAGE, 2 * PAGE + 4, headers=of_bucket(new)), stored, PAGE, 2 * PAGE + 4, new)
