"""The S3 endpoint while the store fails: what is known is served for a bounded time, and at once."""

import statistics
import time

import pytest
from harness import KIB, Task, limit, wait_until
from origin_model import Behaviour, Gate
from s3_face import FACE, expect_object, get, head
from scripted_origin import ScriptedOrigin

_STALE = 6  # --s3api-stale-if-error


@pytest.fixture
def store():
    """An origin of this test alone, so that all of it can fail."""
    with ScriptedOrigin() as running:
        yield running
        running.usual = Behaviour()


@pytest.fixture
def start_face(start_server, store):
    def start(*arguments):
        return start_server("--origin", "s3", "--memory", "256MiB", "--s3api-revalidate=never=never",
                            "--s3api-revalidate=*=1", *FACE, *arguments, environment=store.environment())
    return start


@pytest.fixture
def face(start_face):
    return start_face("--s3api-stale-if-error", str(_STALE))


def _fail(store, how):
    """The store fails from now on. Returns a function that ends the failure."""
    gate = Gate()
    store.usual = {"refuses": Behaviour(code="InternalError"), "throttles": Behaviour(code="SlowDown"),
                   "resets": Behaviour(drop="rst"), "hangs": Behaviour(gate=gate)}[how]

    def mend():
        store.usual = Behaviour()
        gate.release()
    return mend


def _warm(face, store, count):
    wheres = [("b", f"object-{number}") for number in range(count)]
    stored = [store.put(*where, 10 * KIB) for where in wheres]
    for where, one in zip(wheres, stored):
        expect_object(get(face, where), one)
    return wheres, stored


@pytest.mark.parametrize("how", ["refuses", "throttles", "resets", "hangs"])
def test_what_is_known_is_served_and_marked_for_its_time(face, store, how):
    warmed_at = time.monotonic()
    (where,), (stored,) = _warm(face, store, 1)
    time.sleep(1.1)
    mend = _fail(store, how)
    try:
        answer = get(face, where)
        expect_object(answer, stored)
        assert answer.header("X-Cache") == "STALE"
        expect_object(head(face, where), stored, method="HEAD")
        assert get(face, where, [("If-None-Match", stored.etag)]).status == 304
        expect_object(get(face, where, [("If-Match", stored.etag)]), stored)
        if how == "hangs":
            return
        refused = wait_until(lambda: (lambda got: got if got.status >= 500 else None)(get(face, where)),
                             _STALE + 12, "the end of what may be served")
        assert refused.status in (500, 503)
        assert time.monotonic() - warmed_at > _STALE + 1
    finally:
        mend()
    wait_until(lambda: get(face, where).status == 200, 5, "the store's return")


def test_old_news_refuses_nothing(face, store):
    (where,), _ = _warm(face, store, 1)
    mend = _fail(store, "refuses")
    for headers in ([("If-Match", '"other"')], [("Range", "bytes=99999-")]):
        assert get(face, where, headers).status in (500, 503)
    mend()


def test_no_stale_answer_for_a_client_that_asks_to_revalidate(face, store):
    (where,), _ = _warm(face, store, 1)
    mend = _fail(store, "refuses")
    assert get(face, where, [("Cache-Control", "no-cache")]).status in (500, 503)
    mend()


def test_with_never_the_store_may_be_dead(face, store):
    where = ("never", "object")
    stored = store.put(*where, 100 * KIB)
    expect_object(get(face, where), stored)
    mend = _fail(store, "resets")
    for _ in range(3):
        answer = get(face, where)
        expect_object(answer, stored)
        assert answer.header("X-Cache") == "HIT"
    mend()


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_an_outage_is_hardly_felt_by_warm_objects(start_face, store, how):
    face = start_face()
    wheres, stored = _warm(face, store, 40)
    time.sleep(1.1)
    mend = _fail(store, how)
    took = []
    began = time.monotonic()

    def read(index):
        for at in range(index, 400, 8):
            begin = time.monotonic()
            answer = get(face, wheres[at % 40])
            took.append(time.monotonic() - begin)
            expect_object(answer, stored[at % 40])
            time.sleep(0.02)

    for task in [Task(read, index) for index in range(8)]:
        task.result(60)
    lasted = time.monotonic() - began
    face.expect_log("objects are served stale bucket=b", count=1)
    if how == "hangs":
        face.expect_log("the store has not answered in a second")
    mend()
    # The eight that were first have waited for a second each, and then one a second.
    waited = [one for one in took if one > 0.9]
    assert len(waited) <= 8 + 2 * lasted, f"{sorted(waited)} in {lasted:.1f} s; median {statistics.median(took)}"
    assert max(took) < limit(2.5)
    wait_until(lambda: get(face, wheres[0]).header("X-Cache") in ("REVALIDATED", "HIT"), 5, "the store's return")
    face.expect_log("objects are confirmed bucket=b", count=1)
