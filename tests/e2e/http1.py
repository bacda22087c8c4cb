"""A plain HTTP/1.1 client: sends raw bytes, and shows every header, trailer and early end."""

import dataclasses
import socket
import time
import urllib.parse

from harness import MIB, limit


class ProtocolError(AssertionError):
    """The server sent something that is not HTTP/1.1."""


@dataclasses.dataclass
class Response:
    status: int
    reason: str
    version: str
    headers: list  # (name, value), as sent
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    complete: bool = False  # the whole body arrived, by Content-Length or by the last chunk
    closed: bool = False  # the connection ended with this response
    first_byte_at: float = 0.0  # when the first byte of the body was read
    last_byte_at: float = 0.0

    def header(self, name):
        """The value of the header, or None; at most one header may have that name."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def trailer(self, name):
        return [value for key, value in self.trailers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8")


def request_head(method, target, headers=(), host="cache.test", version="HTTP/1.1"):
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"


def fetch_target(kind, key):
    """The target for an object: every byte except unreserved ones and "/" is percent-encoded."""
    raw = key.encode("utf-8") if isinstance(key, str) else key
    return f"/fetch/{urllib.parse.quote(kind, safe='')}/{urllib.parse.quote(raw, safe='/')}"


def range_header(first, last):
    return ("Range", f"bytes={first}-{last}")


def connect(port, receive_buffer, timeout, tls):
    """A socket to the server; tls: an ssl.SSLContext, or None."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(limit(timeout))
    made.connect(("127.0.0.1", port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(made, server_hostname="localhost") if tls else made


class Connection:
    """One connection. Requests may be pipelined; responses are read in order."""

    def __init__(self, port, receive_buffer=None, timeout=30.0, tls=None):
        self.socket = connect(port, receive_buffer, timeout, tls)
        self._buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, headers=(), **named):
        self.send(request_head(method, target, headers, **named))

    def exchange(self, method, target, headers=(), **named):
        self.request(method, target, headers, **named)
        return self.read_response(method)

    def _fill(self):
        """Reads more into the buffer; False at the end of the connection."""
        try:
            data = self.socket.recv(MIB)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._buffer += data
        return bool(data)

    def _line(self):
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                break
            if not self._fill():
                raise ConnectionError(f"the connection ended within a head: {bytes(self._buffer)!r}")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise ProtocolError(f"bad line end in {line!r}")
        return line[:-2].decode("utf-8")

    def _fields(self):
        fields = []
        while True:
            line = self._line()
            if not line:
                return fields
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or not name:
                raise ProtocolError(f"bad field line {line!r}")
            fields.append((name, value.strip(" \t")))

    def read_head(self):
        version, status, reason = (self._line() + " ").split(" ", 2)
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(status) != 3:
            raise ProtocolError(f"bad status line {version!r} {status!r}")
        return Response(int(status), reason.strip(), version, self._fields())

    def read_response(self, method="GET"):
        return self.read_body(self.read_head(), method)

    def read_body(self, response, method="GET"):
        """Reads what follows the head that read_head() returned, into it."""
        try:
            self._read_framed(response, method)
        except ConnectionError:
            response.closed = True
        response.last_byte_at = time.monotonic()
        return response

    def _read_framed(self, response, method):
        coding, length = response.header("Transfer-Encoding"), response.header("Content-Length")
        if coding is not None and length is not None:
            raise ProtocolError("Content-Length beside Transfer-Encoding")
        if method == "HEAD" or response.status in (204, 304):
            response.complete = True
        elif coding is not None:
            if coding != "chunked":
                raise ProtocolError(f"Transfer-Encoding: {coding}")
            self._read_chunks(response)
        elif length is not None:
            response.body = self._take(response, int(length))
            response.complete = len(response.body) == int(length)
            response.closed = not response.complete
        else:
            raise ProtocolError("neither Content-Length nor Transfer-Encoding")

    def _read_chunks(self, response):
        pieces = []
        try:
            while True:
                size = int(self._line().partition(";")[0], 16)
                if size == 0:
                    break
                pieces.append(self._take(response, size))
                if len(pieces[-1]) != size:
                    raise ConnectionError("the connection ended within a chunk")
                if self._line():
                    raise ProtocolError("no line end behind a chunk")
            response.trailers = self._fields()
            response.complete = True
        finally:
            response.body = b"".join(pieces)

    def _take(self, response, length):
        """`length` bytes of the body; fewer only if the connection ended."""
        body = bytearray(length)
        at = min(len(self._buffer), length)
        if at:
            response.first_byte_at = response.first_byte_at or time.monotonic()
        body[:at] = self._buffer[:at]
        del self._buffer[:at]
        view = memoryview(body)
        while at < length:
            try:
                count = self.socket.recv_into(view[at:])
            except (ConnectionResetError, BrokenPipeError):
                count = 0
            response.first_byte_at = response.first_byte_at or time.monotonic()
            if count == 0:
                break
            at += count
        view.release()
        del body[at:]
        return bytes(body)

    def read_body_bytes(self, count):
        """The next `count` raw bytes of a body, after read_head() read the head."""
        while len(self._buffer) < count:
            if not self._fill():
                raise ConnectionError("the connection ended within a body")
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def is_closed_by_server(self, seconds=10.0):
        """True if the server ends the connection in time; bytes that still arrive are kept."""
        self.socket.settimeout(limit(seconds))
        try:
            while self._fill():
                pass
        except TimeoutError:
            return False
        return True

    def leftover(self):
        """Received bytes that are not part of a response read so far."""
        return bytes(self._buffer)


def exchange(port, method, target, headers=(), **named):
    """One request on a new connection."""
    options = {name: named.pop(name) for name in ("timeout", "tls") if name in named}
    with Connection(port, **options) as connection:
        return connection.exchange(method, target, headers, **named)


def fetch(port, kind, key, first, last, headers=(), method="GET", **named):
    return exchange(port, method, fetch_target(kind, key), [range_header(first, last), *headers], **named)
