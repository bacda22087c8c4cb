"""What a scripted origin holds, how it is told to misbehave, and what it remembers of each request."""

import asyncio
import base64
import dataclasses
import email.utils
import functools
import hashlib
import threading
import zlib
from typing import Callable, Optional

from content import content_views


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """One version of an object: its bytes are content(seed, 0, size)."""

    size: int
    seed: int
    etag: str
    last_modified: int  # Unix seconds

    @property
    def last_modified_text(self):
        return email.utils.formatdate(self.last_modified, usegmt=True)


def stored_object(size, seed, etag=None, last_modified=None):
    if etag is None:
        etag = '"%s"' % hashlib.md5(f"{seed}/{size}".encode()).hexdigest()
    return StoredObject(size, seed, etag, 1_700_000_000 + seed if last_modified is None else last_modified)


@functools.lru_cache(maxsize=64)
def crc32_of(stored):
    """The object's CRC-32 as S3 writes it."""
    crc = 0
    for view in content_views(stored.seed, 0, stored.size):
        crc = zlib.crc32(view, crc)
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


class Gate:
    """Holds the origin until the test lets go. release() may be called from any thread, once or more."""

    def __init__(self):
        self._open = threading.Event()

    def release(self):
        self._open.set()

    async def passed(self, client_is_there):
        """True once released; False when the client went away first."""
        while not self._open.is_set():
            if not client_is_there():
                return False
            await asyncio.sleep(0.005)
        return True


@dataclasses.dataclass
class Behaviour:
    """How requests for one key are answered. Everything unset is as a healthy store would do it.

    Of the behaviours of a key the first applies that has `times` left and whose `when` agrees.
    Offsets called `_at` count from the object's start, those called `_after` from the body's.
    """

    times: Optional[int] = None  # how many requests it applies to; None: any number
    when: Optional[Callable] = None  # RequestRecord -> bool
    do: Optional[Callable] = None  # called with the RequestRecord when it has come in

    # Before the head.
    delay: float = 0.0
    gate: Optional[Gate] = None
    drop: str = ""  # "fin" or "rst": the connection ends without an answer
    raw: Optional[bytes] = None  # sent instead of an answer, then the connection ends

    # The head.
    status: int = 0  # an error with S3's XML
    code: str = ""
    error_body: Optional[bytes] = None  # instead of S3's XML
    headers: tuple = ()  # further (name, value) pairs
    omit: tuple = ()  # names of headers to leave out, lower case
    content_range: str = ""  # instead of the true one
    content_length: Optional[int] = None  # instead of the true one
    ignore_range: bool = False  # 200 and the whole object
    whole_as_200: bool = False  # the same, where the range covers the object anyway
    past_end: str = "aws"  # a range past the end: "aws", "header", "document", "bare" or "backwards"
    checksum: str = ""  # CRC-32 of the object: "whole" with whole objects, "any" with parts of it, too
    name_case: Optional[Callable] = None  # str -> str, of header names
    spaced_range: bool = False  # blanks within Content-Range
    interim: bool = False  # 1xx answers come first
    http10: bool = False
    needs_no: str = ""  # a request with this header is refused
    chunked: bool = False
    close: bool = False  # Connection: close, and does
    close_unsaid: bool = False  # closes the kept-alive connection after the answer

    # The body.
    pace: float = 0.0  # bytes per second
    stall_at: Optional[int] = None
    stall_after: Optional[int] = None
    stall_gate: Optional[Gate] = None  # ends the stall; without it the stall lasts
    cut_at: Optional[int] = None
    cut_after: Optional[int] = None
    cut: str = "fin"  # or "rst"
    wrong_bytes: bool = False  # the bytes are those of another seed


@dataclasses.dataclass
class RequestRecord:
    """One line of the origin's log. Filled in by the origin's thread while the answer goes out."""

    connection: int
    method: str
    target: str
    bucket: str
    key: str
    headers: list
    arrived_at: float  # time.monotonic()
    range: Optional[tuple] = None  # (first, last) as asked
    held: bool = False  # waits at a gate or in a stall now
    status: int = 0
    body_bytes: int = 0  # handed to the kernel
    first_byte_at: float = 0.0  # when the first byte of the body was sent
    done_at: float = 0.0
    outcome: str = ""  # "sent", "cut" or "gone" (the client left)

    def header(self, name):
        """The value of the only header of that name, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{len(values)} {name} headers in {self}"
        return values[0] if values else None

    @property
    def open(self):
        return not self.done_at


_MESSAGES = {
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "SlowDown": (503, "Please reduce your request rate."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "AccessDenied": (403, "Access Denied"),
    "InvalidObjectState": (403, "The operation is not valid for the object's storage class"),
    "InvalidArgument": (400, "Invalid Argument"),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed"),
    "PermanentRedirect": (301, "The bucket must be addressed using the specified endpoint."),
}


def status_of(code):
    return _MESSAGES.get(code, (403, ""))[0]


def error_xml(code, record, details=""):
    def safe(text):
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    message = _MESSAGES.get(code, (0, code))[1]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{details}"
        f"<BucketName>{safe(record.bucket)}</BucketName><Key>{safe(record.key)}</Key>"
        "<RequestId>SCRIPTED0000001</RequestId><HostId>scripted</HostId></Error>"
    ).encode("utf-8", "surrogateescape")
