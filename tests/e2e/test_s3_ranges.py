"""Ranges at the S3 endpoint: every kind of Range, over objects of every size, held or not, against a model."""

import re

import pytest

import s3_face
from harness import PAGE
from s3_face import FACE, ask, expect_error, expect_object, get

_SIZES = (0, 1, 100, PAGE - 1, PAGE, PAGE + 1)
_INVALID = ("abc", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=10-5", "bytes=0--1", "bytes=--1", "bytes=0-1-2",
            "bytes=0-0,1-2", "bytes=0x0-0x1", "foo=0-1", "0-1", "bytes:0-1", "bytes=1-0", "bytes=+0-1", "bytes=,",
            "bytes= -1", "bytes=0 -1", "bytes=100-x", "bytes=0-1;", "bytes=0-1,")
_INVALID_OF_LARGE = ("abc", "bytes=10-5", "bytes=0-0,1-2")  # each answer is the whole object
_HUGE = "9" * 25


def ranges_of(size):
    """The values of Range for an object; None: no Range."""
    end = max(size, 1)
    valid = [(0, 0), (0, ""), (0, end - 1), (0, end), (0, 8388607), (0, _HUGE), (1, ""), (1, 1), (end - 1, ""), (end - 1, end - 1),
             (end - 1, end + 7), (end, ""), (end, end), (end + 1, end + 5), (_HUGE, ""), (_HUGE, _HUGE), ("000", "0000"), ("", 0),
             ("", 1), ("", "0001"), ("", end), ("", end + 1), ("", _HUGE)]
    if size > 100:
        valid += [(5, 9), (size // 2, size // 2 + 100), ("", 100)]
    invalid = _INVALID if size <= 100 else _INVALID_OF_LARGE
    return [None, *dict.fromkeys(f"bytes={first}-{last}" for first, last in valid), *invalid]


def model(size, asked):
    """(status, first, last) of the answer."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if not found or found.group(0) == "bytes=-":
        return 200, None, None
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return 200, None, None
    if first:
        return (206, int(first), int(last or size)) if int(first) < size else (416, None, None)
    if int(last) == 0:
        return 416, None, None
    return (206, max(0, size - int(last)), size - 1) if size else (200, None, None)


def check(response, stored, asked, method):
    status, first, last = model(stored.size, asked)
    if status == 416:
        found = expect_error(response, 416, "InvalidRange", method)
        assert response.header("Content-Range") == f"bytes */{stored.size}"
        assert method == "HEAD" or found["ActualObjectSize"] == str(stored.size) and found["RangeRequested"] == asked
    else:
        expect_object(response, stored, first, last, method)


def check_all(connection, bucket, stored_of, method, sizes=_SIZES):
    """Every range of every size. `stored_of(size, number)`: (key, object)."""
    for size in sizes:
        for number, asked in enumerate(ranges_of(size)):
            key, stored = stored_of(size, number)
            headers = [("Range", asked)] if asked else []
            response = connection.exchange(method, s3_face.target(bucket, key), headers)
            try:
                check(response, stored, asked, method)
            except AssertionError as error:
                raise AssertionError(f"{method} of {size} bytes, Range {asked!r}: {response.status} {response.headers}") from error


@pytest.fixture(params=["GET", "HEAD"])
def method(request):
    return request.param


@pytest.fixture
def held(origin, kind):
    """One object of each size."""
    stored = {size: origin.put(kind, f"of-{size}", size=size) for size in _SIZES}
    return lambda size, _: (f"of-{size}", stored[size])


@pytest.fixture
def never_asked(origin, kind, method):
    """A new object for each request."""
    def put(size, number):
        key = f"{method}-{size}-{number}"
        return key, origin.put(kind, key, size=size)
    return put


@pytest.mark.parametrize("protocol", s3_face.PROTOCOLS)
def test_of_objects_in_memory(s3_face_server, held, kind, method, protocol):
    for size in _SIZES:
        get(s3_face_server, (kind, held(size, 0)[0]))
    with s3_face.PROTOCOLS[protocol].Connection(s3_face_server.s3_port) as connection:
        check_all(connection, kind, held, method)


def test_of_objects_never_asked_for(s3_face_server, never_asked, kind, method):
    with s3_face.PROTOCOLS["h1"].Connection(s3_face_server.s3_port) as connection:
        check_all(connection, kind, never_asked, method)


def test_of_objects_on_the_disk(disk_server, origin, held, kind, method):
    server = disk_server(*FACE)
    for size in _SIZES:
        get(server, (kind, held(size, 0)[0]))
    server.stop()
    before = len(origin.ended(kind))
    server = disk_server(*FACE, "--s3api-revalidate", "*=never")
    with server.connect_s3() as connection:
        check_all(connection, kind, held, method, sizes=[size for size in _SIZES if size])
    assert origin.ended(kind)[before:] == []


def test_a_head_fetches_no_page(s3_face_server, origin, never_asked, kind):
    with s3_face_server.connect_s3() as connection:
        check_all(connection, kind, never_asked, "HEAD")
    assert {record.method for record in origin.ended(kind)} == {"HEAD"}


def test_ranges_over_the_borders_of_pages(s3_face_server, origin, kind):
    """Some pages are held, the others are not."""
    stored = origin.put(kind, "object", size=4 * PAGE + 5)
    for first, last in [(PAGE, 2 * PAGE - 1), (0, 2 * PAGE), (PAGE - 1, PAGE), (2 * PAGE - 1, 4 * PAGE), (3 * PAGE - 5, 3 * PAGE + 5),
                        (4 * PAGE - 1, 4 * PAGE + 9), (0, 9 * PAGE)]:
        response = get(s3_face_server, (kind, "object"), [("Range", f"bytes={first}-{last}")])
        expect_object(response, stored, first, last)


@pytest.mark.parametrize("size", _SIZES)
def test_the_head_is_that_of_the_get(s3_face_server, origin, kind, size):
    origin.put(kind, "object", size=size)
    changing = {"date", "x-amz-request-id", "x-amz-id-2", "c0-status"}
    for headers in ([], [("Range", "bytes=0-0")], [("Range", "bytes=-1")], [("Range", f"bytes={size}-")]):
        ask(s3_face_server, "GET", (kind, "object"), headers)
        heads = [[(name, value) for name, value in ask(s3_face_server, method, (kind, "object"), headers).headers
                  if name.lower() not in changing] for method in ("GET", "HEAD")]
        if size == 0 and headers or headers[:1] == [("Range", f"bytes={size}-")]:
            heads = [[field for field in fields if field[0].lower() not in ("content-length", "content-type")] for fields in heads]
        assert heads[0] == heads[1], headers
