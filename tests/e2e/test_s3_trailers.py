"""C0-Status trailers of the S3 endpoint: only for clients that ask for them, in both protocols, because S3 clients do not
know of trailers and need a Content-Length."""

import pytest

from harness import PAGE
from s3_face import get

SIZE = 2 * PAGE + 7


@pytest.fixture
def where(origin, kind):
    origin.put(kind, "object", size=SIZE)
    return (kind, "object")


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_without_te_there_are_none(s3_face_server, where, protocol):
    for headers in ([], [("TE", "")], [("Range", "bytes=0-")]):
        if protocol == "h2" and headers and headers[0][0] == "TE":
            continue  # nghttp2 refuses any other value than "trailers"
        response = get(s3_face_server, where, headers, protocol=protocol)
        assert response.status in (200, 206) and len(response.body) == SIZE and response.trailers == []
        assert response.header("Content-Length") == str(SIZE)
        assert response.header("Transfer-Encoding") is None and response.header("Trailer") is None


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_with_te_there_is_one_a_page(s3_face_server, where, protocol):
    headers = [("TE", "trailers")] + ([("Connection", "TE")] if protocol == "h1" else [])
    response = get(s3_face_server, where, headers, protocol=protocol)
    assert response.status == 200 and len(response.body) == SIZE
    assert [name.lower() for name, _ in response.trailers] == ["c0-status"] * 2
    first = response.header("C0-Status")
    assert first.startswith(f"0-{PAGE - 1}; {where[0]}; ") and response.trailers[0][1].startswith(f"{PAGE}-{2 * PAGE - 1}; ")
