"""--fetch-any-range: /fetch without a Range, and ranges with one end."""

import pytest

from content import first_difference
from harness import PAGE
from http1 import fetch_target

SIZE = PAGE + 77


@pytest.fixture(scope="module")
def server(start_session_server, origin):
    return start_session_server("--origin", "s3", "--memory", "512MiB", "--fetch-any-range", environment=origin.environment())


@pytest.fixture
def stored(origin, kind):
    return origin.put(kind, "object", size=SIZE)


def ask(server, kind, *fields, method="GET"):
    with server.connect() as connection:
        return connection.exchange(method, fetch_target(kind, "object"), list(fields))


def expect(response, stored, status, first, last):
    assert response.status == status and response.complete
    assert response.header("Content-Range") == (f"bytes {first}-{last}/{stored.size}" if status == 206 else None)
    assert len(response.body) == last - first + 1 and first_difference(response.body, stored.seed, first) is None
    assert response.header("C0-Status").startswith(f"{first}-") and response.header("ETag") == stored.etag


def test_a_fetch_without_a_range_is_the_whole_object(server, kind, stored):
    for _ in ("cold", "warm"):
        expect(ask(server, kind), stored, 200, 0, SIZE - 1)
    head = ask(server, kind, method="HEAD")
    assert head.status == 200 and head.header("Content-Length") == str(SIZE) and head.header("Content-Range") is None


@pytest.mark.parametrize("value, first", [("0-", 0), (f"{PAGE - 1}-", PAGE - 1), (f"{SIZE - 1}-", SIZE - 1), ("-1", SIZE - 1),
                                          ("-100", SIZE - 100), (f"-{SIZE}", 0), ("-99999999999999999999", 0)])
def test_a_range_with_one_end(server, kind, stored, value, first):
    for _ in ("cold", "warm"):
        expect(ask(server, kind, ("Range", f"bytes={value}")), stored, 206, first, SIZE - 1)


def test_an_empty_object_has_a_whole_and_a_tail(server, origin, kind):
    origin.put(kind, "object", size=0)
    for fields in ([], [("Range", "bytes=-5")]):
        response = ask(server, kind, *fields)
        assert (response.status, response.body, response.header("Content-Length")) == (200, b"", "0")
    for value in ("0-", "-0", "0-5"):
        response = ask(server, kind, ("Range", f"bytes={value}"))
        assert response.status == 416 and response.header("Content-Range") == "bytes */0"


def test_an_if_range_of_another_version_voids_the_range(server, kind, stored):
    expect(ask(server, kind, ("Range", "bytes=1-5"), ("If-Range", stored.etag)), stored, 206, 1, 5)
    expect(ask(server, kind, ("Range", "bytes=1-5"), ("If-Range", '"other"')), stored, 200, 0, SIZE - 1)


def test_what_is_no_range_stays_refused(server, kind, stored):
    for value in ("bytes=5-1", "bytes=0-1,3-4", "lines=1-2", "bytes=-"):
        assert ask(server, kind, ("Range", value)).status == 416


def test_without_the_option_both_ends_are_needed(cachey, kind, stored):
    assert ask(cachey, kind).status == 400
    for value in ("0-", "-1"):
        assert ask(cachey, kind, ("Range", f"bytes={value}")).status == 416
