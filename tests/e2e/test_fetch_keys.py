"""Keys and kinds that careless path handling would change, with a real S3 store and the scripted one."""

import pytest

from expect import expect_206, expect_error, fetch_from_memory
from http1 import fetch_target, range_header

ODD_KEYS = [
    "plain", "a//b", "a///b", "/leading", "trailing/", "//", "a/../b", "a/./b", "../up", "..", ".", "./here", "a/..",
    "percent%2Fslash", "100%", "%41", "a+b", "a b", " leading space", "trailing space ", "a&b=c;d", "colon:at@",
    "~!*'()-_.", "question?mark", "hash#mark", "quote\"s", "<xml>&amp;", "back\\slash", "comma,$dollar", "[brackets]",
    "ümlaut", "日本語/キー", "emoji-😀", "tab\there", "a=b&x-id=GetObject", "x" * 1024, "ü" * 512,
]


@pytest.fixture(params=["scripted", "radosgw"])
def world(request):
    """(server, store, bucket), for both kinds of S3 store."""
    if request.param == "scripted":
        return request.getfixturevalue("cachey"), request.getfixturevalue("origin"), "keys"
    return request.getfixturevalue("cachey_radosgw"), request.getfixturevalue("radosgw"), "test"


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key)[1:20])
def test_odd_keys_round_trip(world, key):
    server, store, bucket = world
    stored = store.put(bucket, key, size=3000, seed=1 + ODD_KEYS.index(key))
    expect_206(server.fetch(bucket, key, 100, 2500), stored, 100, 2500, bucket, hit=False)
    expect_206(fetch_from_memory(server, bucket, key, 0, 2999), stored, 0, 2999, bucket, hit=True)


def test_keys_that_look_alike_are_different_objects(world):
    server, store, bucket = world
    alike = ["look/alike", "look//alike", "look/./alike", "look/x/../alike", "look%2Falike", "look/alike/", "/look/alike",
             "look/Alike", "look/a+like", "look/a like", "look/a%20like"]
    stored = {key: store.put(bucket, key, size=500, seed=900 + at) for at, key in enumerate(alike)}
    for _ in range(2):
        for key in alike:
            expect_206(server.fetch(bucket, key, 0, 499), stored[key], 0, 499, bucket)


ENCODED = [
    ("en/co/ded", "en%2Fco%2fded"), ("en/co/ded", "%65n/co/%64ed"), ("en+coded", "en+coded"), ("en+coded", "en%2Bcoded"),
    ("en coded", "en%20coded"), ("en:co@ded", "en:co@ded"), ("en!$&'()*,;=", "en!$&'()*,;="), ("en/../coded", "en/%2E%2e/coded"),
    ("percent%2Fen", "percent%252Fen"), ("ü", "%C3%BC"), ("ü", "%c3%bc"),
]


@pytest.mark.parametrize("key,on_the_wire", ENCODED)
def test_the_path_is_percent_decoded_once(world, key, on_the_wire):
    server, store, bucket = world
    stored = store.put(bucket, key, size=100, seed=77)
    response = server.get(f"/fetch/{bucket}/{on_the_wire}", [range_header(0, 99)])
    expect_206(response, stored, 0, 99, bucket)


def test_kinds_are_percent_decoded_and_up_to_64_bytes(cachey, origin):
    for kind in ("k" * 64, "a kind", "ü" * 32, "slash/in", "%41", "a.b"):
        stored = origin.put("kinds", "object", size=100)
        response = cachey.fetch(kind, "object", 0, 99, headers=[("C0-Bucket", "kinds")])
        expect_206(response, stored, 0, 99, "kinds")


def test_the_kind_is_part_of_the_identity_and_the_bucket_is_not(cachey, origin, kind):
    first = origin.put(kind, "object", size=1000)
    second = origin.put(kind + "-2", "object", size=1000)
    expect_206(cachey.fetch(kind, "object", 0, 99), first, 0, 99, kind, hit=False)
    expect_206(cachey.fetch(kind + "-2", "object", 0, 99), second, 0, 99, kind + "-2", hit=False)
    held = fetch_from_memory(cachey, kind, "object", 0, 99, headers=[("C0-Bucket", kind + "-2")])
    expect_206(held, first, 0, 99, kind, hit=True)


def test_the_query_is_not_part_of_the_key(cachey, origin, kind):
    stored = origin.put(kind, "object", size=100)
    response = cachey.get(fetch_target(kind, "object") + "?version=1", [range_header(0, 99)])
    expect_206(response, stored, 0, 99, kind)
