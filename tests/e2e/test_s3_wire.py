"""Requests on the wire to the store: signatures of any key, proxies, settings of the SDKs."""

import random
import socket
import threading

import pytest

from expect import expect_206, expect_error
from scripted_origin import ScriptedOrigin
from sigv4_check import canonical_path

_KEYS = 200
_ALPHABET = "aZ09-_.~/%+ !*'()@:,;&=$?#[]{}|\\^`<>\"" + "üßñ日本語😀\u00a0\u200b"


def random_keys():
    chance = random.Random(20260102)
    return ["".join(chance.choices(_ALPHABET, k=chance.randrange(1, 60))) for _ in range(_KEYS)]


def test_random_keys_are_signed_as_they_are_sent(cachey, origin, kind):
    """The scripted origin checks each signature on the raw request target, with separate code."""
    for key in random_keys():
        stored = origin.put(kind, key, size=10)
        expect_206(cachey.fetch(kind, key, 0, 9), stored, 0, 9, kind)
        (record,) = origin.requests(kind, key)
        path = record.target.partition("?")[0]
        assert canonical_path(path) == path
        assert record.target == f"{path}?x-id=GetObject"
    assert len(origin.requests(kind)) == len(set(random_keys()))


def test_nothing_of_the_client_reaches_the_store(cachey, origin, kind):
    origin.put(kind, "object", size=10)
    cachey.fetch(kind, "object", 0, 9, headers=[
        ("C0-Config", "ma=1"), ("Cookie", "a=b"), ("Authorization", "Basic eDp5"), ("X-Amz-Meta", "x")])
    (record,) = origin.requests(kind)
    assert {name.lower() for name, _ in record.headers} == {
        "host", "range", "x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-date", "authorization",
        "amz-sdk-invocation-id", "amz-sdk-request", "user-agent"}


def test_the_application_stands_in_the_user_agent(start_server):
    with ScriptedOrigin() as origin:
        origin.put("bucket", "object", size=10)
        settings = origin.environment() | {"AWS_SDK_UA_APP_ID": "my-app"}
        start_server("--origin", "s3", environment=settings).fetch("bucket", "object", 0, 9)
        assert origin.requests()[0].header("user-agent").endswith(" app/my-app")


class Listener:
    """Accepts one connection and keeps the first request head."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.head = None
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self):
        connection, _ = self._socket.accept()
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(4096)
            self.head = received.decode("latin-1")
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    def result(self):
        self._thread.join(30)
        self._socket.close()
        return self.head


@pytest.mark.parametrize("scheme,first_line", [
    ("http", "GET http://store.example/bucket/object?x-id=GetObject HTTP/1.1"),
    ("https", "CONNECT store.example:443 HTTP/1.1")])
def test_a_proxy_is_asked_in_the_stores_stead(start_server, origin, scheme, first_line):
    proxy = Listener()
    settings = origin.environment() | {
        "AWS_ENDPOINT_URL": f"{scheme}://store.example", f"{scheme.upper()}_PROXY": f"http://me:secret@{proxy.address}"}
    server = start_server("--origin", "s3", "--s3-force-path-style", environment=settings)
    response = server.fetch("bucket", "object", 0, 9, headers=[("C0-Config", "ma=1")])
    expect_error(response, 502, "407")
    head = proxy.result()
    assert head.startswith(first_line)
    assert "proxy-authorization: Basic bWU6c2VjcmV0" in head
    assert "secret" not in server.log() and "secret" not in response.text


def test_no_proxy_names_those_that_are_asked_directly(start_server, origin, kind):
    stored = origin.put(kind, "object", size=10)
    settings = origin.environment() | {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost,127.0.0.0/8"}
    server = start_server("--origin", "s3", environment=settings)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
