"""Stores and clients that mean no good, at the S3 endpoint."""

import urllib.parse

import pytest

import s3_face
from content import content
from harness import MIB, PAGE, limit
from origin_model import Behaviour
from s3_face import FACE, expect_error, expect_object, get, head

_ATTRIBUTES_MAX = 8 << 10


def is_head(record):
    return record.method == "HEAD"


def is_get(record):
    return record.method == "GET"


def own(response, prefix="x-amz-meta-"):
    return sorted((name.lower(), value) for name, value in response.headers if name.lower().startswith(prefix))


@pytest.mark.parametrize("protocol", s3_face.PROTOCOLS)
def test_three_hundred_fields(s3_face_server, origin, kind, protocol):
    origin.put(kind, "object", size=1000)
    fields = tuple((f"x-amz-meta-{number:03}", f"v{number}") for number in range(300))
    origin.behave(kind, "object", Behaviour(attributes=fields))
    for method in ("HEAD", "GET", "HEAD", "GET"):
        response = s3_face.ask(s3_face_server, method, (kind, "object"), protocol=protocol)
        assert response.status == 200 and own(response) == sorted(fields)


def attributes_of(size):
    """Attributes whose lines `Name: value` with their ends are `size` bytes, Content-Type included."""
    left = size - len("Content-Type: a/b\r\n") - len("x-amz-meta-x: \r\n")
    return (("Content-Type", "a/b"), ("x-amz-meta-x", "x" * left))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_attributes_at_the_limit(s3_face_server, origin, kind, method):
    origin.put(kind, "object", size=1000)
    fields = attributes_of(_ATTRIBUTES_MAX)
    origin.behave(kind, "object", Behaviour(attributes=fields))
    for _ in range(2):
        response = s3_face.ask(s3_face_server, method, (kind, "object"))
        assert response.status == 200 and own(response) == [fields[1]]


@pytest.mark.parametrize("size", [_ATTRIBUTES_MAX + 1, 3 * _ATTRIBUTES_MAX])
def test_attributes_past_the_limit(s3_face_server, origin, kind, size):
    """Never a part of the attributes: refused, and the object is as it was for /fetch."""
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(attributes=attributes_of(size)))
    for method in ("HEAD", "GET", "HEAD", "GET"):
        response = s3_face.ask(s3_face_server, method, (kind, "object"))
        assert response.status in (200, 501), response.status
        assert response.status == 501 or own(response) == [attributes_of(size)[1]]
    response = s3_face_server.fetch(kind, "object", 0, 999)
    assert response.status == 206 and response.body == content(stored.seed, 0, 1000)


def test_bytes_of_metadata_are_verbatim(s3_face_server, origin, kind):
    """s3-tests stores UTF-8 in a header; nobody re-encodes it."""
    origin.put(kind, "object", size=10)
    raw = "Grüße 日本".encode().decode("latin-1")  # the origin writes latin-1
    origin.behave(kind, "object", Behaviour(attributes=(("x-amz-meta-utf8", raw), ("x-amz-meta-inner", "a  b\tc"),
                                                        ("x-amz-meta-empty", ""), ("x-amz-meta-quotes", '"a", b;c'))))
    for method in ("HEAD", "GET"):
        response = s3_face.ask(s3_face_server, method, (kind, "object"))
        assert response.header("x-amz-meta-utf8") == "Grüße 日本"
        assert response.header("x-amz-meta-inner") == "a  b\tc"
        assert response.header("x-amz-meta-empty") == "" and response.header("x-amz-meta-quotes") == '"a", b;c'


def test_what_belongs_to_the_hop_is_not_kept(s3_face_server, origin, kind):
    origin.put(kind, "object", size=10)
    foreign = (("Set-Cookie", "a=b"), ("x-rgw-object-type", "Normal"), ("Connection", "x-hop"), ("x-hop", "1"), ("Server", "Ceph"),
               ("Via", "1.1 x"), ("Age", "7"), ("x-amz-id-2", "their-id"), ("Keep-Alive", "timeout=5"), ("X-Cache", "FOREIGN"),
               ("C0-Status", "x"), ("Trailer", "x"), ("Strict-Transport-Security", "max-age=1"))
    origin.behave(kind, "object", Behaviour(attributes=foreign))
    for method in ("HEAD", "GET", "HEAD", "GET"):
        response = s3_face.ask(s3_face_server, method, (kind, "object"))
        assert response.status == 200 and response.header("Server") == "cachey"
        for name in ("Set-Cookie", "x-rgw-object-type", "x-hop", "Via", "Age", "Keep-Alive", "Trailer", "Strict-Transport-Security"):
            assert response.header(name) is None, name
        assert response.header("x-amz-id-2") != "their-id" and response.header("x-amz-request-id") != "SCRIPTED0000001"
        assert response.header("X-Cache") in ("MISS", "HIT") and response.header("C0-Status") != "x"


def test_the_checksum_only_where_it_holds(s3_face_server, origin, kind):
    """A checksum of the object on a part of it breaks boto3, s3fs and pyarrow: tigrisdata/tag#200."""
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(attributes=(("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-type", "FULL_OBJECT"))))
    enabled = [("x-amz-checksum-mode", "enabled")]
    for method in ("HEAD", "GET", "HEAD", "GET"):
        for headers, shown in [([], False), (enabled, True), ([("x-amz-checksum-mode", "ENABLED")], True),
                               ([*enabled, ("Range", "bytes=0-9")], False), ([*enabled, ("Range", f"bytes=0-{stored.size}")], False),
                               ([*enabled, ("Range", "bytes=-10")], False)]:
            found = own(s3_face.ask(s3_face_server, method, (kind, "object"), headers), "x-amz-checksum-")
            assert bool(found) == shown, (method, headers, found)
    assert own(get(s3_face_server, f"/{kind}/object?x-amz-checksum-mode=ENABLED"), "x-amz-checksum-")


def test_a_head_of_the_store_with_a_wrong_length(s3_face_server, origin, kind):
    """The bytes are those of the GET: never more, never fewer, never a broken frame."""
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(when=is_head, content_length=7), Behaviour())
    assert head(s3_face_server, (kind, "object")).header("Content-Length") == "7"
    for _ in range(3):
        response = get(s3_face_server, (kind, "object"))
        if response.status == 200:
            expect_object(response, stored)
        else:
            assert response.status == 503, response.status  # the store contradicts itself
            expect_error(response, 503, "SlowDown")


@pytest.mark.parametrize("size", [5, 1000, PAGE + 1])
def test_head_and_get_of_the_store_disagree(s3_face_server, origin, kind, size):
    """Another tag for HEAD than for GET: an answer is of one version, or an error; nothing turns round for ever."""
    stored = origin.put(kind, "object", size=size)
    origin.behave(kind, "object", Behaviour(when=is_head, attributes=(("ETag", '"of-the-head"'),)), Behaviour())
    for method in ("HEAD", "GET", "GET", "HEAD", "GET"):
        before = len(origin.ended(kind))
        response = s3_face.ask(s3_face_server, method, (kind, "object"))
        assert len(origin.ended(kind)) - before <= 6
        if response.status == 503:
            expect_error(response, 503, "SlowDown", method)
        elif method == "GET":
            assert response.status == 200 and response.complete and response.body == content(stored.seed, 0, size)
            assert response.header("ETag") == stored.etag


def test_a_store_without_a_date(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(omit=("last-modified",)))
    for method in ("HEAD", "GET"):
        response = s3_face.ask(s3_face_server, method, (kind, "object"), [("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")])
        assert response.status == 200 and response.header("Last-Modified") is None
        assert response.header("ETag") == stored.etag


_OVERRIDES = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires")


@pytest.mark.parametrize("name", _OVERRIDES)
@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rb", "a\0b", "\r\n\r\nHTTP/1.1 200 OK", "a\x7fb", "a\x1bb"])
def test_line_ends_in_overrides(s3_face_server, origin, kind, name, value):
    origin.put(kind, "object", size=10)
    for method in ("GET", "HEAD"):
        response = s3_face.ask(s3_face_server, method, f"/{kind}/object?response-{name}={urllib.parse.quote(value)}")
        expect_error(response, 400, "InvalidArgument", method)
        assert response.header("X-Injected") is None


@pytest.mark.parametrize("protocol", s3_face.PROTOCOLS)
def test_overrides_are_of_one_answer(s3_face_server, origin, kind, protocol):
    origin.put(kind, "object", size=10)
    origin.behave(kind, "object", Behaviour(attributes=(("Content-Type", "a/b"), ("Cache-Control", "no-store"), ("x-amz-meta-a", "1"))))
    query = "&".join(f"response-{name}=value%20of%20{name}" for name in _OVERRIDES)
    for method in ("GET", "HEAD"):
        for headers in ([], [("Range", "bytes=0-4")]):
            response = s3_face.ask(s3_face_server, method, f"/{kind}/object?{query}", headers, protocol=protocol)
            assert response.status == (206 if headers else 200)
            for name in _OVERRIDES:
                assert response.header(name) == f"value of {name}"
            assert response.header("x-amz-meta-a") == "1"
            plain = s3_face.ask(s3_face_server, method, (kind, "object"), headers, protocol=protocol)
            assert (plain.header("Content-Type"), plain.header("Cache-Control"), plain.header("Expires")) == ("a/b", "no-store", None)
    missing = get(s3_face_server, f"/{kind}/missing?{query}", protocol=protocol)
    expect_error(missing, 404, "NoSuchKey")
    assert missing.header("Content-Disposition") is None


def test_an_override_of_many_kib(s3_face_server, origin, kind):
    origin.put(kind, "object", size=10)
    response = get(s3_face_server, f"/{kind}/object?response-content-disposition={'x' * 12000}")
    assert response.status in (200, 400)
    assert response.status == 400 or response.header("Content-Disposition") == "x" * 12000


_RAW = {
    "absolute form": (b"GET http://elsewhere.test/{}/object HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n", (200, 400)),
    "absolute form, another host": (b"GET http://bucket.s3.test/{}/object HTTP/1.1\r\nHost: x\r\n\r\n", (200, 400)),
    "no Host": (b"GET /{}/object HTTP/1.1\r\n\r\n", (400,)),
    "two Hosts": (b"GET /{}/object HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
    "HTTP/1.0 without Host": (b"GET /{}/object HTTP/1.0\r\n\r\n", (200, 400, 505)),
    "Host with a path": (b"GET /{}/object HTTP/1.1\r\nHost: a/b\r\n\r\n", (200, 400)),
    "Host with user": (b"GET /{}/object HTTP/1.1\r\nHost: user@a\r\n\r\n", (200, 400)),
    "bad port": (b"GET /{}/object HTTP/1.1\r\nHost: a:b:c\r\n\r\n", (200, 400)),
    "open bracket": (b"GET /{}/object HTTP/1.1\r\nHost: [::1\r\n\r\n", (200, 400)),
    "fragment": (b"GET /{}/object#part HTTP/1.1\r\nHost: a\r\n\r\n", (200, 400, 404)),
    "no slash": (b"GET {}/object HTTP/1.1\r\nHost: a\r\n\r\n", (400,)),
    "raw bytes": (b"GET /{}/obj\xffect HTTP/1.1\r\nHost: a\r\n\r\n", (400,)),
}


@pytest.mark.parametrize("case", _RAW)
def test_hosts_and_targets(s3_face_server, origin, kind, case):
    stored = origin.put(kind, "object", size=10)
    raw, statuses = _RAW[case]
    with s3_face_server.connect_s3() as connection:
        connection.send(raw.replace(b"{}", kind.encode()))
        response = connection.read_response()
    assert response.status in statuses, response
    if response.status == 200:
        expect_object(response, stored)


def test_clients_of_two_policies_do_not_spoil_each_other(start_server, origin, kind):
    """One bucket is immutable, another is always asked for; the same keys."""
    server = start_server("--origin", "s3", *FACE, "--s3api-revalidate", f"{kind}-fixed=never", "--s3api-revalidate", f"{kind}-live=always",
                          environment=origin.environment())
    old = {name: origin.put(f"{kind}-{name}", "object", size=1000) for name in ("fixed", "live")}
    for name, stored in old.items():
        expect_object(get(server, (f"{kind}-{name}", "object")), stored)
    new = {name: origin.put(f"{kind}-{name}", "object", size=2000) for name in ("fixed", "live")}
    for _ in range(3):
        expect_object(get(server, (f"{kind}-fixed", "object")), old["fixed"])
        expect_object(get(server, (f"{kind}-live", "object")), new["live"])
        expect_object(head(server, (f"{kind}-fixed", "object")), old["fixed"], method="HEAD")
        expect_object(head(server, (f"{kind}-live", "object")), new["live"], method="HEAD")
    assert len(origin.ended(f"{kind}-fixed")) == 1
    assert server.fetch(f"{kind}-fixed", "object", 0, 9).header("ETag") == old["fixed"].etag


def test_a_client_that_insists_on_another_tag(s3_face_server, origin, kind):
    """If-Match of a tag that never was: 412 each time, one question each, and the entry stays."""
    stored = origin.put(kind, "object", size=MIB)
    expect_object(get(s3_face_server, (kind, "object")), stored)
    for _ in range(20):
        expect_error(get(s3_face_server, (kind, "object"), [("If-Match", '"never-was"')]), 412, "PreconditionFailed")
    asked = origin.ended(kind)
    assert len([record for record in asked if is_get(record)]) == 1
    assert len([record for record in asked if is_head(record)]) <= 20
    expect_object(get(s3_face_server, (kind, "object")), stored)


def test_questions_past_the_end_do_not_grow_the_cache(s3_face_server, origin, kind):
    origin.put(kind, "object", size=100)
    for _ in range(20):
        expect_error(get(s3_face_server, (kind, "object"), [("Range", "bytes=100-")]), 416, "InvalidRange")
    assert all(is_head(record) for record in origin.ended(kind)[1:])


def test_errors_do_not_show_what_xml_cannot_say(s3_face_server, origin, kind):
    origin.add_bucket(kind)
    for key in ("<script>&\"'", "a\x01b", "]]>", "\ufffe", "tab\tx"):
        found = expect_error(get(s3_face_server, (kind, key)), 404, "NoSuchKey")
        assert "\x01" not in found.get("Key", "")


def test_many_conditions(s3_face_server, origin, kind):
    """Lists of thousands of tags, and several fields, cost no time and do not break."""
    stored = origin.put(kind, "object", size=10)
    many = ", ".join(f'"{number}"' for number in range(1500))
    assert get(s3_face_server, (kind, "object"), [("If-None-Match", f"{many}, {stored.etag}")], timeout=limit(5)).status == 304
    expect_error(get(s3_face_server, (kind, "object"), [("If-Match", many)]), 412, "PreconditionFailed")
