"""An object that changes at the origin: every response is of one version, and the next one is fresh."""

import pytest

from content import first_difference
from expect import expect_206, expect_error, fetch_from_memory
from harness import MIB, PAGE, Task, wait_until
from http1 import exchange, fetch_target, range_header
from origin_model import Behaviour, Gate

SIZE = 3 * PAGE

CHANGES = {
    "same size, other ETag": {"size": SIZE},
    "longer": {"size": SIZE + 1000},
    "shorter": {"size": 2 * PAGE + 1000},
    "other ETag, same time": {"size": SIZE, "last_modified": 1_700_000_000},
}


def expect_one_version(response, versions, first=0):
    """Expects 409, or bytes of one version; the newest version if the response is complete."""
    if response.status != 206:
        expect_error(response, 409)
        return
    named = [version for version in versions if version.etag == response.header("ETag")] or versions
    right = [version for version in named if first_difference(response.body, version.seed, first) is None]
    assert right, "bytes of two versions"
    assert not response.complete or versions[-1] in right, "a whole answer of a version that is gone"


def expect_fresh(server, new, kind, key="object"):
    expect_206(server.fetch(kind, key, 0, new.size - 1), new, 0, new.size - 1, kind)
    expect_206(fetch_from_memory(server, kind, key, PAGE - 1, 2 * PAGE), new, PAGE - 1, 2 * PAGE, kind, hit=True)


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("held_page", [0, 1, 2])
def test_a_change_between_reads(cachey, origin, kind, what, held_page):
    old = origin.put(kind, "object", size=SIZE, last_modified=1_700_000_000)
    at = held_page * PAGE
    expect_206(cachey.fetch(kind, "object", at, at + 9), old, at, at + 9, kind)
    fetch_from_memory(cachey, kind, "object", at, at + 9)
    new = origin.put(kind, "object", **CHANGES[what])
    expect_one_version(cachey.fetch(kind, "object", 0, 2 * PAGE + 99), [old, new])
    expect_fresh(cachey, new, kind)


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_during_a_read(cachey, origin, kind, what):
    """Page 0 is being sent to the client when page 1 arrives in another version."""
    gate = Gate()
    old = origin.put(kind, "object", size=SIZE, last_modified=1_700_000_000)
    origin.behave(kind, "object", Behaviour(times=1, when=lambda record: record.range[0] == PAGE, gate=gate,
                                            do=lambda _: origin.put(kind, "object", **CHANGES[what])))
    with cachey.connect() as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, SIZE - 1)])
        response = connection.read_head()
        gate.release()
        connection.read_body(response)
    new = origin.stored(kind, "object")
    assert new != old
    expect_one_version(response, [old, new])
    expect_fresh(cachey, new, kind)


def test_an_upload_of_the_same_bytes_is_another_version_only_by_its_etag(cachey, origin, kind):
    old = origin.put(kind, "object", size=SIZE, seed=21, etag='"one"')
    cachey.fetch(kind, "object", 0, 9)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    origin.put(kind, "object", size=SIZE, seed=21, etag='"one"', last_modified=old.last_modified + 60)
    response = cachey.fetch(kind, "object", 0, 2 * PAGE)
    assert response.status == 206 and response.complete
    assert first_difference(response.body, 21, 0) is None


def test_without_etags_size_and_time_tell_versions_apart(cachey, origin, kind):
    bare = Behaviour(omit=("etag",))
    old = origin.put(kind, "object", size=SIZE, last_modified=1_700_000_000)
    origin.behave(kind, "object", bare)
    assert cachey.fetch(kind, "object", 0, 9).status == 206
    fetch_from_memory(cachey, kind, "object", 0, 9)
    new = origin.put(kind, "object", size=SIZE, last_modified=1_700_000_060)
    expect_one_version(cachey.fetch(kind, "object", 0, 2 * PAGE), [old, new])
    fresh = cachey.fetch(kind, "object", 0, SIZE - 1)
    assert fresh.status == 206 and fresh.complete and fresh.header("ETag") is None
    assert first_difference(fresh.body, new.seed, 0) is None


@pytest.mark.parametrize("tag", ['W/"same"', '""', 'W/""', '"00000000000000000000000000000000"'])
def test_tags_that_prove_nothing_leave_it_to_the_time(cachey, origin, kind, tag):
    old = origin.put(kind, "object", size=SIZE, etag=tag, last_modified=1_700_000_000)
    assert cachey.fetch(kind, "object", 0, 9).status == 206
    fetch_from_memory(cachey, kind, "object", 0, 9)
    new = origin.put(kind, "object", size=SIZE, etag=tag, last_modified=1_700_000_060)
    expect_one_version(cachey.fetch(kind, "object", 0, 2 * PAGE), [old, new])
    fresh = cachey.fetch(kind, "object", 0, SIZE - 1)
    assert fresh.status == 206 and fresh.complete
    assert fresh.header("ETag") == (tag if "same" in tag else None)
    assert first_difference(fresh.body, new.seed, 0) is None


def test_what_is_in_memory_is_served_until_a_change_is_seen(cachey, origin, kind):
    """Objects do not change in normal use, so a hit never asks the origin."""
    old = origin.put(kind, "object", size=1000)
    cachey.fetch(kind, "object", 0, 9)
    fetch_from_memory(cachey, kind, "object", 0, 9)
    origin.put(kind, "object", size=1000)
    expect_206(cachey.fetch(kind, "object", 0, 999), old, 0, 999, kind, hit=True)


def test_the_second_part_of_a_split_fill_is_of_the_same_version(cachey, origin, kind):
    """The second part is requested with If-Match; if the object has changed, the page is not kept."""
    old = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(times=1, when=lambda record: record.range[0] == 0,
                                            do=lambda _: origin.put(kind, "object", size=PAGE)))
    first = 12 * MIB
    expect_206(cachey.fetch(kind, "object", first, first + 99), old, first, first + 99, kind, hit=False)
    wait_until(lambda: len(origin.requests(kind)) >= 2 and not origin.requests(kind)[1].open, what="the second part")
    second = origin.requests(kind)[1]
    assert second.header("if-match") == old.etag and second.status == 412
    new = origin.stored(kind, "object")

    def fresh():
        response = cachey.fetch(kind, "object", 0, PAGE - 1)
        expect_one_version(response, [old, new])
        return response if response.status == 206 and response.complete else None

    expect_206(wait_until(fresh, 5, "an answer of the new version"), new, 0, PAGE - 1, kind)


def test_a_reader_of_the_second_part_gets_no_mixed_bytes(cachey, origin, kind):
    old = origin.put(kind, "object", size=PAGE)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(times=1, when=lambda record: record.range[0] == 0, gate=gate,
                                            do=lambda _: origin.put(kind, "object", size=PAGE)))
    reader = Task(cachey.fetch, kind, "object", 12 * MIB, PAGE - 1)
    wait_until(lambda: origin.requests(kind), what="the first part's request")
    joiner = Task(cachey.fetch, kind, "object", 0, PAGE - 1)
    expect_206(reader.result(), old, 12 * MIB, PAGE - 1, kind)
    gate.release()
    response = joiner.result()
    expect_one_version(response, [old, origin.stored(kind, "object")])


def test_many_readers_while_the_object_changes_again_and_again(cachey, origin, kind):
    """With any timing, a complete response is of one version."""
    versions = [origin.put(kind, "object", size=SIZE)]

    def read():
        seen = []
        for _ in range(12):
            response = exchange(cachey.port, "GET", fetch_target(kind, "object"), [range_header(PAGE - 9, 2 * PAGE + 9)])
            if response.status == 206 and response.complete:
                seen.append(response)
            else:
                assert response.status in (206, 409)
        return seen

    readers = [Task(read) for _ in range(4)]
    while not all(reader.done for reader in readers):
        versions.append(origin.put(kind, "object", size=SIZE))
        wait_until(lambda: len(origin.requests(kind)) > len(versions) or all(reader.done for reader in readers), 30)
    for reader in readers:
        for response in reader.result():
            version = [v for v in versions if v.etag == response.header("ETag")]
            assert version and first_difference(response.body, version[0].seed, PAGE - 9) is None
