"""The S3 endpoint as a client on the wire sees it: targets, requests in both protocols, checks of answers."""

import urllib.parse
import xml.etree.ElementTree

import http1
import http2
from content import first_difference

FACE = ("--s3api-listen", "127.0.0.1:0", "--s3api-open")
PROTOCOLS = {"h1": http1, "h2": http2}


def target(bucket, key):
    """Path style: every byte except unreserved ones and "/" is percent-encoded."""
    raw = key.encode("utf-8") if isinstance(key, str) else key
    return f"/{bucket}/{urllib.parse.quote(raw, safe='/~')}"


def endpoint(server):
    """The AWS settings for clients of the server's endpoint: any keys will do."""
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.s3_port}", "AWS_ACCESS_KEY_ID": "any-key-id",
            "AWS_SECRET_ACCESS_KEY": "any-secret", "AWS_REGION": "us-east-1"}


def ask(server, method, where, headers=(), protocol="h1", **named):
    """One request on a new connection. `where`: (bucket, key), or a target as sent."""
    path = where if isinstance(where, str) else target(*where)
    return PROTOCOLS[protocol].exchange(server.s3_port, method, path, headers, **named)


def get(server, where, headers=(), **named):
    return ask(server, "GET", where, headers, **named)


def head(server, where, headers=(), **named):
    return ask(server, "HEAD", where, headers, **named)


def expect_object(response, stored, first=None, last=None, method="GET"):
    """A 200 of the whole object, or a 206 of bytes [first, last]: head and bytes."""
    partial = first is not None
    first, last = (first, min(last, stored.size - 1)) if partial else (0, stored.size - 1)
    assert response.status == (206 if partial else 200), f"{response.status}: {response.body[:500]!r}"
    assert response.header("Content-Range") == (f"bytes {first}-{last}/{stored.size}" if partial else None)
    assert response.header("Content-Length") == str(last - first + 1)
    assert response.header("ETag") == stored.etag
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("Last-Modified") == stored.last_modified_text
    assert response.complete
    if method == "HEAD":
        assert response.body == b""
        return
    assert len(response.body) == last - first + 1
    wrong = first_difference(response.body, stored.seed, first)
    assert wrong is None, f"wrong byte at object offset {wrong}"


def expect_error(response, status, code, method="GET"):
    """S3's error document, or its head alone. Returns {element: text}."""
    assert response.status == status, f"{response.status}: {response.body[:500]!r}"
    assert response.complete and response.header("x-amz-request-id")
    assert response.header("ETag") is None and response.header("Last-Modified") is None
    if method == "HEAD":
        assert response.body == b"" and response.header("Content-Length") in ("0", None)
        return {}
    assert response.header("Content-Type") == "application/xml", response.headers
    document = xml.etree.ElementTree.fromstring(response.body)
    found = {element.tag: element.text or "" for element in document}
    assert document.tag == "Error" and found["Code"] == code, response.body
    assert found["Message"] and found["RequestId"] == response.header("x-amz-request-id")
    return found
