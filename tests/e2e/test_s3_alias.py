"""Aliases (--s3api-bucket): a bucket for S3 clients over replicas, one of which may fail, lag or lack an object."""

import time

import pytest
from harness import KIB, MIB, Task, wait_until
from origin_model import Behaviour, Gate
from s3_face import FACE, expect_error, expect_object, get, head
from scripted_origin import ScriptedOrigin

ALIAS = ("--s3api-bucket", "data=eu,us", "--s3api-revalidate=data/never/*=never", "--s3api-revalidate=data/always/*=always",
         "--s3api-revalidate=*=1")


@pytest.fixture(scope="module")
def replicas():
    with ScriptedOrigin() as running:
        for bucket in ("eu", "us"):
            running.add_bucket(bucket)
        yield running


@pytest.fixture
def face(start_server, replicas):
    """A server for each test: what an earlier one did to a replica must not decide which one is asked first."""
    return start_server("--origin", "s3", "--memory", "256MiB", *FACE, *ALIAS, environment=replicas.environment())


def _put_both(store, key, size, seed=1, **named):
    """The same bytes, tag and date in both replicas."""
    return [store.put(bucket, key, size, seed=seed, **named) for bucket in ("eu", "us")][0]


def _buckets(store, key):
    return [record.bucket for record in store.requests(key=key)]


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_an_alias_reads_its_first_replica_and_shares_pages_with_fetch(face, replicas, protocol):
    key = f"never/shared-{protocol}"
    stored = _put_both(replicas, key, 300 * KIB)
    answer = get(face, ("data", key), protocol=protocol)
    expect_object(answer, stored)
    assert answer.header("X-Cache") == "MISS" and "; eu; " in answer.header("C0-Status")
    expect_object(head(face, ("data", key), protocol=protocol), stored, method="HEAD")
    assert face.fetch("data", key, 0, 99).status == 206
    assert _buckets(replicas, key) == ["eu"]


def test_the_alias_hides_no_replica_and_fetch_has_no_other_bucket(face, replicas):
    stored = _put_both(replicas, "never/own", 100)
    expect_object(get(face, ("us", "never/own")), stored)
    assert _buckets(replicas, "never/own") == ["us"]
    assert face.fetch("data", "never/own", 0, 9, [("C0-Bucket", "us")]).status == 206
    assert face.fetch("data", "never/own", 0, 9, [("C0-Bucket", "other")]).status == 403
    assert get(face, "/data?location").status == 200


@pytest.mark.parametrize("how", ["refuses", "throttles", "resets", "denies", "lacks"])
@pytest.mark.parametrize("method", [get, head])
def test_a_replica_that_fails_is_left_for_the_next(face, replicas, how, method):
    key = f"never/{how}-{method.__name__}"
    stored = replicas.put("us", key, 100 * KIB, seed=3)
    if how != "lacks":
        replicas.put("eu", key, 100 * KIB, seed=3)
        replicas.behave("eu", key, {"refuses": Behaviour(code="InternalError"), "throttles": Behaviour(code="SlowDown"),
                                    "resets": Behaviour(drop="rst"), "denies": Behaviour(code="AccessDenied")}[how])
    expect_object(method(face, ("data", key)), stored, method=method.__name__.upper())


def test_what_no_replica_has_is_404(face, replicas):
    expect_error(get(face, ("data", "never/missing")), 404, "NoSuchKey")
    assert set(_buckets(replicas, "never/missing")) == {"eu", "us"}
    replicas.put("us", "never/late", 1000)
    expect_object(get(face, ("data", "never/late")), replicas.stored("us", "never/late"))


def test_a_silent_replica_costs_seconds_and_no_answer(face, replicas):
    stored = _put_both(replicas, "never/silent", 100 * KIB)
    gate = Gate()
    replicas.behave("eu", "never/silent", Behaviour(gate=gate))
    try:
        began = time.monotonic()
        expect_object(get(face, ("data", "never/silent")), stored)
        assert time.monotonic() - began < 9
    finally:
        gate.release()


def test_a_body_goes_on_at_the_other_replica(face, replicas):
    stored = _put_both(replicas, "never/body", 40 * MIB)
    replicas.behave("eu", "never/body", Behaviour(cut_after=5 * MIB))
    expect_object(get(face, ("data", "never/body")), stored)


def test_head_and_get_agree_whatever_replica_confirms(face, replicas):
    """Dates and metadata are each replica's own. `always`: each request asks."""
    key = "always/agree"
    first = replicas.put("eu", key, 1000, seed=1, etag='"same"', last_modified=1_700_000_000)
    replicas.put("us", key, 1000, seed=1, etag='"same"', last_modified=1_700_000_555)
    for replica in ("eu", "us"):
        replicas.behave(replica, key, Behaviour(attributes=(("x-amz-meta-at", replica),)))
    expect_object(get(face, ("data", key)), first)
    down = Behaviour(code="InternalError")
    for dead in ("eu", "us", "eu"):
        for replica in ("eu", "us"):
            alive = Behaviour(attributes=(("x-amz-meta-at", replica),))
            replicas.behave(replica, key, down if replica == dead else alive)
        for method in (head, get):
            answer = method(face, ("data", key))
            expect_object(answer, first, method=method.__name__.upper())
            assert answer.header("x-amz-meta-at") == "eu"
    bodies = [r for r in replicas.ended(key=key) if r.method == "GET" and r.bucket in ("eu", "us")]
    assert len(bodies) == 1, "the pages stay"


def test_a_replica_that_lags_brings_no_old_version_back(face, replicas):
    key = "always/lags"
    old = _put_both(replicas, key, 1000, seed=1)
    expect_object(get(face, ("data", key)), old)
    new = replicas.put("eu", key, 2000, seed=2)
    expect_object(get(face, ("data", key)), new)
    replicas.behave("eu", key, Behaviour(code="InternalError"))
    for _ in range(3):
        answer = get(face, ("data", key))
        if answer.status == 200:
            expect_object(answer, new)
            assert answer.header("X-Cache") == "STALE"
        else:
            assert answer.status in (500, 503)
    replicas.behave("eu", key)
    replicas.put("us", key, 2000, seed=2)  # caught up

    def is_new():
        answer = get(face, ("data", key))
        return answer.status == 200 and answer.header("X-Cache") != "STALE" and answer.header("ETag") == new.etag
    wait_until(is_new, 15, "the new version")


def test_many_readers_of_an_alias_cost_one_fetch(face, replicas):
    stored = _put_both(replicas, "never/many", 2 * MIB)
    readers = [Task(get, face, ("data", "never/many")) for _ in range(20)]
    for reader in readers:
        expect_object(reader.result(), stored)
    assert _buckets(replicas, "never/many") == ["eu"]


def test_two_buckets_of_a_real_store(start_server, radosgw):
    for bucket in ("alias-eu", "alias-us"):
        radosgw.client.create_bucket(Bucket=bucket)
    server = start_server("--origin", "s3", "--memory", "256MiB", *FACE, "--s3api-bucket=data=alias-eu,alias-us",
                          environment=radosgw.environment())
    stored = [radosgw.put(bucket, "o", 3 * MIB, seed=7) for bucket in ("alias-eu", "alias-us")]
    only = radosgw.put("alias-us", "only", 10 * KIB, seed=8)
    expect_object(get(server, ("data", "o")), stored[0])
    assert get(server, ("data", "only")).header("ETag") == only.etag
    radosgw.client.delete_object(Bucket="alias-eu", Key="o")
    time.sleep(5.1)
    expect_object(get(server, ("data", "o")), stored[0])  # the other replica has the object
