"""Many downloads at once on one thread; every byte is checked on arrival."""

import dataclasses
import errno
import resource
import selectors
import socket
import time

from content import first_difference
from harness import MIB, limit
from http1 import fetch_target, range_header, request_head

_HEAD_BYTES_MAX = 16 * 1024


def raise_file_limit(count):
    """Raises the limit of open files to `count`, for this process and the servers that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= count, f"the hard limit of open files is {hard}, {count} are needed"
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@dataclasses.dataclass
class Visit:
    """One download and its result."""

    kind: str
    key: str
    seed: int
    first: int
    last: int
    bytes_per_second: int = 0  # 0: as fast as possible
    receive_buffer: int = 0
    hang_up_after: int = -1  # body bytes after which the client resets the connection

    pending: bytes = b""  # the head as long as it is incomplete
    status: int = 0
    head: str = ""
    received: int = 0  # body bytes
    text: bytes = b""  # the body of a response other than 206
    wrong_at: int = -1  # object offset of the first wrong byte
    first_byte_at: float = 0.0
    finished: bool = False  # the whole body arrived
    ended: bool = False

    def field(self, name):
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    @property
    def good(self):
        return self.status == 206 and self.finished and self.wrong_at < 0


class Crowd:
    """Opens all connections, then sends all requests, then reads until all are done or stopped."""

    def __init__(self, port, visits):
        self.visits = visits
        self._selector = selectors.DefaultSelector()
        self._slow = {}
        self._buffer = bytearray(MIB)
        self._sockets = [(self._connect(port, visit), visit) for visit in visits]

    def _connect(self, port, visit):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if visit.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, visit.receive_buffer)
        sock.setblocking(False)
        code = sock.connect_ex(("127.0.0.1", port))
        assert code in (0, errno.EINPROGRESS), errno.errorcode[code]
        return sock

    def send_requests(self):
        for sock, visit in self._sockets:
            sock.setblocking(True)  # blocks for the connection, and for the few bytes of the request
            sock.settimeout(limit(20))
            sock.sendall(request_head("GET", fetch_target(visit.kind, visit.key), [range_header(visit.first, visit.last)]))
            sock.setblocking(False)
            if visit.bytes_per_second:
                self._slow[sock] = (visit, time.monotonic())
            else:
                self._selector.register(sock, selectors.EVENT_READ, visit)
        return self

    def run(self, seconds, until=lambda: False):
        """Reads until all fast visits have ended, or until() is true; fails after limit(seconds)."""
        deadline = time.monotonic() + limit(seconds)
        while self._selector.get_map() and not until():
            assert time.monotonic() < deadline, f"{len(self._selector.get_map())} downloads not done in {limit(seconds):.0f} s"
            for key, _ in self._selector.select(0.02):
                self._read(key.fileobj, key.data, len(self._buffer))
            self._read_slowly()
        return self

    def close(self):
        for sock, _ in self._sockets:
            sock.close()
        self._selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read_slowly(self):
        now = time.monotonic()
        for sock, (visit, since) in list(self._slow.items()):
            due = int((now - since) * visit.bytes_per_second) - visit.received
            if due >= visit.bytes_per_second // 10:
                self._read(sock, visit, due)

    def _read(self, sock, visit, most):
        try:
            count = sock.recv_into(self._buffer, most)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self._end(sock, visit)
            return
        self._take(visit, bytes(memoryview(self._buffer)[:count]))
        if visit.finished or 0 <= visit.hang_up_after <= visit.received:
            if not visit.finished:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._end(sock, visit)

    def _end(self, sock, visit):
        visit.ended = True
        if sock in self._slow:
            del self._slow[sock]
        else:
            self._selector.unregister(sock)
        sock.close()

    def _take(self, visit, data):
        if not visit.status:
            visit.pending += data
            text, end, data = visit.pending.partition(b"\r\n\r\n")
            assert len(text) < _HEAD_BYTES_MAX
            if not end:
                return
            visit.head = text.decode("latin-1")
            visit.status = int(visit.head.split(" ")[1])
        if data and not visit.first_byte_at:
            visit.first_byte_at = time.monotonic()
        if visit.status == 206:
            if visit.wrong_at < 0:
                wrong = first_difference(data, visit.seed, visit.first + visit.received)
                visit.wrong_at = -1 if wrong is None else wrong
        else:
            visit.text += data
        visit.received += len(data)
        visit.finished = visit.received >= int(visit.field("Content-Length"))

