"""One connection to a node, with a deadline on each wait and a bound on each head."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable

from .deadline import Deadline

CONNECT_SECONDS = 0.25
TLS_SECONDS = 2.0
ADDRESSES_MAX = 4
HEAD_MAX = 64 << 10
_BUFFER = 32 << 10
_RECEIVE_MAX = 1 << 30  # OpenSSL counts in 32 bits


class HeadTooLarge(http.client.HTTPException):
    """A response head past HEAD_MAX."""


class Hung(TimeoutError):
    """A node said nothing for too long."""


class TimedReader(io.RawIOBase):
    """Reads a socket. After `patience` seconds without a byte it calls `on_quiet`, which raises if the wait is over.

    In a head, faults are raised. In a body, a fault is kept in `fault` and looks like the end, so that the caller knows
    how many bytes came before."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._ahead = b""
        self.head_room: int | None = HEAD_MAX
        self.received = False
        self.closed_for_reads = False
        self.fault: Exception | None = None
        self.patience = 1.0
        self.deadline = deadline
        self.on_quiet: Callable[[float], None] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.closed_for_reads:
            return 0
        if self.head_room is None:
            try:
                return self._receive(buffer)
            except (OSError, http.client.HTTPException) as fault:
                self.fault = fault
                return 0
        count = self._receive(buffer)
        self.head_room -= count
        if self.head_room < -_BUFFER:
            raise HeadTooLarge("a response head without an end")
        return count

    def _receive(self, buffer: memoryview) -> int:
        if self._ahead:
            count = min(len(buffer), len(self._ahead))
            buffer[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
            return count
        quiet_since = time.monotonic()
        while True:
            left = self.deadline.left()
            if left <= 0:
                raise TimeoutError("the deadline passed")
            timeout = min(left, self.patience)
            if self._sock.gettimeout() != timeout:
                self._sock.settimeout(timeout)
            try:
                count = self._sock.recv_into(buffer[:_RECEIVE_MAX])
                self.received = self.received or count > 0
                return count
            except TimeoutError:
                if self.on_quiet is not None:
                    self.on_quiet(time.monotonic() - quiet_since)

    def peek_now(self) -> bool:
        """Takes what has come without a wait. True if there is something to read, also an end or a fault."""
        if self._ahead:
            return True
        self._sock.settimeout(0)
        try:
            self._ahead = self._sock.recv(_BUFFER)
            self.received = self.received or bool(self._ahead)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True
        return True


class _Facade:
    """What http.client needs of a socket."""

    def __init__(self, sock: socket.socket, reader: Callable[[], TimedReader]) -> None:
        self._sock = sock
        self._reader = reader

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader(), _BUFFER)

    def close(self) -> None:
        """http.client lets go of the socket when it has a head that says `Connection: close`. The Wire closes it."""


class Wire:
    """A connection. One request at a time, of one thread."""

    def __init__(self, node: str, sock: socket.socket) -> None:
        self.node = node
        self.fresh = True
        self.places = threading.Semaphore()
        self._sock = sock
        self._http = http.client.HTTPConnection("node")
        self._http.auto_open = 0
        self._http.sock = _Facade(sock, lambda: self.reader)
        self.reader = TimedReader(sock, Deadline(1.0))
        self._response: http.client.HTTPResponse | None = None

    @classmethod
    def connect(
        cls, node: str, host: str, addresses: list[tuple[str, int]], tls: ssl.SSLContext | None, deadline: Deadline
    ) -> Wire:
        """To the first address that answers. Each has CONNECT_SECONDS, and TLS_SECONDS more for the handshake."""
        fault: OSError = TimeoutError("the deadline passed")
        for address in addresses[:ADDRESSES_MAX]:
            left = deadline.left()
            if left <= 0:
                break
            try:
                sock = socket.create_connection(address, min(CONNECT_SECONDS, left))
            except OSError as error:
                fault = error
                continue
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    sock.settimeout(max(0.001, min(TLS_SECONDS, deadline.left())))
                    sock = tls.wrap_socket(sock, server_hostname=host)
            except BaseException:
                sock.close()
                raise
            return cls(node, sock)
        raise fault

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, method: str, target: str, fields: list[tuple[str, str]], deadline: Deadline) -> None:
        self.reader = TimedReader(self._sock, deadline)
        self._sock.settimeout(max(0.001, deadline.left()))
        self._http.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            self._http.putheader(name, value)
        self._http.endheaders()

    def head(self) -> http.client.HTTPResponse:
        """The head of the response, once it has come."""
        self._response = response = self._http.getresponse()
        self.reader.head_room = None
        return response

    def body_into(self, view: memoryview) -> int:
        """How many bytes of the body came, at most len(view). If fewer, `reader.fault` may say why."""
        response = self._response
        if response is None or response.fp is None:
            return 0
        return response.fp.readinto(view)

    def begin_of_body(self, length: int, most: int = 4096) -> bytes:
        """The begin of an error's text."""
        response = self._response
        if response is None or response.fp is None or not length:
            return b""
        return response.fp.read(min(length, most))

    def reusable(self, body_left: int) -> bool:
        """Ends the response. False if the connection must be closed: bytes are missing, or there are too many."""
        response, self._response = self._response, None
        if response is None or body_left or self.reader.fault is not None:
            return False
        if response.fp is not None:
            self.reader.closed_for_reads = True
            if response.fp.peek(1):
                return False
            response.close()
        return not response.will_close

    def idle_is_alive(self) -> bool:
        """Whether an idle connection can take a request: there is nothing to read, not even an end."""
        try:
            return not _readable([self.fileno()], 0)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        self._sock.close()


def _readable(files: list[int], timeout: float) -> list[int]:
    if not hasattr(select, "poll"):
        return select.select(files, [], [], timeout)[0]
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return [file for file, _ in poll.poll(timeout * 1000)]


def wait_any(wires: list[Wire], timeout: float) -> list[Wire]:
    """The wires with something to read within the time."""
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        files = _readable([wire.fileno() for wire in wires], left)
        ready = [wire for wire in wires if wire.fileno() in files and wire.reader.peek_now()]
        if ready or left == 0.0:
            return ready
