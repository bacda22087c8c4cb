"""Nodes on loopback that answer as a test says: right, wrong, late or never."""

import contextlib
import functools
import re
import socket
import struct
import threading
import time


@functools.cache
def _block(seed):
    return bytes((i * 7 + (i >> 8) * 13 + seed * 29) % 256 for i in range(1 << 16))


def content(at, length, seed=1):
    """Bytes by formula: each position has its byte, and neighbours differ."""
    block = _block(seed)
    first = at % len(block)
    return (block[first:] + block * (length // len(block) + 1))[:length]


class Request:
    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.fields[name.lower()] = value.strip()
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.fields.get("range", ""))
        self.first, self.last = (int(span[1]), int(span[2])) if span else (None, None)


class Peer:
    """A connection of a client, seen from the node."""

    def __init__(self, sock, node):
        self.sock, self.node = sock, node
        self.file = sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def request(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.file.readline()
            if not byte:
                return None
            head += byte
        return Request(head[:-4])

    def answer(self, status, body=b"", **fields):
        """A whole answer. Underscores in names stand for hyphens."""
        lines = {"Content-Length": len(body)} | {name.replace("_", "-"): value for name, value in fields.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.send(f"HTTP/1.1 {status} Reason\r\n{head}\r\n")
        self.send(body)

    def right(self, request, size=1000, tag='"v1"', seed=1, only=None, at_once=1 << 20, **fields):
        """The right answer of an object by formula; `only` bytes of the body, if given. True if all were sent."""
        if request.fields.get("if-match", tag) != tag:
            self.answer(412, b"another version")
            return True
        if request.first >= size:
            self.answer(416, b"past the end", Content_Range=f"bytes */{size}")
            return True
        last = min(request.last, size - 1)
        length = last + 1 - request.first
        lines = {"Content-Range": f"bytes {request.first}-{last}/{size}", "Content-Length": length, "ETag": tag} | {
            name.replace("_", "-"): value for name, value in fields.items()
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.send(f"HTTP/1.1 206 Partial Content\r\n{head}\r\n")
        if request.method == "HEAD":
            return True
        sent = 0
        while sent < min(length, length if only is None else only):
            piece = content(request.first + sent, min(at_once, length - sent, (only or length) - sent), seed)
            self.send(piece)
            sent += len(piece)
        return sent == length

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.file.close()
            self.sock.close()

    def hang(self):
        """Says nothing until the test ends, or the client leaves."""
        while not self.node.ended.is_set():
            self.sock.settimeout(0.05)
            try:
                if not self.sock.recv(1 << 16):
                    return
            except TimeoutError:
                continue
            except OSError:
                return


class Node:
    """A node. `script(peer, request)` answers a request; if it returns False, the connection ends.

    /readyz is answered 200, unless `ready` is False: then probes hang."""

    def __init__(self, script, ready=True, wrap=None):
        self.script, self.ready, self._wrap = script, ready, wrap
        self.requests, self.probes, self.connections = [], 0, 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.name = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._peers = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in list(self._peers):
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, ValueError):
            if self._wrap:
                sock = self._wrap(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, self)
            self._peers.add(peer)
            try:
                while (request := peer.request()) is not None:
                    if request.target == "/readyz":
                        self.probes += 1
                        peer.answer(200, b"ok") if self.ready else peer.hang()
                        continue
                    self.requests.append(request)
                    if self.script(peer, request) is False:
                        break
            finally:
                self._peers.discard(peer)
                peer.close()


def healthy(**options):
    return lambda peer, request: peer.right(request, **options)


def refusing():
    """The name of a node whose port is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
