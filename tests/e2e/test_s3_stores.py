"""The same fetches against every kind of S3-compatible store: the scripted origin's presets, and real ones."""

import dataclasses

import pytest

from content import content
from expect import expect_bytes, expect_error, fetch_from_memory
from harness import MIB, PAGE
from origin_model import Behaviour
from scripted_origin import ScriptedOrigin
from store_profiles import PROFILES, Profile, origin_like

_BUCKET = "bucket"


@dataclasses.dataclass
class World:
    profile: Profile
    server: object
    store: object
    scripted: bool


REAL = {"radosgw": Profile(tells_size=False), "versitygw": Profile(tells_size=False), "moto": Profile()}


@pytest.fixture(scope="module", params=[*PROFILES, *REAL])
def world(request, start_session_server):
    if request.param in REAL:
        store = request.getfixturevalue("real_store")(request.param)
        store.add_bucket(_BUCKET)
        server = start_session_server("--origin", "s3", "--memory", "128MiB", environment=store.environment())
        yield World(REAL[request.param], server, store, scripted=False)
        server.stop()
        return
    profile = PROFILES[request.param]
    with origin_like(profile) as store:
        store.add_bucket(_BUCKET)
        server = start_session_server("--origin", "s3", "--memory", "128MiB", *profile.flags,
                                      environment=store.environment())
        yield World(profile, server, store, scripted=True)
        server.stop()
        assert store.refused == []


def expect_part(world, key, stored, first, last):
    """Expects a miss, then a hit, with every byte and the object's metadata."""
    for response in (world.server.fetch(_BUCKET, key, first, last),
                     fetch_from_memory(world.server, _BUCKET, key, first, last)):
        assert response.status == 206, response.body
        last = min(last, stored.size - 1)
        assert response.header("Content-Range") == f"bytes {first}-{last}/{stored.size}"
        expect_bytes(response, stored.seed, first, last)
        assert response.header("ETag") == (stored.etag if world.profile.tells_version else None)


def test_a_small_object(world):
    stored = world.store.put(_BUCKET, "small", size=5000, seed=1)
    expect_part(world, "small", stored, 100, 4000)


def test_pages_and_the_last_short_one(world):
    stored = world.store.put(_BUCKET, "large", size=2 * PAGE + 12_345, seed=2)
    expect_part(world, "large", stored, 0, MIB)
    expect_part(world, "large", stored, PAGE - 10, PAGE + 10)
    expect_part(world, "large", stored, 2 * PAGE, 2 * PAGE + 12_344)
    expect_part(world, "large", stored, 2 * PAGE + 12_000, 2 * PAGE + 99_999)


def test_a_range_past_the_end_is_416(world):
    stored = world.store.put(_BUCKET, "short", size=1000, seed=3)
    for first in (1000, 5 * PAGE):
        response = world.server.fetch(_BUCKET, "short", first, first + 9)
        assert response.status == 416, response.body
        if world.profile.tells_size or first < PAGE:
            assert response.header("Content-Range") == f"bytes */{stored.size}"


def test_an_empty_object_is_416(world):
    world.store.put(_BUCKET, "empty", size=0, seed=4)
    response = world.server.fetch(_BUCKET, "empty", 0, 9)
    assert response.status == 416, response.body
    if world.profile.tells_size:
        assert response.header("Content-Range") == "bytes */0"


def test_what_is_not_there_is_404(world):
    expect_error(world.server.fetch(_BUCKET, "absent", 0, 9), 404)


@pytest.mark.parametrize("key", ["a//b/../c", "a b+c=d%2F", "ünï/日本", "~!*'()@:,;&$?#"])
def test_odd_keys(world, key):
    stored = world.store.put(_BUCKET, key, size=300, seed=5)
    expect_part(world, key, stored, 0, 299)


def test_wrong_bytes_are_noticed_where_the_store_announces_their_sum(world):
    """Clients that get wrong bytes get no complete response, and the bytes are not cached."""
    if not world.scripted or world.profile.usual.checksum == "":
        return  # the store announces no checksum
    stored = world.store.put(_BUCKET, "damaged", size=5000, seed=6)
    world.store.behave(_BUCKET, "damaged", dataclasses.replace(world.profile.usual, times=1, wrong_bytes=True))
    response = world.server.fetch(_BUCKET, "damaged", 0, 4999, headers=[("C0-Config", "ma=1")])
    assert response.status == 502 or not response.complete
    expect_part(world, "damaged", stored, 0, 4999)


def test_wrong_bytes_of_a_body_that_takes_many_reads_are_never_completed(start_server):
    """Even with retries: a response that already sent wrong bytes is not completed."""
    for at in range(8):  # a fast client may get all but the end, a slow client nothing
        with ScriptedOrigin() as store:
            server = start_server("--origin", "s3", environment=store.environment())
            stored = store.put(_BUCKET, "damaged", size=200_000 + at, seed=6)
            store.behave(_BUCKET, "damaged", Behaviour(times=1, checksum="whole", wrong_bytes=True),
                         Behaviour(checksum="whole"))
            response = server.fetch(_BUCKET, "damaged", 0, stored.size - 1)
            assert response.status == 502 or not response.complete or response.body == content(6, 0, stored.size)
            again = server.fetch(_BUCKET, "damaged", 0, stored.size - 1)
            assert again.status == 206
            expect_bytes(again, stored.seed, 0, stored.size - 1)
            server.stop()


def test_wrong_sums_of_right_bytes_cost_a_second_look_once(start_server):
    """Some stores announce checksums that do not match the correct bytes that they send."""
    with ScriptedOrigin() as store:
        server = start_server("--origin", "s3", environment=store.environment())
        for number in range(7):
            stored = store.put(_BUCKET, f"object-{number}", size=5000, seed=number)
            store.behave(_BUCKET, f"object-{number}", Behaviour(headers=(("x-amz-checksum-crc32", "AAAAAA=="),)))
            response = server.fetch(_BUCKET, f"object-{number}", 0, 4999)
            assert response.status == 206 and response.complete
            expect_bytes(response, stored.seed, 0, 4999)
            assert len(store.requests(_BUCKET, f"object-{number}")) == (2 if number < 4 else 1), "then it is the bucket's fault"
        server.expect_log("a checksum that is not the object's", count=3)
        server.expect_log("checksums that are not its bytes'", count=1)


def test_a_wrong_sum_of_one_object_turns_no_checksums_off(start_server):
    """The other objects of the bucket are still compared with their checksums."""
    with ScriptedOrigin() as store:
        server = start_server("--origin", "s3", environment=store.environment())
        odd = store.put(_BUCKET, "odd", size=6001, seed=3)
        store.behave(_BUCKET, "odd", Behaviour(headers=(("x-amz-checksum-crc32", "AAAAAQ=="),)))
        response = server.fetch(_BUCKET, "odd", 0, 6000)
        assert response.status == 206 and response.complete
        expect_bytes(response, odd.seed, 0, 6000)
        store.put(_BUCKET, "damaged", size=7001, seed=4)
        store.behave(_BUCKET, "damaged", Behaviour(times=1, checksum="whole", wrong_bytes=True), Behaviour(checksum="whole"))
        response = server.fetch(_BUCKET, "damaged", 0, 7000, headers=[("C0-Config", "ma=1")])
        assert response.status == 502 or not response.complete


def test_a_store_that_ignores_ranges_is_502(world):
    """Google does this with objects that it stores compressed."""
    if not world.scripted:
        return  # a real store does not ignore ranges
    world.store.put(_BUCKET, "ignored", size=3 * PAGE, seed=7)
    world.store.behave(_BUCKET, "ignored", dataclasses.replace(world.profile.usual, ignore_range=True))
    expect_error(world.server.fetch(_BUCKET, "ignored", PAGE, PAGE + 9), 502)


def test_a_wrong_region_is_told(start_server):
    """Garage, MinIO: the response has the store's own text, after one request."""
    with origin_like(PROFILES["garage"]) as store:
        server = start_server("--origin", "s3", environment=store.environment() | {"AWS_REGION": "eu-west-1"})
        expect_error(server.fetch(_BUCKET, "key", 0, 9), 502, "AuthorizationHeaderMalformed")
        assert len(store.requests()) == 1


@pytest.mark.parametrize("code", ["SlowDown", "SlowDownRead", "XMinioServerNotInitialized", "RequestTimeout"])
def test_busy_answers_of_minio_are_retried(cachey, origin, kind, code):
    stored = origin.put(kind, "object", size=100)
    busy = Behaviour(times=1, status=503, code=code, headers=(("Retry-After", "60"),))
    origin.behave(kind, "object", busy)
    response = cachey.fetch(kind, "object", 0, 99, headers=[("C0-Config", "ib=1 mb=1")])
    assert response.status == 206, response.body
    expect_bytes(response, stored.seed, 0, 99)
