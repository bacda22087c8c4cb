"""Checks of responses of /fetch, shared by all tests."""

import email.utils
import re
import time

from content import content, first_difference
from harness import PAGE, wait_until

_C0_STATUS = re.compile(r"(\d+)-(\d+); ([^;]+); (\d+)")


def c0_status(value):
    """(first, last, bucket, cached_at) of a C0-Status header or trailer."""
    found = _C0_STATUS.fullmatch(value)
    assert found, f"C0-Status {value!r}"
    return int(found.group(1)), int(found.group(2)), found.group(3), int(found.group(4))


def expect_bytes(response, seed, first, last):
    """Checks that the body is exactly bytes [first, last] of the object."""
    assert response.complete, f"the body broke off after {len(response.body)} bytes"
    assert len(response.body) == last - first + 1
    if len(response.body) <= 1 << 16:
        assert response.body == content(seed, first, last - first + 1)
    else:
        wrong = first_difference(response.body, seed, first)
        assert wrong is None, f"wrong byte at object offset {wrong}"


def expect_head(response, stored, first, last, bucket, hit=None, chunked=False):
    """Checks status and every header of a 206. hit: True, False, or None for either."""
    last = min(last, stored.size - 1)
    assert response.status == 206, f"{response.status}: {response.body[:500]!r}"
    assert response.header("Content-Range") == f"bytes {first}-{last}/{stored.size}"
    assert response.header("Content-Length") == (None if chunked else str(last - first + 1))
    assert response.header("Transfer-Encoding") == ("chunked" if chunked else None)
    assert response.header("Content-Type") == "application/octet-stream"
    assert response.header("Last-Modified") == email.utils.formatdate(stored.last_modified, usegmt=True)
    assert response.header("ETag") == stored.etag
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("Vary") == "C0-Bucket"
    expect_status(response.header("C0-Status"), first, last, first // PAGE, bucket, hit)


def expect_status(value, first, last, page, bucket, hit=None):
    """Checks one C0-Status: the page's part of bytes [first, last] of the object."""
    assert value is not None, "no C0-Status"
    page_first, page_last, from_bucket, cached_at = c0_status(value)
    assert (page_first, page_last) == (max(first, page * PAGE), min(last, (page + 1) * PAGE - 1))
    assert from_bucket == bucket
    if hit is True:
        assert abs(cached_at - time.time()) < 3600, f"cached_at {cached_at} is not a time just past"
    elif hit is False:
        assert cached_at == 0


def expect_206(response, stored, first, last, bucket, hit=None):
    expect_head(response, stored, first, last, bucket, hit)
    expect_bytes(response, stored.seed, first, min(last, stored.size - 1))


def expect_error(response, status, *words):
    """An error that a person can act on: one line of plain text that contains each of `words`."""
    assert response.status == status, f"{response.status}: {response.body[:500]!r}"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.header("Cache-Control") == "no-store"
    assert response.complete
    text = response.text
    assert text.strip() and len(text.strip().splitlines()) == 1, f"not one line: {text!r}"
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is not in {text!r}"


def expect_retry_after(response):
    """A 503 with a Retry-After."""
    expect_error(response, 503)
    assert response.header("Retry-After") and int(response.header("Retry-After")) >= 1


def fetch_from_memory(server, kind, key, first, last, headers=(), method="GET"):
    """A response with its first page from memory: repeats the request while the page is still being filled."""
    def answer():
        response = server.fetch(kind, key, first, last, headers, method)
        status = response.header("C0-Status")
        return response if response.status != 206 or c0_status(status)[3] else None

    return wait_until(answer, 10, f"{kind}/{key} from memory")
