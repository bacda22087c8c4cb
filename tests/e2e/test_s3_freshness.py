"""Freshness at the S3 endpoint: what is asked of the store, and what a client is told when an object changes."""

import contextlib
import signal
import threading
import time

import pytest
from harness import KIB, MIB, Task, limit, wait_until
from origin_model import Behaviour, stored_object
from s3_face import FACE, expect_error, expect_object, get, head

_POLICIES = {"ttl1": ("1", 1), "ttl5": ("5", 5), "always": ("always", 0), "never": ("never", None)}
_RULES = tuple(f"--s3api-revalidate={bucket}={policy}" for bucket, (policy, _) in _POLICIES.items())
_NEGATIVE_TTL = 3


@pytest.fixture(scope="module")
def face(start_session_server, origin):
    """One server whose buckets have the names of their policies."""
    return start_session_server("--origin", "s3", "--memory", "256MiB", "--negative-ttl", str(_NEGATIVE_TTL),
                                "--hedge-quantile", "0", *FACE, *_RULES, environment=origin.environment())


def bytes_of(first, last=""):
    return ("Range", f"bytes={first}-{last}")


def asked(origin, where, method):
    return [record for record in origin.requests(*where) if record.method == method]


def put_and_warm(face, origin, where, size, **named):
    stored = origin.put(*where, size, **named)
    expect_object(get(face, where), stored)
    return stored


# --- HEAD and GET agree (minio/minio#13292) ------------------------------------------------------------------


def _read_by_tag(face, where, versions, held, until):
    """HEAD, then GET with the tag that HEAD told, until the time is over. Returns [(time, tag)]."""
    seen = []
    while time.monotonic() < until:
        with held:
            told = head(face, where)
            answer = get(face, where, [("If-Match", told.header("ETag"))])
        assert answer.status == 200, f"{answer.status} for the tag that HEAD told: {answer.body[:200]!r}"
        assert answer.header("ETag") == told.header("ETag")
        expect_object(answer, versions[told.header("ETag")])
        seen.append((time.monotonic(), told.header("ETag")))
        time.sleep(0.02)
    return seen


@pytest.mark.parametrize("bucket", _POLICIES)
def test_the_tag_of_a_head_is_good_for_a_get(face, origin, bucket):
    where = (bucket, "replaced")
    old = put_and_warm(face, origin, where, 100 * KIB)
    new = stored_object(150 * KIB, old.seed + 1000)
    ttl = _POLICIES[bucket][1]
    # With `always` the store decides on each request, so it must not change between the two.
    held = threading.Lock() if ttl == 0 else contextlib.nullcontext()
    reader = Task(_read_by_tag, face, where, {old.etag: old, new.etag: new}, held,
                  time.monotonic() + 0.5 + limit((ttl or 0) + 1))
    time.sleep(0.3)
    with held:
        origin.put(*where, new.size, seed=new.seed)
        replaced_at = time.monotonic()
    seen = reader.result(60)
    if ttl is None:
        assert {tag for _, tag in seen} == {old.etag}
        return
    assert seen[-1][1] == new.etag
    assert max(at - replaced_at for at, tag in seen if tag == old.etag) < limit(ttl + 1)


# --- what is known never says no (noobaa/noobaa-core#6819) -----------------------------------------------------


@pytest.mark.parametrize("bucket", ["ttl5", "always"])
def test_bytes_past_the_known_end_are_asked_for(face, origin, bucket):
    where = (bucket, "grown")
    put_and_warm(face, origin, where, MIB)
    grown = origin.put(*where, 2 * MIB)
    expect_object(get(face, where, [bytes_of(MIB)]), grown, MIB, 2 * MIB - 1)
    expect_object(get(face, where), grown)
    shrunk = origin.put(*where, 10 * KIB)
    expect_error(get(face, where, [bytes_of(3 * MIB)]), 416, "InvalidRange")
    expect_object(get(face, where), shrunk)


@pytest.mark.parametrize("bucket", ["ttl5", "always"])
def test_the_tag_of_a_version_that_is_new_is_asked_for(face, origin, bucket):
    for size in (10 * KIB, 300 * KIB):
        where = (bucket, f"tagged-{size}")
        put_and_warm(face, origin, where, 100 * KIB)
        new = origin.put(*where, size)
        expect_object(get(face, where, [("If-Match", new.etag)]), new)
        expect_error(get(face, where, [("If-Match", '"no such tag"')]), 412, "PreconditionFailed")


def test_never_says_no_by_what_is_known(face, origin):
    where = ("never", "grown")
    old = put_and_warm(face, origin, where, MIB)
    new = origin.put(*where, 2 * MIB)
    before = len(origin.requests(*where))
    expect_error(get(face, where, [bytes_of(MIB)]), 416, "InvalidRange")
    expect_error(get(face, where, [("If-Match", new.etag)]), 412, "PreconditionFailed")
    assert get(face, where, [("If-None-Match", old.etag)]).status == 304
    expect_object(get(face, where), old)
    assert len(origin.requests(*where)) == before


@pytest.mark.parametrize("bucket, ttl", [("ttl1", 1), ("ttl5", _NEGATIVE_TTL), ("always", 0), ("never", _NEGATIVE_TTL)])
def test_a_new_object_is_there_after_the_shorter_of_two_times(face, origin, bucket, ttl):
    where = (bucket, "new")
    origin.add_bucket(bucket)
    expect_error(get(face, where), 404, "NoSuchKey")
    asked_at = time.monotonic()
    stored = origin.put(*where, 10 * KIB)
    if ttl:
        expect_error(get(face, where), 404, "NoSuchKey")
        assert len(origin.requests(*where)) == 1
        wait_until(lambda: head(face, where).status == 200, ttl + 1, "the new object")
        assert time.monotonic() - asked_at < limit(ttl + 1)
    expect_object(get(face, where), stored)


# --- metadata changes alone (nginx/nginx-s3-gateway#87, minio/minio#8942) ---------------------------------------


def test_metadata_that_is_replaced_shows_and_no_byte_is_fetched(face, origin):
    where = ("ttl1", "metadata")
    old = (("Content-Type", "text/old"), ("x-amz-meta-name", "old"), ("Cache-Control", "max-age=1"))
    new = (("Content-Type", "text/new"), ("x-amz-meta-other", "new"), ("Cache-Control", "max-age=2"))
    origin.behave(*where, Behaviour(attributes=old))
    stored = put_and_warm(face, origin, where, MIB)
    origin.behave(*where, Behaviour(attributes=new))
    wait_until(lambda: head(face, where).header("Content-Type") == "text/new", 3, "the new metadata")
    for answer in (head(face, where), get(face, where), get(face, where, [bytes_of(5, 9)])):
        assert answer.header("Content-Type") == "text/new"
        assert answer.header("x-amz-meta-other") == "new" and answer.header("x-amz-meta-name") is None
        assert answer.header("Cache-Control") == "max-age=2"
        assert answer.header("ETag") == stored.etag
    assert len(asked(origin, where, "GET")) == 1


# --- one question for all (aws-samples/sample-s3-hybrid-cache#17) -----------------------------------------------


def _in_flight_at_once(records):
    """The most requests that were open at one time."""
    changes = sorted([(record.arrived_at, 1) for record in records] + [(record.done_at, -1) for record in records])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_always_asks_for_each_request_and_fetches_once(face, origin):
    where = ("always", "ranged")
    stored = origin.put(*where, MIB)
    for _ in range(100):
        expect_object(get(face, where, [bytes_of(1000, 1999)]), stored, 1000, 1999)
    assert len(asked(origin, where, "GET")) == 1
    assert 99 <= len(asked(origin, where, "HEAD")) <= 100


@pytest.mark.parametrize("bucket", ["always", "ttl1"])
def test_requests_at_one_time_ask_one_question_at_a_time(face, origin, bucket):
    where = (bucket, "crowd")
    stored = put_and_warm(face, origin, where, MIB)
    time.sleep(1.1)
    origin.behave(*where, Behaviour(delay=0.1))
    tasks = [Task(get, face, where, [bytes_of(1000, 1999)]) for _ in range(50)]
    for task in tasks:
        expect_object(task.result(), stored, 1000, 1999)
    questions = [record for record in origin.ended(*where) if record.method == "HEAD"]
    assert _in_flight_at_once(questions) == 1
    assert len(questions) <= (10 if bucket == "always" else 2)
    assert len(asked(origin, where, "GET")) == 1


def test_a_fresh_object_is_not_asked_for(face, origin):
    where = ("ttl5", "fresh")
    stored = put_and_warm(face, origin, where, MIB)
    for _ in range(20):
        expect_object(get(face, where, [bytes_of(7, 99)]), stored, 7, 99)
        expect_object(head(face, where), stored, method="HEAD")
        assert get(face, where, [("If-None-Match", stored.etag)]).status == 304
    assert len(origin.requests(*where)) == 1


def test_a_head_is_enough_for_the_gets_after_it(face, origin):
    where = ("ttl5", "headed")
    stored = origin.put(*where, MIB)
    for _ in range(5):
        expect_object(head(face, where), stored, method="HEAD")
    for first in range(5):
        expect_object(get(face, where, [bytes_of(first, 99), ("If-Match", stored.etag)]), stored, first, 99)
    assert len(asked(origin, where, "HEAD")) == 1
    assert len(asked(origin, where, "GET")) == 1


def test_a_version_that_the_client_names_is_not_asked_for(face, origin):
    where = ("ttl1", "named")
    old = put_and_warm(face, origin, where, MIB)
    origin.put(*where, 2 * MIB)
    time.sleep(1.2)
    expect_object(get(face, where, [("If-Match", old.etag)]), old)
    assert len(origin.requests(*where)) == 1
    assert get(face, where, [("If-Match", "*")]).header("ETag") != old.etag


@pytest.mark.parametrize("words", ["no-cache", "max-age=0"])
def test_a_client_that_asks_to_revalidate_gets_it(face, origin, words):
    for bucket in ("ttl5", "never"):
        where = (bucket, f"revalidated-{words}")
        put_and_warm(face, origin, where, 100 * KIB)
        new = origin.put(*where, 200 * KIB)
        expect_object(get(face, where, [("Cache-Control", words)]), new)
        expect_object(get(face, where), new)


@pytest.mark.parametrize("bucket", ["ttl5", "never"])
def test_no_store_passes_the_cache_by(face, origin, bucket):
    where = (bucket, "not stored")
    stored = put_and_warm(face, origin, where, 100 * KIB)
    new = origin.put(*where, 200 * KIB)
    expect_object(get(face, where, [("Cache-Control", "no-store")]), new)
    expect_object(get(face, where, [("If-Match", stored.etag)]), stored)


def test_a_deleted_object_is_gone_after_its_time(face, origin):
    where = ("ttl1", "deleted")
    put_and_warm(face, origin, where, 100 * KIB)
    origin.behave(*where, Behaviour(code="NoSuchKey"))
    wait_until(lambda: head(face, where).status == 404, 3, "the object's end")
    expect_error(get(face, where), 404, "NoSuchKey")
    origin.behave(*where)
    stored = origin.stored(*where)
    wait_until(lambda: head(face, where).status == 200, _NEGATIVE_TTL + 1, "the object's return")
    before = len(asked(origin, where, "GET"))
    expect_object(get(face, where), stored)
    assert len(asked(origin, where, "GET")) == before + 1, "its old pages are gone"


def test_a_refusal_is_passed_on_and_keeps_the_entry(face, origin):
    where = ("ttl1", "refused")
    stored = put_and_warm(face, origin, where, 100 * KIB)
    time.sleep(1.1)
    origin.behave(*where, Behaviour(code="AccessDenied"))
    expect_error(get(face, where), 403, "AccessDenied")
    origin.behave(*where)
    before = len(asked(origin, where, "GET"))
    expect_object(get(face, where), stored)
    assert len(asked(origin, where, "GET")) == before


# --- the rules are read again -----------------------------------------------------------------------------------


def test_sighup_reads_the_rules_again(s3_server, origin, tmp_path):
    file = tmp_path / "cachey.toml"
    file.write_text('s3api-revalidate = ["*=never"]\n')
    server = s3_server("--config", str(file), *FACE)
    where = ("reloaded", "object")
    old = put_and_warm(server, origin, where, 100 * KIB)
    new = origin.put(*where, 200 * KIB)
    expect_object(get(server, where), old)

    def reload(text, line):
        at = server.log_bytes()
        file.write_text(text)
        server.signal(signal.SIGHUP)
        wait_until(lambda: line in server.log(at), 5, line)

    reload('s3api-revalidate = ["*=sometimes"]\n', "reload failed")
    expect_object(get(server, where), old)
    reload('s3api-revalidate = ["*=always"]\n', "reloaded")
    expect_object(get(server, where), new)
    expect_object(get(server, where), new)
    assert len(asked(origin, where, "HEAD")) == 2
