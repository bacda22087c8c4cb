"""Stores whose answers to HEAD are odd: each answer of the S3 endpoint is S3's, and GET reads the object if the store sends it."""

import pytest

import s3_face
from harness import MIB
from origin_model import Behaviour
from s3_face import expect_object, get, head


def is_head(record):
    return record.method == "HEAD"


_GOOD = {"Content-Length": "1000", "ETag": '"x"', "Last-Modified": "Fri, 01 Mar 2024 02:42:47 GMT"}


def raw_head(status=200, body=b"", **fields):
    """An answer with the fields of _GOOD; None leaves one out."""
    shown = {name: value for name, value in {**_GOOD, **{name.replace("_", "-"): value for name, value in fields.items()}}.items()
             if value is not None}
    lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
    return f"HTTP/1.1 {status} X\r\n{lines}Connection: close\r\n\r\n".encode("latin-1") + body


_ANSWERS = {
    "no length": raw_head(Content_Length=None),
    "chunked": raw_head(Content_Length=None, Transfer_Encoding="chunked"),
    "negative length": raw_head(Content_Length="-1"),
    "length in words": raw_head(Content_Length="many"),
    "huge length": raw_head(Content_Length=str(1 << 63)),
    "length of 25 digits": raw_head(Content_Length="9" * 25),
    "a body": raw_head(body=b"x" * 1000),
    "206": raw_head(206, Content_Range="bytes 0-999/1000"),
    "204": raw_head(204, Content_Length=None),
    "304": raw_head(304),
    "302": raw_head(302, Location="http://elsewhere.test/"),
    "416": raw_head(416),
    "418": raw_head(418),
    "501": raw_head(501),
    "no tag, no date": raw_head(ETag=None, Last_Modified=None),
    "bad date": raw_head(Last_Modified="yesterday"),
    "an early date": raw_head(Last_Modified="Thu, 01 Jan 1903 00:00:00 GMT"),
    "tag with controls": raw_head(ETag='"a\x01b"'),
    "tag of 4 KiB": raw_head(ETag='"' + "t" * 4096 + '"'),
    "not HTTP": b"SSH-2.0-OpenSSH\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", _ANSWERS)
def test_an_odd_answer_to_head(s3_face_server, origin, kind, answer):
    stored = origin.put(kind, "object", size=1000)
    origin.behave(kind, "object", Behaviour(when=is_head, raw=_ANSWERS[answer]))
    for _ in range(2):
        response = head(s3_face_server, (kind, "object"))
        assert response.status in (200, 400, 403, 404, 500, 501, 503), response.status
        assert response.body == b"" and response.complete
        if response.status == 200:
            assert response.header("Content-Length").isdigit()
    response = get(s3_face_server, (kind, "object"))
    assert response.status in (200, 403, 404, 500, 501, 503), response.status
    origin.behave(kind, "object")
    fresh = get(s3_face_server, (kind, "object"), [("Cache-Control", "no-cache")])
    expect_object(fresh, stored)


@pytest.mark.parametrize("protocol", s3_face.PROTOCOLS)
def test_a_tag_that_is_never_the_same(s3_face_server, origin, kind, protocol):
    """Every answer of the store has another tag: an answer, an error or a cut, in few requests."""
    origin.put(kind, "object", size=40 * MIB)
    numbers = iter(range(1000))
    turning = Behaviour()
    turning.do = lambda record: setattr(turning, "attributes", (("ETag", f'"{next(numbers)}"'),))
    origin.behave(kind, "object", turning)
    for method in ("GET", "HEAD", "GET"):
        before = len(origin.requests(kind))
        response = s3_face.ask(s3_face_server, method, (kind, "object"), protocol=protocol)
        assert response.status in (200, 503), response.status
        assert len(origin.requests(kind)) - before <= 12
