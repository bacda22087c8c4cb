"""The same cases over HTTP/1.1 and HTTP/2, in clear text and over TLS: the responses do not depend on the protocol."""

import json
import subprocess

import pytest

from content import content
from expect import expect_bytes, expect_error, expect_status
from harness import KIB, MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate

SIZE = 3 * PAGE + 100
ONCE = ("C0-Config", "ma=1")
TRAILERS = ("TE", "trailers")


def expect_206(client, response, stored, first, last, bucket, trailers=False):
    """Checks status, headers, every byte, and the trailers if requested."""
    last = min(last, stored.size - 1)
    assert response.status == 206 and response.version == ("HTTP/2" if client.is_http2 else "HTTP/1.1")
    assert response.header("Content-Range") == f"bytes {first}-{last}/{stored.size}"
    chunked = trailers and not client.is_http2
    assert response.header("Content-Length") == (None if chunked else str(last - first + 1))
    assert response.header("ETag") == stored.etag
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("Content-Type") == "application/octet-stream"
    expect_status(response.header("C0-Status"), first, last, first // PAGE, bucket)
    expect_bytes(response, stored.seed, first, last)
    later = range(first // PAGE + 1, last // PAGE + 1) if trailers or client.is_http2 else ()
    assert len(response.trailers) == len(later)
    for page, value in zip(later, response.trailer("C0-Status")):
        expect_status(value, first, last, page, bucket)


@pytest.mark.parametrize("first,last", [
    (0, 0), (0, 4095), (PAGE - 1, PAGE), (PAGE - 10, 2 * PAGE + 9), (0, SIZE - 1), (SIZE - 1, SIZE + 1000)])
def test_bytes_of_misses_and_hits(client, origin, kind, first, last):
    stored = origin.put(kind, "object", size=SIZE)
    for _ in range(2):
        expect_206(client, client.fetch(kind, "object", first, last), stored, first, last, kind)


def test_trailers_of_three_pages(client, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    response = client.fetch(kind, "object", PAGE - 5, 2 * PAGE + 5, [TRAILERS])
    expect_206(client, response, stored, PAGE - 5, 2 * PAGE + 5, kind, trailers=True)
    assert len(response.trailers) == 2


def test_requests_one_after_another_on_one_connection(client, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    with client.connect() as connection:
        for first in range(0, 2 * PAGE, 777_777):
            headers = [range_header(first, first + 5000)]
            response = connection.exchange("GET", fetch_target(kind, "object"), headers)
            expect_206(client, response, stored, first, first + 5000, kind)


def test_head_has_no_body(client, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    response = client.fetch(kind, "object", 5, 2 * PAGE, method="HEAD")
    assert response.status == 206 and response.complete and response.body == b""
    assert response.header("Content-Length") == str(2 * PAGE - 4)
    assert response.header("Content-Range") == f"bytes 5-{2 * PAGE}/{stored.size}"


def test_errors(client, origin, kind):
    origin.put(kind, "object", size=1000)
    target = fetch_target(kind, "object")
    expect_error(client.exchange("GET", target), 400, "range")
    expect_error(client.exchange("GET", target, [("Range", "bytes=5-1")]), 416)
    expect_error(client.exchange("GET", target, [range_header(0, 1), ("C0-Config", "ct=x")]), 400, "ct")
    expect_error(client.fetch(kind, "none", 0, 9), 404)
    expect_error(client.exchange("GET", "/elsewhere"), 404)
    past = client.fetch(kind, "object", 1000, 1001)
    expect_error(past, 416)
    assert past.header("Content-Range") == "bytes */1000"
    post = client.exchange("POST", target)
    assert post.status == 405 and post.header("Allow") == "GET, HEAD"
    expect_error(client.exchange("GET", target, [("X-Large", "y" * 17_000)]), 431)


def test_a_body_that_breaks_off_never_looks_whole(client, origin, kind):
    origin.put(kind, "object", size=2 * PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=PAGE + 5 * MIB))
    for headers in ([ONCE], [ONCE, TRAILERS]):
        response = client.fetch(kind, "object", 0, 2 * PAGE - 1, headers)
        assert response.status == 206 and not response.complete
        assert len(response.body) < 2 * PAGE and response.trailers == []


def test_an_object_that_changes_is_never_mixed(client, origin, kind):
    gate = Gate()
    old = origin.put(kind, "object", size=2 * PAGE)
    origin.behave(kind, "object", Behaviour(stall_at=MIB, stall_gate=gate, times=1))
    with client.begun(kind, "object", 0, 2 * PAGE - 1) as (connection, sent):
        wait_until(lambda: any(r.held for r in origin.requests(kind)), what="a fill that is held")
        new = origin.put(kind, "object", size=2 * PAGE)
        gate.release()
        response = connection.read_response(*sent)
    body = response.body
    if response.status == 206 and response.complete:
        assert body in (content(old.seed, 0, 2 * PAGE), content(new.seed, 0, 2 * PAGE))
    elif response.status == 206:
        assert content(old.seed, 0, len(body)) == body or content(new.seed, 0, len(body)) == body
    else:
        expect_error(response, 409)


def test_bytes_leave_while_the_page_is_coming_in(client, origin, kind):
    gate = Gate()
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(stall_at=4 * MIB, stall_gate=gate))
    response = client.fetch(kind, "object", 0, 1000)  # complete, while the origin still holds the rest of the page back
    expect_206(client, response, stored, 0, 1000, kind)
    gate.release()


def test_a_slow_client_gets_every_byte(client, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    with client.begun(kind, "object", 0, PAGE - 1, receive_buffer=64 * KIB) as (connection, sent):
        wait_until(lambda: origin.requests(kind) and not origin.requests(kind)[0].open, what="the end of the fill")
        expect_206(client, connection.read_response(*sent), stored, 0, PAGE - 1, kind)


def test_many_clients_at_once(client, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    tasks = [Task(client.fetch, kind, "object", i * 99_991, i * 99_991 + 200_000) for i in range(40)]
    for i, task in enumerate(tasks):
        expect_206(client, task.result(), stored, i * 99_991, i * 99_991 + 200_000, kind)
    assert len(origin.requests(kind)) == 1


def test_the_other_routes(client):
    assert client.exchange("GET", "/healthz").status == 200
    assert client.exchange("GET", "/readyz").status == 200
    assert "egress_throughput_10s_bps" in json.loads(client.exchange("GET", "/stats").body)
    assert b"cachey_fetch_requests_total" in client.exchange("GET", "/metrics").body


def test_curl(client, origin, kind, tmp_path):
    stored = origin.put(kind, "object", size=SIZE)
    file = tmp_path / "body"
    command = ["curl", "-sS", *client.curl(), "-o", file, "-w", "%{http_version} %{http_code}", "-r", f"7-{SIZE - 1}",
               client.url(fetch_target(kind, "object"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit(30))
    assert done.stdout == ("2 206" if client.is_http2 else "1.1 206"), done.stderr
    assert file.read_bytes() == content(stored.seed, 7, SIZE - 7)
