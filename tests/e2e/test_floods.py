"""Many hostile clients: other clients are served as usual, and memory stays bounded."""

import contextlib
import resource
import socket
import struct
import threading
import time

import hpack
import pytest

import http1
import http2
from expect import expect_206
from harness import KIB, MIB, SLOW, limit, wait_until
from http1 import fetch_target, range_header

pytestmark = pytest.mark.alone

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def request_block(target):
    return hpack.Encoder().encode([(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", target),
                                   ("range", "bytes=0-9")])


def resident(server):
    """Resident memory of the server, in bytes."""
    with open(f"/proc/{server.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def expect_little(grown, most):
    """Checks the memory of release builds only, because sanitizers use extra memory."""
    if SLOW == 1:
        assert grown < most


@contextlib.contextmanager
def others_are_served(server, stored, kind):
    """Fetches over both HTTP versions during the block; every fetch must be complete; the median is under a second."""
    stop, times, failures = threading.Event(), [], []

    def client(module):
        try:
            while not stop.is_set():
                began = time.monotonic()
                response = module.fetch(server.port, kind, "object", 0, 99_999)
                times.append(time.monotonic() - began)
                assert response.status == 206 and response.complete and len(response.body) == 100_000
                time.sleep(0.01)
        except Exception as failure:  # reported below
            failures.append(failure)

    expect_206(server.fetch(kind, "object", 0, 99_999), stored, 0, 99_999, kind)
    clients = [threading.Thread(target=client, args=(module,)) for module in (http1, http2)]
    for thread in clients:
        thread.start()
    try:
        yield times
        time.sleep(0.2)
    finally:
        stop.set()
        for thread in clients:
            thread.join(limit(30))
    assert failures == []
    assert len(times) > 5 and sorted(times)[len(times) // 2] < limit(1)


class Flood:
    """Connections that are reopened whenever the server closes them."""

    def __init__(self, port):
        self.port = port
        self.connections = 0
        self._socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._socket:
            self._socket.close()

    def open(self):
        if self._socket:
            self._socket.close()
        self._socket = socket.create_connection(("127.0.0.1", self.port), limit(10))
        self._socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.connections += 1

    def send(self, data):
        """Returns False if the server has ended the connection."""
        try:
            self._socket.sendall(data)
            self._socket.setblocking(False)
            try:
                return self._socket.recv(MIB) != b""
            except BlockingIOError:
                return True
            finally:
                self._socket.settimeout(limit(10))
        except OSError:
            return False


@pytest.fixture
def server(s3_server):
    return s3_server("--memory", "256MiB", "--max-connections", "20000")


@pytest.fixture
def stored(origin, kind):
    return origin.put(kind, "object", size=MIB)


def test_twenty_thousand_rapid_resets(server, origin, kind, stored):
    block = request_block(fetch_target(kind, "object"))
    with others_are_served(server, stored, kind) as times, Flood(server.port) as flood:
        before = resident(server)
        sent, began = 0, time.monotonic()
        flood.open()
        stream = 1
        while sent < 20_000:
            pairs = b"".join(frame(HEADERS, END_STREAM | END_HEADERS, stream + 2 * i, block) +
                             frame(RST_STREAM, 0, stream + 2 * i, struct.pack(">I", 8)) for i in range(100))
            stream += 200
            if flood.send(pairs):
                sent += 100
            else:
                flood.open()
                stream = 1
        took = time.monotonic() - began
    grown = resident(server) - before
    print(f"20,000 resets: {took:.1f} s, {flood.connections} connections, grown by {grown // KIB} KiB, slowest other {max(times):.3f} s")
    assert flood.connections > 2, "one connection may reset as often as it likes"
    expect_little(grown, 32 * MIB)


def test_ten_thousand_idle_connections(server, origin, kind, stored):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, (hard if hard != resource.RLIM_INFINITY else 20_000) - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 400), hard))
    before = resident(server)
    held = []
    try:
        with others_are_served(server, stored, kind) as times:
            for number in range(count):
                held.append(socket.create_connection(("127.0.0.1", server.port), limit(10)))
                if number % 2:
                    held[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            for number in range(1, count, 2):
                assert held[number].recv(100).startswith(b"HTTP/1.1 200")
        grown = resident(server) - before
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"{count} idle connections: grown by {grown // KIB} KiB, {grown // count} bytes each, slowest other {max(times):.3f} s")
    expect_little(grown, 64 * MIB)


def test_two_hundred_slow_heads(s3_server, origin, kind, stored):
    server = s3_server("--header-timeout", str(limit(2)))
    with others_are_served(server, stored, kind):
        slow = [socket.create_connection(("127.0.0.1", server.port), limit(30)) for _ in range(200)]
        head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "
        for number, one in enumerate(slow):
            one.sendall(head if number % 2 else PREFACE[:10])
        for one in slow:  # the server ends each connection by its timeout
            with contextlib.suppress(OSError):
                while one.recv(1000):
                    pass
            one.close()


def test_a_head_of_continuations_without_end(server, origin, kind, stored):
    block = request_block("/healthz")
    padding = frame(CONTINUATION, 0, 1, b"\x00\x01x\x81" + b"y" * 120)  # a literal header field, not indexed
    with others_are_served(server, stored, kind), Flood(server.port) as flood:
        before = resident(server)
        for _ in range(50):
            flood.open()
            flood.send(frame(HEADERS, END_STREAM, 1, block))
            for _ in range(5000):  # more than the socket buffers hold
                if not flood.send(padding * 20):
                    break
            else:
                pytest.fail("100,000 CONTINUATION frames were taken")
    expect_little(resident(server) - before, 32 * MIB)


@pytest.mark.parametrize("what", ["SETTINGS", "PING", "empty DATA"])
def test_frames_that_cost_only_the_server(server, origin, kind, stored, what):
    flooding = {"SETTINGS": frame(SETTINGS, 0, 0), "PING": frame(PING, 0, 0, b"12345678"),
                "empty DATA": frame(0, 0, 1)}[what]
    post = hpack.Encoder().encode([(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/stats")])
    with others_are_served(server, stored, kind), Flood(server.port) as flood:
        before = resident(server)
        flood.open()
        if what == "empty DATA":
            flood.send(frame(HEADERS, END_HEADERS, 1, post))
        for _ in range(5000):
            if not flood.send(flooding * 100):
                break
        else:
            pytest.fail(f"500,000 {what} frames were taken")
    expect_little(resident(server) - before, 32 * MIB)


@pytest.mark.parametrize("large", [False, True])
def test_streams_that_take_nothing(server, origin, kind, stored, large):
    """Full connections without windows, with or without large heads, leave room for others."""
    encoder = hpack.Encoder()
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", fetch_target(kind, "object")),
              ("range", "bytes=0-99999")] + [("x-large", "x" * 3000)] * large
    blocks = [encoder.encode(fields) for _ in range(128)]
    no_window = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    with others_are_served(server, stored, kind), contextlib.ExitStack() as held:
        before = resident(server)
        for _ in range(64):
            one = held.enter_context(socket.create_connection(("127.0.0.1", server.port), limit(10)))
            one.sendall(PREFACE + no_window + b"".join(
                frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * number, block) for number, block in enumerate(blocks)))
        with socket.create_connection(("127.0.0.1", server.port), limit(10)) as one:
            one.sendall(f"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: {'x' * 9000}\r\n\r\n".encode())
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        time.sleep(1)
        expect_little(resident(server) - before, 200 * MIB)


def test_answers_of_metrics_that_nobody_takes_stay_few(server, kind):
    """A response may be half a megabyte, and is held until its client has taken it."""
    for number in range(100):
        server.fetch(f"{kind}-{number}", "object", 0, 9)
    before = resident(server)
    connections = [http2.Connection(server.port, window=0, renew=False) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.enter_context(connection)
        streams = [[connection.request("GET", "/metrics") for _ in range(100)] for connection in connections]
        statuses = [connection.read_head(stream).status for connection, own in zip(connections, streams) for stream in own]
        expect_little(resident(server) - before, 32 * MIB)
        assert set(statuses) <= {200, 503}  # 503: before there was a first text
        assert http1.exchange(server.port, "GET", "/metrics").status == 200
