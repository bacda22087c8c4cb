"""Clients that upload although nothing takes their bytes: they read the refusal, never a reset."""

import http.client
import socket
import ssl
import subprocess

import pytest

from harness import MIB, limit

SIZE = 64 * MIB


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    path = tmp_path_factory.mktemp("upload") / "64MiB"
    with open(path, "wb") as file:
        file.truncate(SIZE)
    return path


@pytest.fixture(params=["data", "data+tls", "s3"])
def refusing(request):
    """(scheme, port, target): an address that refuses writes."""
    if request.param == "s3":
        return "http", request.getfixturevalue("s3_face_server").s3_port, "/bucket/key"
    if request.param == "data":
        return "http", request.getfixturevalue("cachey").port, "/fetch/kind/object"
    return "https", request.getfixturevalue("cachey_tls").port, "/fetch/kind/object"


def curl(refusing, *arguments):
    """(exit code, status, HTTP version, bytes uploaded) of one request."""
    scheme, port, target = refusing
    written = "%{http_code} %{http_version} %{size_upload} %{num_connects}"
    done = subprocess.run(["curl", "--silent", "--insecure", "--noproxy", "*", "--output", "/dev/null", "--write-out", written,
                           *arguments, f"{scheme}://127.0.0.1:{port}{target}"],
                          capture_output=True, timeout=limit(60), check=False)
    status, version, uploaded, connects = done.stdout.decode().split()
    assert connects == "1"
    return done.returncode, int(status), version, int(uploaded)


def test_curl_that_waits_for_100_sends_no_body(refusing, upload):
    code, status, _, uploaded = curl(refusing, "--http1.1", "--upload-file", str(upload), "--expect100-timeout", "30")
    assert (code, status, uploaded) == (0, 405, 0)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_curl_that_does_not_wait_reads_the_refusal(refusing, upload, method):
    code, status, _, _ = curl(refusing, "--http1.1", "--header", "Expect:", "--upload-file", str(upload), "--request", method)
    assert (code, status) == (0, 405)


def test_curl_in_chunks(refusing, upload):
    code, status, _, _ = curl(refusing, "--http1.1", "--header", "Expect:", "--header", "Transfer-Encoding: chunked",
                              "--upload-file", str(upload))
    assert (code, status) == (0, 405)


def test_curl_over_http2(refusing, upload):
    http2 = "--http2" if refusing[0] == "https" else "--http2-prior-knowledge"
    code, status, version, uploaded = curl(refusing, http2, "--upload-file", str(upload))
    assert (code, status, version) == (0, 405, "2") and uploaded <= MIB


def test_a_client_that_reads_after_all_is_sent(refusing):
    scheme, port, target = refusing
    if scheme == "https":
        insecure = ssl.create_default_context()
        insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=limit(30), context=insecure)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit(30))
    connection.request("PUT", target, body=bytes(SIZE))
    response = connection.getresponse()
    assert response.status == 405 and response.getheader("Allow") == "GET, HEAD"
    assert response.getheader("Connection") == "close" and response.read()
    connection.close()


def test_the_body_is_never_read_as_a_request(refusing):
    scheme, port, target = refusing
    if scheme == "https":
        pytest.skip("the same parser")
    smuggled = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
    with socket.create_connection(("127.0.0.1", port), timeout=limit(30)) as raw:
        raw.sendall(f"PUT {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(smuggled)}\r\n\r\n".encode() + smuggled)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 405 ") and answer.count(b"HTTP/1.1") == 1
