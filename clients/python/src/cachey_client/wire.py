"""One connection to a node, with a deadline on each wait and a bound on each head."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import cast

from .deadline import Deadline

CONNECT_SECONDS = 0.25
TLS_SECONDS = 2.0
SEND_SECONDS = 2.0
ADDRESSES_MAX = 4
HEAD_MAX = 64 << 10
HEAD_END = b"\r\n\r\n"
DIRECT_MAX = 32 << 20  # larger buffers come zeroed from the kernel, at no cost
_BUFFER = 8 << 10
_RECEIVE_MAX = 16 << 20  # the deadline is looked at in between


class HeadTooLarge(http.client.HTTPException):
    """A response head past HEAD_MAX."""


class Hung(TimeoutError):
    """A node said nothing for too long."""


class TimedSocket:
    """A socket with a time limit for each wait: by the kernel (SO_RCVTIMEO) if it can, else by poll().

    With the kernel's limit a body of 1 MiB takes one system call or two, instead of two for each piece that comes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.exact = self._in_kernel = sys.platform == "linux" and not isinstance(sock, ssl.SSLSocket)
        self._whole = socket.MSG_WAITALL if self._in_kernel else 0
        self._limit = 0.0
        if self._in_kernel:
            sock.settimeout(None)

    def receive(self, buffer: memoryview, seconds: float, *, whole: bool = False) -> int:
        """At least one byte, 0 at the end. `whole`: better all of the buffer. TimeoutError if nothing comes in time."""
        self._set(seconds)
        try:
            return self.sock.recv_into(buffer, min(len(buffer), _RECEIVE_MAX), self._whole if whole else 0)
        except BlockingIOError:
            raise TimeoutError from None

    def receive_head(self, buffer: memoryview, seconds: float, end: bytes) -> int:
        """As receive, but what comes after `end` stays in the kernel, if it can be looked at there: no TLS."""
        if not self.exact:
            return self.receive(buffer, seconds)
        self._set(seconds)
        try:
            count = self.sock.recv_into(buffer, 0, socket.MSG_PEEK)
            found = bytes(buffer[:count]).find(end)
            return self.sock.recv_into(buffer, count if found < 0 else found + len(end)) if count else 0
        except BlockingIOError:
            raise TimeoutError from None

    def receive_bytes(self, length: int, seconds: float) -> bytes:
        """Up to `length` bytes in a new object. Empty if nothing comes in time, and after faults."""
        self._set(seconds)
        try:
            return self.sock.recv(length, self._whole)
        except OSError:
            return b""

    def receive_now(self) -> bytes | None:
        """What has come, b"" at the end; None if nothing has come."""
        try:
            if self._in_kernel:
                return self.sock.recv(_BUFFER, socket.MSG_DONTWAIT)
            self._set(0.0)
            return self.sock.recv(_BUFFER)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def send(self, data: bytes, seconds: float) -> None:
        self._set(seconds)
        try:
            self.sock.sendall(data)
        except BlockingIOError:
            raise TimeoutError from None

    def _set(self, seconds: float) -> None:
        if seconds == self._limit:
            return
        self._limit = seconds
        if self._in_kernel:
            micros = max(1000, int(seconds * 1e6))
            limit = struct.pack("ll", *divmod(micros, 1_000_000))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        else:
            self.sock.settimeout(seconds)


class TimedReader(io.RawIOBase):
    """Reads one answer. After `patience` seconds without a byte it calls `on_quiet`, which may raise."""

    def __init__(self, sock: TimedSocket, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._ahead = b""
        self._head_room = HEAD_MAX
        self.received = False
        self.in_head = True
        self.fault: Exception | None = None
        self.patience = 1.0
        self.deadline = deadline
        self.on_quiet: Callable[[float], None] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """For http.client: reads the head. Afterwards the buffer above has nothing more to give than what it holds."""
        if not self.in_head:
            return 0
        if self._ahead:
            count = min(len(buffer), len(self._ahead))
            buffer[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
        else:
            count = self._receive(buffer, in_head=True)
        self._head_room -= count
        if self._head_room < -_BUFFER:
            raise HeadTooLarge("a response head without an end")
        return count

    def body_into(self, view: memoryview) -> int:
        """How many bytes came. If fewer than asked for, `fault` says why, or the node ended the connection."""
        done = min(len(view), len(self._ahead))
        view[:done] = self._ahead[:done]
        self._ahead = self._ahead[done:]
        try:
            while done < len(view):
                with view[done:] as rest:
                    count = self._receive(rest, whole=True)
                if not count:
                    break
                done += count
        except (OSError, http.client.HTTPException) as fault:
            self.fault = fault.with_traceback(None)  # its frames hold the view
        return done

    def body_bytes(self, length: int) -> bytes:
        """The begin of a body, in the best case all of it, without a copy. Empty if that cannot be had."""
        left = self.deadline.left()
        if left <= 0 or self._ahead or not self._sock.exact:
            return b""
        return self._sock.receive_bytes(length, min(left, self.patience))

    def _receive(self, buffer: memoryview, *, whole: bool = False, in_head: bool = False) -> int:
        quiet_since = 0.0
        while True:
            left = self.deadline.left()
            if left <= 0:
                raise TimeoutError("the deadline passed")
            try:
                seconds = min(left, self.patience)
                if in_head:
                    count = self._sock.receive_head(buffer, seconds, HEAD_END)
                else:
                    count = self._sock.receive(buffer, seconds, whole=whole)
                self.received = self.received or count > 0
                return count
            except TimeoutError:
                now = time.monotonic()
                quiet_since = quiet_since or now - min(left, self.patience)
                if self.on_quiet is not None:
                    self.on_quiet(now - quiet_since)

    def peek_now(self) -> bool:
        """Takes what has come without a wait. True if there is something to read, also an end or a fault."""
        if not self._ahead:
            try:
                came = self._sock.receive_now()
            except OSError:
                return True
            if came is None:
                return False
            self._ahead = came
            self.received = self.received or bool(came)
        return True


class Wire:
    """A connection. One request at a time, of one thread."""

    def __init__(self, node: str, sock: socket.socket) -> None:
        self.node = node
        self.fresh = True
        self.places = threading.Semaphore()
        self.sock = TimedSocket(sock)
        self.reader = TimedReader(self.sock, Deadline(1.0))
        self._method = ""
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
                sock = _connected(address, min(CONNECT_SECONDS, left))
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
        return self.sock.sock.fileno()

    def send(self, method: str, target: str, fields: list[tuple[str, str]], deadline: Deadline) -> None:
        """REQUIRES: target and fields have no control characters."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._method = method
        self.reader = TimedReader(self.sock, deadline)
        head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        self.sock.send(head, max(0.001, min(deadline.left(), SEND_SECONDS)))

    def makefile(self, mode: str) -> io.BufferedReader:
        """For HTTPResponse, which takes the wire for a socket."""
        return io.BufferedReader(self.reader, _BUFFER)

    def head(self) -> http.client.HTTPResponse:
        """The head of the response, once it has come."""
        response = http.client.HTTPResponse(cast(socket.socket, self), method=self._method)
        try:
            response.begin()
        except BaseException:
            response.close()
            raise
        self._response = response
        self.reader.in_head = False
        return response

    def body_into(self, view: memoryview) -> int:
        """How many bytes of the body came, at most len(view). If fewer, `reader.fault` may say why."""
        response = self._response
        if response is None or response.fp is None:
            return 0
        done = response.fp.readinto1(view)
        if done == len(view):
            return done
        with view[done:] as rest:
            return done + self.reader.body_into(rest)

    def body_bytes(self, length: int) -> bytes:
        """The begin of the body, in the best case all of it. Empty if only body_into can read it."""
        response = self._response
        if response is None or response.fp is None or length > DIRECT_MAX or response.fp.peek(1):
            return b""
        return self.reader.body_bytes(length)

    def reusable(self, body_left: int) -> bool:
        """Ends the response. False if the connection must be closed: bytes are missing, or there are too many."""
        response, self._response = self._response, None
        if response is None:
            return False
        left_over = response.fp is not None and response.fp.peek(1)
        response.close()
        return not (body_left or left_over or self.reader.fault is not None or response.will_close)

    def idle_is_alive(self) -> bool:
        """Whether an idle connection can take a request: there is nothing to read, not even an end."""
        try:
            return not _readable([self.fileno()], 0)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        self.sock.sock.close()


def _connected(address: tuple[str, int], seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


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
