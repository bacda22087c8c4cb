"""One request to one node, and its answer, checked."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import IO, Any, NamedTuple
from urllib.parse import quote, unquote

from .deadline import Deadline
from .errors import (
    CacheyError,
    Changed,
    DeadlineExceeded,
    Denied,
    Invalid,
    NotCached,
    NotFound,
    OutOfRange,
    Unavailable,
    described,
    printable,
)
from .heads import Head
from .placement import text_bytes
from .pool import Pool
from .results import PageStatus
from .wire import Hung, Wire

PATIENCE_SECONDS = 2.0
PROBE_SECONDS = 1.0
_POURED = 256 << 10  # bytes at a time, of a body into a file
TEXT_MAX = 4096
USER_AGENT = "cachey-client/0.3.0"

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_NO_RANGE = re.compile(r"bytes \*/(\d{1,19})")
_STATUS = re.compile(r"\s*(\d{1,19})-(\d{1,19}); ([!-:<-~]{1,255}); (\d{1,12})\s*")
_TAG = re.compile(r"[!-~]{1,1024}")
_FINAL: dict[int, tuple[type[CacheyError], str]] = {
    400: (Invalid, "the server refused the request"),
    401: (Denied, "no valid token"),
    403: (Denied, "access denied"),
    404: (NotFound, "no such object or bucket"),
    409: (Changed, "the object changed"),
    412: (Changed, "the object is of another version"),
    416: (OutOfRange, "past the end"),
    507: (CacheyError, "the cache has no room"),
}
_ADMIN_WORDS = {404: "the node has no such path", 409: "another purge runs"}


class NodeFault(Unavailable):
    """The node did not give a whole answer. `down`: other requests should leave it out for now."""

    def __init__(self, message: str, *, down: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.down = down


class Request(NamedTuple):
    """What is asked. The bytes first to last, both included, unless there is no range."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    request_id: str
    first: int | None = None
    last: int | None = None
    if_match: str | None = None
    token: str | None = None

    def at(self, first: int, last: int, if_match: str | None) -> Request:
        return Request(self.method, self.target, self.fields, self.request_id, first, last, if_match, self.token)

    def as_head(self) -> Request:
        return self._replace(method="HEAD")

    def named(self) -> str:
        """The object, for messages."""
        path = self.target.removeprefix("/fetch/")
        return "" if path == self.target else ": " + printable(unquote(path), 200)

    def __repr__(self) -> str:
        return f"Request({self.method} {self.target} {self.first}-{self.last})"

    def head(self, node: str) -> bytes:
        """REQUIRES: target, fields and what else comes from callers have no control characters."""
        lines = [f"{self.method} {self.target} HTTP/1.1\r\nHost: {node}\r\nUser-Agent: {USER_AGENT}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self.fields]
        if self.request_id:
            lines.append(f"X-Request-Id: {self.request_id}\r\n")
        if self.first is not None:
            lines.append(f"Range: bytes={self.first}-{self.last}\r\n")
        if self.if_match is not None:
            lines.append(f"If-Match: {self.if_match}\r\n")
        if self.token is not None:
            lines.append(f"Authorization: Bearer {self.token}\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("latin-1")

    def length(self) -> int:
        """How long the body of a right answer is at most."""
        return 0 if self.method == "HEAD" or self.first is None or self.last is None else self.last - self.first + 1


class Version(NamedTuple):
    """The version of an object that an answer is of."""

    size: int
    etag: str | None
    last_modified: str | None

    def condition(self) -> str | None:
        """The tag, if If-Match can hold it: a weak one never matches."""
        return None if self.etag is None or self.etag.startswith("W/") else self.etag

    def is_same(self, other: Version) -> bool:
        """Without a strong tag the date decides, too."""
        return self[:2] == other[:2] and (self.condition() is not None or self == other)


def fetch_target(kind: str, key: str) -> str:
    """The path of an object. The key is percent-encoded once, and never normalized."""
    if not kind or not key:
        raise Invalid("kind and key are not empty")
    return f"/fetch/{quote(text_bytes(kind), safe='')}/{quote(text_bytes(key), safe='/')}"


class Exchange:
    """A request that was sent to a node. Use: open, head, body_into, finish; or close at any time."""

    def __init__(self, pool: Pool, node: str, request: Request, deadline: Deadline, quiet: float) -> None:
        """quiet: how long the node may say nothing, even if it is alive."""
        self.node = node
        self._pool = pool
        self._request = request
        self._deadline = deadline
        self._quiet = quiet
        self._wire: Wire | None = None
        self._head: Head | None = None
        self._partial: tuple[int, int, Version] | None = None
        self.fields: dict[str, str] = {}
        self.body_left = 0

    def open(self, *, wait: bool = True) -> bool:
        """Connects and sends the request. Without `wait`, False if the node's connections are all in use."""
        try:
            self._wire = self._pool.take(self.node, self._deadline, wait=wait)
        except OSError as fault:
            if isinstance(fault, CacheyError):
                raise
            raise self._fault(fault, down=True) from None
        if self._wire is None:
            return False
        try:
            self._send()
        except OSError as fault:
            self._again_if_stale(fault)
        return True

    @property
    def wire(self) -> Wire:
        assert self._wire is not None
        return self._wire

    def head(self) -> None:
        """Waits for the head of the answer. Afterwards `status` and `field` are known."""
        try:
            head = self.wire.head(self._request.method, self._request.length(), self._on_quiet)
        except OSError as fault:
            self._again_if_stale(fault)
            try:
                head = self.wire.head(self._request.method, self._request.length(), self._on_quiet)
            except OSError as second:
                raise self._no_head(second) from None
        self._head = head
        self.fields = head.fields
        self.body_left = head.length or 0

    @property
    def status(self) -> int:
        assert self._head is not None
        return self._head.status

    def field(self, name: str) -> str | None:
        """REQUIRES: the name is in lower case."""
        return self.fields.get(name)

    def partial(self) -> tuple[int, int, Version]:
        """(first, last, version) of a 206, after checks. Another status raises."""
        if self._partial is not None:
            return self._partial
        if self.status != 206:
            raise self.failure()
        range_ = _RANGE.fullmatch(self.field("content-range") or "")
        if not range_:
            raise self._bad("206 without a right Content-Range")
        first, last, size = (int(number) for number in range_.groups())
        asked_first, asked_last = self._request.first, self._request.last
        assert asked_first is not None and asked_last is not None
        if first != asked_first or last != min(asked_last, size - 1) or first > last:
            raise self._bad(f"asked for bytes {asked_first}-{asked_last}, got {first}-{last} of {size}")
        if self._request.method != "HEAD" and self.body_left != last - first + 1:
            raise self._bad("Content-Length and Content-Range differ")
        tag, date = self.field("etag"), self.field("last-modified")
        version = Version(size, tag if tag and _TAG.fullmatch(tag) else None, date and printable(date, 64))
        self._partial = first, last, version
        return self._partial

    def pages(self) -> list[PageStatus]:
        found = (_STATUS.fullmatch(part) for part in (self.field("c0-status") or "").split(","))
        return [PageStatus(int(m[1]), int(m[2]), m[3], int(m[4])) for m in found if m]

    def body_into(self, view: memoryview) -> None:
        """Reads the body until `view` is full, or raises NodeFault; `body_left` tells how many bytes are missing."""
        self.body_left -= self.wire.body_into(view, self._on_quiet)
        if self.body_left:
            raise self._fault(self.wire.fault or "the body broke off", down=False)

    def body_bytes(self) -> bytes:
        """The begin of the body, in the best case all of it, without a copy. The rest is for body_into."""
        data = self.wire.body_bytes(self.body_left)
        self.body_left -= len(data)
        return data

    def whole(self, most: int) -> bytes:
        """A short body, whole."""
        assert self._head is not None
        if self._head.length is None or self._head.length > most:
            raise self._bad("a body without a length, or a long one")
        data = bytearray(self.body_left)
        self.body_into(memoryview(data))
        return bytes(data)

    def pour(self, file: IO[bytes], most: int) -> None:
        """A long body, whole, into a file."""
        assert self._head is not None
        if self._head.length is None or self._head.length > most:
            raise self._bad("a body without a length, or a long one")
        room = memoryview(bytearray(min(self.body_left, _POURED)))
        while self.body_left:
            piece = room[: self.body_left]
            count = self.wire.body_into(piece, self._on_quiet)
            self.body_left -= count
            if count < len(piece):
                raise self._fault(self.wire.fault or "the body broke off", down=False)
            file.write(piece)

    def failure(self) -> CacheyError:
        """The error that the answer means; ends the exchange."""
        status = self.status
        room = memoryview(bytearray(min(self.body_left, TEXT_MAX)))
        count = self.wire.body_into(room, self._on_quiet)
        self.body_left -= count
        text = bytes(room[:count]).decode("utf-8", "replace")
        id_ = self._request.request_id
        after = self.field("retry-after") or ""
        wait = float(after) if re.fullmatch(r"\d{1,9}", after) else None
        facts: dict[str, Any] = {"status": status, "node": self.node, "request_id": id_, "text": text}
        facts["retry_after"] = wait
        # Answers to HEAD have no text. Errors of Cachey are not to be stored, those of HAProxy say no-cache.
        cached_only = ("Cache-Control", "only-if-cached") in self._request.fields
        if status == 504 and cached_only and self.field("cache-control") == "no-store":
            return NotCached("not in the cache" + self._request.named(), **facts)
        if status in _FINAL:
            kind, words = _FINAL[status]
            if self._request.target.startswith("/admin/"):
                words = _ADMIN_WORDS.get(status, words)
            size = _NO_RANGE.fullmatch(self.field("content-range") or "")
            if kind is OutOfRange:
                facts["size"] = int(size[1]) if size else None
            return kind(words + self._request.named(), **facts)
        return Unavailable("the node failed" if status >= 500 else "an answer of another kind", **facts)

    def finish(self) -> None:
        """Ends the exchange; the connection is kept if the answer was read to its end."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._pool.give_back(wire, reusable=self._head is not None and not self.body_left and wire.reusable())

    def close(self) -> None:
        """Ends the exchange and the connection."""
        wire, self._wire = self._wire, None
        if wire is not None:
            self._pool.give_back(wire, reusable=False)

    def _send(self) -> None:
        wire = self.wire
        wire.send(self._request.head(self.node), self._deadline)
        wire.patience = PATIENCE_SECONDS

    def _again_if_stale(self, fault: Exception) -> None:
        """A kept connection may have been closed by the node at the moment of the request: connects anew, once."""
        wire = self.wire
        stale = isinstance(fault, (ConnectionError, ssl.SSLEOFError)) and not wire.fresh and not wire.received
        if not stale:
            raise self._no_head(fault) from None
        self._wire = None
        try:
            self._wire = self._pool.fresh(wire, self._deadline)
            self._send()
        except OSError as again:
            raise self._fault(again, down=True) from None

    def _no_head(self, fault: Exception) -> CacheyError:
        return self._fault(fault, down=isinstance(fault, Hung) or not self.wire.received)

    def _on_quiet(self, seconds: float) -> None:
        if seconds >= self._quiet:
            raise Hung(f"no byte for {seconds:.0f} s")
        if not probe(self._pool, self.node, self._deadline):
            raise Hung(f"no byte for {seconds:.0f} s, and no answer to a probe")

    def _bad(self, what: str) -> CacheyError:
        return self._fault(f"a wrong answer: {what}", down=False)

    def _fault(self, why: object, *, down: bool) -> CacheyError:
        self.close()
        if self._deadline.left() <= 0:
            return DeadlineExceeded("the deadline passed", node=self.node, request_id=self._request.request_id)
        return NodeFault(described(why), down=down, node=self.node, request_id=self._request.request_id)


def probe(pool: Pool, node: str, deadline: Deadline) -> bool:
    """Whether a node answers at all, on a connection of its own."""
    limit = Deadline(max(0.001, min(PROBE_SECONDS, deadline.left())))
    wire = None
    try:
        wire = pool.connect(node, limit)
        wire.send(Request("GET", "/readyz", (), "").head(node), limit)
        wire.patience = PROBE_SECONDS
        wire.head("GET", 0)
        return True
    except OSError:
        return False
    finally:
        if wire is not None:
            wire.close()


def checked_fields(fields: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The fields that have a value. A value that HTTP does not allow is refused."""
    lines = tuple((name, value) for name, value in fields.items() if value is not None)
    for name, value in lines:
        if not re.fullmatch(r"[\x20-\x7e]{0,4096}", value):
            raise Invalid(f"{name} is of visible ASCII characters, at most 4096")
    return lines
