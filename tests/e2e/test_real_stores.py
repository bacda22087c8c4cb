"""Real S3 stores: every size, errors, keys that are refused, overwritten objects, death and return."""

import time

import pytest

from expect import expect_206, expect_error, fetch_from_memory
from harness import MIB, PAGE
from small_stores import SMALL_STORES


@pytest.fixture(scope="module", params=["radosgw", *SMALL_STORES])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def world(name, real_store, start_session_server):
    """(server, store); the store has the bucket "test"."""
    store = real_store(name)
    server = start_session_server("--origin", "s3", "--memory", "512MiB", environment=store.environment())
    yield server, store
    server.stop()


@pytest.mark.parametrize("size", [0, 1, 1000, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 5])
def test_every_size(world, size):
    server, store = world
    key = f"sized-{size}"
    stored = store.put("test", key, size=size, seed=4000 + size % 997)
    if size == 0:
        expect_error(server.fetch("test", key, 0, 9), 416)
        return
    for first, last in [(0, 0), (0, size - 1), (size - 1, size + 5), (size // 2, size + 3 * PAGE),
                        (min(size - 1, PAGE - 1), PAGE)]:
        expect_206(server.fetch("test", key, first, last), stored, first, last, "test")
    past = server.fetch("test", key, size, size + 9)
    expect_error(past, 416)
    if size % PAGE:  # otherwise the size would come from the next page's 416, and some 416s have none
        assert past.header("Content-Range") == f"bytes */{size}"


def test_errors(world):
    server, _ = world
    expect_error(server.fetch("test", "no such key", 0, 9), 404)
    expect_error(server.fetch("no-such-bucket", "key", 0, 9), 404)


def test_a_split_fill_joins_up(world):
    """The second half is requested with If-Match; the store must accept it."""
    server, store = world
    stored = store.put("test", "split", size=PAGE, seed=5000)
    expect_206(server.fetch("test", "split", 9 * MIB + 1, 9 * MIB + 10), stored, 9 * MIB + 1, 9 * MIB + 10, "test")
    expect_206(server.fetch("test", "split", 0, PAGE - 1), stored, 0, PAGE - 1, "test")


def test_a_wrong_secret_is_an_error(start_server, real_store, name):
    if name == "moto":
        return  # moto checks no signatures
    store = real_store(name)
    store.put("test", "secret", size=10, seed=1)
    server = start_server("--origin", "s3", environment=store.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    response = server.fetch("test", "secret", 0, 9)
    assert response.status in (403, 502)
    expect_error(response, response.status)


def test_an_object_that_was_overwritten_is_never_mixed(world):
    """A page of the old version is in memory; the range continues on the next page."""
    server, store = world
    store.put("test", "overwritten", size=PAGE + 5000, seed=6000)
    assert server.fetch("test", "overwritten", 0, 99).status == 206
    time.sleep(1.1)  # the store's times have whole seconds
    new = store.put("test", "overwritten", size=PAGE + 5000, seed=6001)
    response = server.fetch("test", "overwritten", PAGE - 100, PAGE + 99)
    assert response.status == 409 or not response.complete
    expect_206(server.fetch("test", "overwritten", PAGE - 100, PAGE + 99), new, PAGE - 100, PAGE + 99, "test")


def test_a_store_that_dies_and_comes_back(start_server, radosgw):
    """Pages in memory are still served; other pages fail now and work after the restart."""
    held = radosgw.put("test", "held", size=5000, seed=1)
    other = radosgw.put("test", "other", size=5000, seed=2)
    server = start_server("--origin", "s3", environment=radosgw.environment())
    expect_206(server.fetch("test", "held", 0, 99), held, 0, 99, "test")
    radosgw.kill_gateway()
    try:
        expect_206(fetch_from_memory(server, "test", "held", 50, 4999), held, 50, 4999, "test", hit=True)
        expect_error(server.fetch("test", "other", 0, 99, headers=[("C0-Config", "ma=1 ct=500")]), 502)
    finally:
        radosgw.restart_gateway()
    expect_206(server.fetch("test", "other", 0, 99), other, 0, 99, "test", hit=False)
