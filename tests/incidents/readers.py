"""Clients of an incident's server: threads that read objects at a steady rate."""

import contextlib
import itertools
import socket
import threading
import time

from harness import limit
from http1 import fetch_target, range_header, request_head

SIZE = 64 << 10


def _ask(connection, kind, key, size, buckets):
    headers = [range_header(0, size - 1), *(("C0-Bucket", bucket) for bucket in buckets)]
    connection.sendall(request_head("GET", fetch_target(kind, key), headers))
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(1 << 18)
        if not more:
            raise ConnectionError
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
    if length is None:
        raise ConnectionError  # chunked: with trailers, which nobody asked for
    left = length - len(body)
    while left > 0:
        more = connection.recv(min(left, 1 << 18))
        if not more:
            raise ConnectionError
        left -= len(more)


class Readers:
    """`connections` clients that together read the first `size` bytes of `rate` objects a second, if the server keeps up. `keys`: an iterator."""

    def __init__(self, port, kind, keys, rate, connections=4, size=SIZE, buckets=(), address="127.0.0.1", tls=None):
        self._target = port, address, tls
        self._question = size, tuple(buckets)
        self._kind = kind
        self._keys = iter(keys)
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self._every = 1 / rate
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._over.set()

    def _turn(self):
        """The next key, and when to ask. A rate that was missed is not made up for."""
        with self._lock:
            self._next = max(self._next + self._every, time.monotonic() - 0.5)
            return next(self._keys), self._next

    def _connect(self):
        port, address, tls = self._target
        made = socket.create_connection(("127.0.0.1", port), timeout=limit(60), source_address=(address, 0))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls.wrap_socket(made, server_hostname="localhost") if tls else made

    def _run(self):
        connection = None
        while not self._over.is_set():
            key, at = self._turn()
            if self._over.wait(max(0.0, at - time.monotonic())):
                break
            try:
                connection = connection or self._connect()
                _ask(connection, self._kind, key, *self._question)
            except OSError:
                with contextlib.suppress(AttributeError):
                    connection.close()
                connection = None
                self._over.wait(0.1)


def hot(count=20):
    """Keys of objects that are read again and again."""
    return itertools.cycle([f"hot-{at}" for at in range(count)])


def fresh(word="fresh"):
    """Keys of objects that nobody has read."""
    return (f"{word}-{at}" for at in itertools.count())
