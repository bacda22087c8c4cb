"""One connection to a node, with a deadline on each wait and a bound on each head."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .deadline import Deadline
from .heads import HEAD_BEGIN, HEAD_END, HEAD_MAX, Head, NotHttp, parse_head

if TYPE_CHECKING:
    from .pool import Place

CONNECT_SECONDS = 0.25
TLS_SECONDS = 2.0
SEND_SECONDS = 2.0
ADDRESSES_MAX = 4
DIRECT_MAX = 32 << 20  # larger buffers come zeroed from the kernel, at no cost
TOGETHER_MAX = 16 << 10  # a longer body is not received with its head: that would be a copy
_PIECE = 4 << 10
_RECEIVE_MAX = 16 << 20  # the deadline is looked at in between

_Came = TypeVar("_Came")
OnQuiet = Callable[[float], None]


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

    def receive_into(self, seconds: float, buffer: memoryview) -> int:
        """At least one byte, better all of the buffer; 0 at the end. TimeoutError if nothing comes in time."""
        self._set(seconds)
        try:
            return self.sock.recv_into(buffer, min(len(buffer), _RECEIVE_MAX), self._whole)
        except BlockingIOError:
            raise TimeoutError from None

    def receive(self, seconds: float, most: int) -> bytes:
        """The bytes that have come, at most `most`. Otherwise as receive_into."""
        self._set(seconds)
        try:
            return self.sock.recv(most)
        except BlockingIOError:
            raise TimeoutError from None

    def receive_to(self, seconds: float, end: bytes) -> bytes:
        """As receive, but what comes after `end` stays in the kernel. REQUIRES: `exact`, what TLS is not."""
        self._set(seconds)
        try:
            came = self.sock.recv(_PIECE, socket.MSG_PEEK)
            found = came.find(end)
            return self.sock.recv(len(came) if found < 0 else found + len(end)) if came else came
        except BlockingIOError:
            raise TimeoutError from None

    def receive_whole(self, seconds: float, length: int) -> bytes:
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
                return self.sock.recv(_PIECE, socket.MSG_DONTWAIT)
            self._set(0.0)
            return self.sock.recv(_PIECE)
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


class Wire:
    """A connection. One request at a time, of one thread.

    `received`: bytes of the answer have come. `fault`: why a body is not whole. The `on_quiet` of some calls is called
    after each `patience` seconds without a byte; what it raises ends the wait. The wire does not keep it, because it
    may hold the wire: a wire that an interrupt loses must be collected at once."""

    def __init__(self, node: str, sock: socket.socket) -> None:
        self.node = node
        self.fresh = True
        self.place: Place | None = None
        self.sock = TimedSocket(sock)
        self.patience = 1.0
        self.received = False
        self.fault: OSError | None = None
        self._deadline = Deadline(1.0)
        self._ahead = b""
        self._keeps = False

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

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Begins an exchange. The answer must be complete by the deadline."""
        self._deadline = deadline
        self._ahead = b""
        self._keeps = self.received = False
        self.fault = None
        self.sock.send(request, max(0.001, min(deadline.left(), SEND_SECONDS)))

    def head(self, method: str, length: int, on_quiet: OnQuiet | None = None) -> Head:
        """The head of the response, once it has come. `length`: how long the body is expected to be."""
        data, self._ahead, room = self._ahead, b"", HEAD_MAX
        while True:
            if not data:
                data = self._begin(length, on_quiet)
            end = data.find(HEAD_END) + len(HEAD_END)
            if end < len(HEAD_END):
                data = self._with_end(data, room, on_quiet)
                end = data.find(HEAD_END) + len(HEAD_END)
            head = parse_head(data[:end], method)
            data, room = data[end:], room - end
            if head.status >= 200:
                break
            if head.status == 101 or room < 0:
                raise NotHttp("a switch of protocols" if room >= 0 else "a response head without an end")
        self._ahead = data
        self._keeps = head.keeps
        return head

    def _begin(self, length: int, on_quiet: OnQuiet | None) -> bytes:
        if length > TOGETHER_MAX and self.sock.exact:
            return self._wait(self.sock.receive_to, HEAD_END, on_quiet)
        return self._wait(self.sock.receive, _PIECE + min(length, TOGETHER_MAX), on_quiet)

    def _with_end(self, data: bytes, most: int, on_quiet: OnQuiet | None) -> bytes:
        """The data, and what comes until a head ends."""
        head = bytearray(data)
        while head.find(HEAD_END, max(0, len(head) - _PIECE - len(HEAD_END))) < 0:
            if not HEAD_BEGIN.startswith(bytes(head[: len(HEAD_BEGIN)])):
                raise NotHttp("an answer that is no HTTP/1.1")
            if len(head) > most:
                raise NotHttp("a response head without an end")
            piece = self._wait(self.sock.receive, _PIECE, on_quiet)
            if not piece:
                raise ConnectionAbortedError("the connection ended before the answer")
            head += piece
        return bytes(head)

    def body_into(self, view: memoryview, on_quiet: OnQuiet | None = None) -> int:
        """How many bytes of the body came, at most len(view). If fewer, `fault` says why, or the node ended the
        connection."""
        done = min(len(view), len(self._ahead))
        if done:
            view[:done] = self._ahead[:done]
            self._ahead = self._ahead[done:]
        try:
            while done < len(view):
                with view[done:] as rest:
                    count = self._wait(self.sock.receive_into, rest, on_quiet)
                if not count:
                    break
                done += count
        except OSError as fault:
            self.fault = fault.with_traceback(None)  # its frames hold the view
        return done

    def body_bytes(self, length: int) -> bytes:
        """The begin of the body, in the best case all of it. Empty if only body_into can read it without a copy."""
        ahead = self._ahead
        if ahead:
            if len(ahead) < length:
                return b""
            self._ahead = ahead[length:]
            return ahead[:length]
        left = self._deadline.left()
        if left <= 0 or length > DIRECT_MAX or not self.sock.exact:
            return b""
        return self.sock.receive_whole(min(left, self.patience), length)

    def _wait(self, receive: Callable[[float, Any], _Came], what: Any, on_quiet: OnQuiet | None) -> _Came:
        quiet_since = 0.0
        while True:
            left = self._deadline.left()
            if left <= 0:
                raise TimeoutError("the deadline passed")
            seconds = min(left, self.patience)
            try:
                came = receive(seconds, what)
                self.received = self.received or bool(came)
                return came
            except TimeoutError:
                now = time.monotonic()
                quiet_since = quiet_since or now - seconds
                if on_quiet is not None:
                    on_quiet(now - quiet_since)

    def peek_now(self) -> bool:
        """Takes what has come without a wait. True if there is something to read, also an end or a fault."""
        if not self._ahead:
            try:
                came = self.sock.receive_now()
            except OSError:
                return True
            if came is None:
                return False
            self._ahead = came
            self.received = self.received or bool(came)
        return True

    def reusable(self) -> bool:
        """Whether the connection can take another request. REQUIRES: all of the body was read."""
        return self._keeps and not self._ahead and self.fault is None

    def idle_is_alive(self) -> bool:
        """Whether an idle connection can take a request: there is nothing to read, not even an end."""
        try:
            return not _readable([self.fileno()], 0)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
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
        ready = [wire for wire in wires if wire.fileno() in files and wire.peek_now()]
        if ready or left == 0.0:
            return ready
