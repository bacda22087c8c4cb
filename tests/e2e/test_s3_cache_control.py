"""Cache-Control of requests at the S3 endpoint: what the store is asked, and what a client gets."""

import time

import pytest

from harness import KIB, MIB, PAGE
from origin_model import Behaviour
from s3_face import FACE, expect_error, expect_object, get, head

_RULES = tuple(f"--s3api-revalidate={bucket}={policy}" for bucket, policy in
               {"ttl60": "60", "always": "always", "never": "never"}.items())


@pytest.fixture(scope="module")
def face(start_session_server, origin):
    return start_session_server("--origin", "s3", "--memory", "128MiB", "--hedge-quantile", "0", *FACE, *_RULES,
                                environment=origin.environment())


def says(*lines):
    return [("Cache-Control", line) for line in lines]


def warm(face, origin, where, size=100 * KIB):
    stored = origin.put(*where, size)
    expect_object(get(face, where), stored)
    return stored, len(origin.requests(*where))


ONLY = says("only-if-cached")


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_only_if_cached(face, origin, protocol):
    where = ("ttl60", f"only {protocol}")
    stored = origin.put(*where, 100 * KIB)
    for ask, method in ((get, "GET"), (head, "HEAD")):
        expect_error(ask(face, where, ONLY, protocol=protocol), 504, "NotCached", method)
    assert origin.requests(*where) == [], "nothing is asked of the store"
    expect_object(get(face, where), stored)
    asked = len(origin.requests(*where))
    expect_object(get(face, where, ONLY, protocol=protocol), stored)
    expect_object(head(face, where, ONLY, protocol=protocol), stored, method="HEAD")
    expect_object(get(face, where, [*ONLY, ("Range", "bytes=5-99")]), stored, 5, 99)
    for line in ("only-if-cached, no-cache", "max-age=0, only-if-cached"):
        expect_error(get(face, where, says(line)), 504, "NotCached")
    expect_error(get(face, where, [*ONLY, ("Range", "bytes=102400-")]), 504, "NotCached")
    expect_error(get(face, where, [*ONLY, ("If-Match", '"x"')]), 504, "NotCached")
    assert len(origin.requests(*where)) == asked


def test_only_if_cached_needs_all_bytes(face, origin):
    where = ("never", "some pages")
    stored = origin.put(*where, 2 * PAGE)
    expect_object(get(face, where, [("Range", "bytes=0-9")]), stored, 0, 9)
    origin.ended(*where)
    asked = len(origin.requests(*where))
    expect_object(get(face, where, [*ONLY, ("Range", f"bytes=5-{MIB}")]), stored, 5, MIB)
    expect_error(get(face, where, ONLY), 504, "NotCached")
    expect_error(get(face, where, [*ONLY, ("Range", f"bytes={PAGE - 1}-{PAGE}")]), 504, "NotCached")
    assert len(origin.requests(*where)) == asked


def test_only_if_cached_under_always(face, origin):
    where = ("always", "only")
    warm(face, origin, where)
    expect_error(get(face, where, ONLY), 504, "NotCached")


@pytest.mark.parametrize("bucket", ["ttl60", "never"])
def test_an_answer_is_not_older_than_the_client_allows(face, origin, bucket):
    where = (bucket, "max-age")
    stored, asked = warm(face, origin, where)
    time.sleep(1.1)
    for lines in (["max-age=1"], ["max-age=\"1\""], ["max-age=60", "Max-Age=1"], ["max-age=60, no-cache"], ["max-age=x"]):
        expect_object(get(face, where, says(*lines)), stored)
        asked += 1
        assert len(origin.requests(*where)) == asked, lines
        time.sleep(1.1)
    named = [("If-Match", stored.etag)]
    expect_object(get(face, where, [*named, *says("max-age=60")]), stored)
    assert len(origin.requests(*where)) == asked
    expect_object(get(face, where, [*named, *says("max-age=1")]), stored)
    assert len(origin.requests(*where)) == asked + 1


def test_what_loosens_the_rules_is_ignored(face, origin):
    where = ("always", "looser")
    stored, asked = warm(face, origin, where)
    for line in ("max-stale", "max-stale=60", "max-age=60", "min-fresh=1", "no-transform", "x=\"no-cache\""):
        expect_object(get(face, where, says(line)), stored)
        asked += 1
        assert len(origin.requests(*where)) == asked, line


def test_pragma_counts(face, origin):
    where = ("ttl60", "pragma")
    stored, asked = warm(face, origin, where)
    expect_object(get(face, where, [("Pragma", "x")]), stored)
    assert len(origin.requests(*where)) == asked
    expect_object(get(face, where, [("Pragma", "no-cache")]), stored)
    assert len(origin.requests(*where)) == asked + 1


def test_no_older_answer_while_the_store_fails(face, origin):
    where = ("ttl60", "stale")
    stored, _ = warm(face, origin, where)
    origin.behave(*where, Behaviour(status=500, code="InternalError"))
    time.sleep(1.1)
    expect_error(get(face, where, says("max-age=1")), 500, "InternalError")
    expect_object(get(face, where, says("max-age=30")), stored)
