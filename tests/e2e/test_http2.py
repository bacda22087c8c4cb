"""HTTP/2 in clear text: the contract of test_fetch_*.py over HTTP/2, and real clients."""

import hashlib
import json
import shutil
import signal
import subprocess

import pytest

import http2
from content import content, first_difference
from expect import expect_bytes, expect_error, expect_status
from harness import MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

SIZE = 3 * PAGE + 100


def expect_206(response, stored, first, last, bucket, hit=None):
    assert response.status == 206 and response.version == "HTTP/2"
    assert response.header("content-range") == f"bytes {first}-{last}/{stored.size}"
    assert response.header("content-length") == str(last - first + 1)
    assert response.header("etag") == stored.etag
    expect_status(response.header("c0-status"), first, last, first // PAGE, bucket, hit)
    expect_bytes(response, stored.seed, first, last)
    later = range(first // PAGE + 1, last // PAGE + 1)
    assert response.header("trailer") == ("C0-Status" if later else None)
    assert len(response.trailers) == len(later)
    for page, value in zip(later, response.trailer("c0-status")):
        expect_status(value, first, last, page, bucket, hit)


@pytest.mark.parametrize("first,last", [(0, 0), (0, 4095), (PAGE - 1, PAGE), (7, SIZE - 1), (PAGE - 10, 3 * PAGE + 9)])
def test_bytes_and_trailers(cachey, origin, kind, first, last):
    stored = origin.put(kind, "object", size=SIZE)
    for _ in range(2):
        expect_206(http2.fetch(cachey.port, kind, "object", first, last), stored, first, last, kind)


def test_requests_run_side_by_side(cachey, origin, kind):
    stored = origin.put(kind, "object", size=SIZE)
    ranges = [(i * MIB + i, (i + 1) * MIB + 17 * i) for i in range(40)]
    with http2.Connection(cachey.port) as connection:
        streams = [connection.request("GET", fetch_target(kind, "object"), [range_header(*r)]) for r in ranges]
        for stream, (first, last) in zip(streams, ranges):
            expect_206(connection.read_response(stream), stored, first, last, kind)


def test_head_and_errors(cachey, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    with http2.Connection(cachey.port) as connection:
        target = fetch_target(kind, "object")
        head = connection.exchange("HEAD", target, [range_header(0, 9)])
        assert head.status == 206 and head.header("content-length") == "10" and head.body == b"" and head.complete
        expect_error(connection.exchange("GET", target), 400)
        expect_error(connection.exchange("GET", target, [range_header(1000, 1001)]), 416)
        expect_error(connection.exchange("GET", fetch_target(kind, "none"), [range_header(0, 9)]), 404)
        expect_error(connection.exchange("POST", target, body=b"x" * 10_000), 405)
        expect_error(connection.exchange("GET", target, [("x", "y" * 17_000)]), 431)
        expect_206(connection.exchange("GET", target, [range_header(0, 9)]), stored, 0, 9, kind)


def test_a_broken_body_is_reset_and_the_connection_goes_on(cachey, origin, kind):
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=MIB))
    stored = origin.put(kind, "whole", size=1000)
    with http2.Connection(cachey.port) as connection:
        stream = connection.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1), ("C0-Config", "ma=1")])
        response = connection.read_response(stream)
        assert not response.complete and len(response.body) <= MIB and connection.resets[stream] == 2
        whole = connection.exchange("GET", fetch_target(kind, "whole"), [range_header(0, 999)])
        expect_206(whole, stored, 0, 999, kind)


def test_a_stream_without_a_window_holds_up_no_other(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    with http2.Connection(cachey.port, window=100_000, renew=False) as connection:
        slow = connection.request("GET", fetch_target(kind, "object"), [range_header(0, 79_999)])
        expect_206(connection.read_response(slow), stored, 0, 79_999, kind)
        stuck = connection.request("GET", fetch_target(kind, "object"), [range_header(0, 100_000)])
        wait_until(lambda: connection.receive() and connection.received(stuck) == 20_000)  # the connection's flow-control window
        connection.h2.increment_flow_control_window(1_000_000)
        wait_until(lambda: connection.flush() or connection.receive() and connection.received(stuck) == 100_000)
        other = connection.exchange("GET", fetch_target(kind, "object"), [range_header(5, 90_000)])
        expect_206(other, stored, 5, 90_000, kind)


def curl(server, *arguments):
    full = [f"http://127.0.0.1:{server.port}{word}" if word.startswith("/") else word for word in arguments]
    return subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--http2-prior-knowledge", *full],
                          capture_output=True, timeout=limit(30), check=False)


@pytest.fixture
def stored(origin, kind):
    return origin.put(kind, "object", size=SIZE)


def test_curl_gets_three_pages(cachey, stored, kind):
    done = curl(cachey, "-r", f"10-{SIZE - 1}", fetch_target(kind, "object"))
    assert done.returncode == 0 and len(done.stdout) == SIZE - 10
    assert first_difference(done.stdout, stored.seed, 10) is None


# One request per process: curl 7.88 fails the second request of a connection with prior knowledge on any server.
def test_curl_shows_errors(cachey, stored, kind):
    assert stored
    done = curl(cachey, "-r", "0-9", "--write-out", "%{http_code} %{http_version}", fetch_target(kind, "none"))
    assert done.returncode == 0 and done.stdout.endswith(b"404 2")
    done = curl(cachey, "--data", "x" * 100_000, "--write-out", "%{http_code}", fetch_target(kind, "object"))
    assert done.returncode == 0 and done.stdout.endswith(b"405")


def test_sigterm_lets_open_streams_finish(s3_server, origin, kind):
    server = s3_server()
    stored = origin.put(kind, "object", size=4 * MIB)
    origin.behave(kind, "object", Behaviour(pace=4 * MIB))
    download = Task(curl, server, "-r", f"0-{4 * MIB - 1}", fetch_target(kind, "object"))
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes, what="the origin's body")
    server.signal(signal.SIGTERM)
    done = download.result()
    assert done.returncode == 0 and first_difference(done.stdout, stored.seed, 0) is None
    assert len(done.stdout) == 4 * MIB
    assert server.wait() == 0


def test_curl_notices_a_broken_body(cachey, origin, kind):
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=MIB))
    done = curl(cachey, "-r", f"0-{PAGE - 1}", "-H", "C0-Config: ma=1", fetch_target(kind, "object"))
    assert done.returncode == 92 and len(done.stdout) <= MIB


def test_nghttp_sees_every_trailer(cachey, stored, kind):
    done = subprocess.run(["nghttp", "-nv", "-H", f"range: bytes=0-{SIZE - 1}",
                           f"http://127.0.0.1:{cachey.port}{fetch_target(kind, 'object')}"],
                          capture_output=True, timeout=limit(30), check=True)
    assert done.stdout.count(b"c0-status: ") == 4 and b"RST_STREAM" not in done.stdout


def test_h2load_has_no_failure(cachey, stored, kind):
    done = subprocess.run(["h2load", "-n", "2000", "-c", "8", "-m", "32", "-H", "range: bytes=1000-5095",
                           f"http://127.0.0.1:{cachey.port}{fetch_target(kind, 'object')}"],
                          capture_output=True, timeout=limit(60), check=True)
    assert b"2000 succeeded, 0 failed, 0 errored" in done.stdout
    assert b"status codes: 2000 2xx" in done.stdout


NODE_CLIENT = """
const http2 = require("http2"), crypto = require("crypto");
const [port, path, range] = process.argv.slice(1);
const client = http2.connect(`http://127.0.0.1:${port}`);
const result = {trailers: 0};
const stream = client.request({":path": path, range});
const hash = crypto.createHash("sha256");
stream.on("response", (headers) => { result.status = headers[":status"]; });
stream.on("data", (piece) => hash.update(piece));
stream.on("trailers", (fields) => { result.trailers = fields["c0-status"].split(", ").length; });
stream.on("end", () => { result.sha256 = hash.digest("hex"); console.log(JSON.stringify(result)); client.close(); });
stream.end();
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed: apt-get install nodejs")
def test_node_gets_bytes_and_trailers(cachey, stored, kind):
    done = subprocess.run(["node", "-e", NODE_CLIENT, str(cachey.port), fetch_target(kind, "object"), f"bytes=0-{SIZE - 1}"],
                          capture_output=True, timeout=limit(30), check=True)
    whole = hashlib.sha256()
    for at in range(0, SIZE, MIB):
        whole.update(content(stored.seed, at, min(MIB, SIZE - at)))
    assert json.loads(done.stdout) == {"status": 206, "trailers": 3, "sha256": whole.hexdigest()}
