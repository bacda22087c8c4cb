"""Clients that people use: curl and Python's http.client."""

import http.client
import subprocess

import pytest

from content import content
from expect import c0_status
from harness import MIB, PAGE, limit
from http1 import fetch_target
from origin_model import Behaviour


def curl(server, *arguments):
    """(exit code, output) of curl; arguments are targets and flags."""
    full = [f"http://127.0.0.1:{server.port}{word}" if word.startswith("/") else word for word in arguments]
    done = subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--path-as-is", *full], capture_output=True,
                          timeout=limit(30), check=False)
    return done.returncode, done.stdout


@pytest.fixture
def stored(origin, kind):
    return origin.put(kind, "dir/a b+c.bin", size=2 * PAGE + 77)


@pytest.fixture
def target(kind, stored):
    assert stored
    return fetch_target(kind, "dir/a b+c.bin")


def test_curl_gets_a_range(cachey, stored, target):
    code, body = curl(cachey, "-r", f"{PAGE - 100}-{PAGE + 99}", target)
    assert code == 0 and body == content(stored.seed, PAGE - 100, 200)


def test_curl_gets_the_whole_object(cachey, stored, target):
    code, body = curl(cachey, "-r", f"0-{5 * PAGE}", target)
    assert code == 0 and body == content(stored.seed, 0, stored.size)


def test_curl_sees_every_header(cachey, stored, target, kind):
    code, head = curl(cachey, "-r", "0-9", "--head", target)
    assert code == 0
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 206 Partial Content"
    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
    lower = {name.lower(): value for name, value in fields.items()}
    assert lower["content-range"] == f"bytes 0-9/{stored.size}" and lower["content-length"] == "10"
    assert c0_status(lower["c0-status"])[2] == kind


def test_curl_reuses_its_connection(cachey, stored, target):
    code, output = curl(cachey, "-r", "0-9", "--write-out", "[%{num_connects}]", target, target, target)
    assert code == 0
    ten = content(stored.seed, 0, 10)
    assert output == ten + b"[1]" + ten + b"[0]" + ten + b"[0]"


def test_curl_takes_trailers(cachey, target, stored):
    code, output = curl(cachey, "-r", f"{PAGE - 5}-{PAGE + 4}", "-H", "TE: trailers", "-H", "Connection: TE", "--raw", target)
    assert code == 0
    chunks, _, trailers = output.partition(b"\r\n0\r\n")
    assert chunks and trailers.lower().startswith(b"c0-status: ")
    code, output = curl(cachey, "-r", f"{PAGE - 5}-{PAGE + 4}", "-H", "TE: trailers", target)
    assert code == 0 and output == content(stored.seed, PAGE - 5, 10)


def test_curl_shows_errors_in_words(cachey, kind):
    code, text = curl(cachey, "-r", "0-9", "--write-out", "%{http_code}", f"/fetch/{kind}/none")
    assert code == 0 and text.endswith(b"404") and text.count(b"\n") <= 1 and len(text) > 10
    code, _ = curl(cachey, "--fail", "-r", "0-9", f"/fetch/{kind}/none")
    assert code == 22


def test_curl_notices_a_broken_body(cachey, origin, kind):
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=MIB))
    code, body = curl(cachey, "-r", f"0-{PAGE - 1}", "-H", "C0-Config: ma=1", f"/fetch/{kind}/object")
    assert code == 18 and len(body) <= MIB
    code, _ = curl(cachey, "-r", f"0-{PAGE - 1}", "-H", "C0-Config: ma=1", "-H", "TE: trailers", f"/fetch/{kind}/object")
    assert code in (18, 56)


def test_curl_upload_is_refused(cachey, target):
    code, output = curl(cachey, "--data", "x" * 100_000, "--write-out", "%{http_code}", target)
    assert code in (0, 55, 56) and (code or output.endswith(b"405"))


def test_http_client_gets_ranges_on_one_connection(cachey, stored, target):
    client = http.client.HTTPConnection("127.0.0.1", cachey.port, timeout=limit(30))
    for first, last in [(0, 9), (PAGE - 1, PAGE), (5, 2 * PAGE), (2 * PAGE, 2 * PAGE + 76)]:
        client.request("GET", target, headers={"Range": f"bytes={first}-{last}"})
        response = client.getresponse()
        assert response.status == 206
        assert response.getheader("Content-Range") == f"bytes {first}-{last}/{stored.size}"
        assert response.read() == content(stored.seed, first, last - first + 1)
    client.request("HEAD", target, headers={"Range": "bytes=0-9"})
    response = client.getresponse()
    assert response.status == 206 and response.getheader("Content-Length") == "10" and response.read() == b""
    client.request("GET", target)
    assert client.getresponse().status == 400
    client.close()


def test_http_client_takes_a_chunked_answer(cachey, stored, target):
    client = http.client.HTTPConnection("127.0.0.1", cachey.port, timeout=limit(30))
    client.request("GET", target, headers={"Range": f"bytes=7-{PAGE + 7}", "TE": "trailers"})
    response = client.getresponse()
    assert response.getheader("Transfer-Encoding") == "chunked"
    assert response.read() == content(stored.seed, 7, PAGE + 1)
    client.request("GET", target, headers={"Range": "bytes=0-9"})
    assert client.getresponse().read() == content(stored.seed, 0, 10)
    client.close()


def test_http_client_notices_a_broken_body(cachey, origin, kind):
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=MIB))
    client = http.client.HTTPConnection("127.0.0.1", cachey.port, timeout=limit(30))
    client.request("GET", f"/fetch/{kind}/object", headers={"Range": f"bytes=0-{PAGE - 1}", "C0-Config": "ma=1"})
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        client.getresponse().read()
    client.close()
