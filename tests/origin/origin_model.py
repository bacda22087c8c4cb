"""The model of the scripted origin: its objects, its scripted behaviours, and its log of requests."""

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
    parts: tuple = ()  # their sizes; empty: uploaded as a whole

    def part(self, number):
        """(first, last) of a part, by its number from 1; None: there is no such part."""
        sizes = self.parts or (self.size,)
        if not 1 <= number <= len(sizes):
            return None
        first = sum(sizes[:number - 1])
        return first, first + sizes[number - 1] - 1

    @property
    def last_modified_text(self):
        return email.utils.formatdate(self.last_modified, usegmt=True)


def stored_object(size, seed, etag=None, last_modified=None, parts=()):
    assert not parts or sum(parts) == size
    if etag is None:
        etag = '"%s%s"' % (hashlib.md5(f"{seed}/{size}".encode()).hexdigest(), f"-{len(parts)}" if parts else "")
    return StoredObject(size, seed, etag, 1_700_000_000 + seed if last_modified is None else last_modified, tuple(parts))


@functools.lru_cache(maxsize=64)
def crc32_of(stored):
    """The object's CRC-32 as S3 writes it."""
    crc = 0
    for view in content_views(stored.seed, 0, stored.size):
        crc = zlib.crc32(view, crc)
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


class Gate:
    """Holds a response back until the test calls release(), from any thread, once or more."""

    def __init__(self):
        self._open = threading.Event()

    def release(self):
        self._open.set()

    async def passed(self, client_is_there):
        """True once released; False if the client left first."""
        while not self._open.is_set():
            if not client_is_there():
                return False
            await asyncio.sleep(0.005)
        return True


@dataclasses.dataclass
class Behaviour:
    """The responses to requests for one key. Every unset field is as in a healthy store.

    The first behaviour of the key that has `times` left and a true `when` applies.
    Offsets named `_at` count from the start of the object, those named `_after` from the start of the body.
    """

    times: Optional[int] = None  # number of requests it applies to; None: unlimited
    when: Optional[Callable] = None  # RequestRecord -> bool
    do: Optional[Callable] = None  # called with the RequestRecord when the request has arrived

    # Before the head.
    delay: float = 0.0
    gate: Optional[Gate] = None
    drop: str = ""  # "fin" or "rst": the connection ends without a response
    raw: Optional[bytes] = None  # sent instead of a response; then the connection ends

    # The head.
    status: int = 0  # an error status with an XML body
    code: str = ""
    error_body: Optional[bytes] = None  # replaces the XML body
    headers: tuple = ()  # additional (name, value) pairs
    attributes: tuple = ()  # (name, value) pairs of the object, in place of the usual ones of these names
    omit: tuple = ()  # names of headers to omit, lower case
    content_range: str = ""  # instead of the true one
    content_length: Optional[int] = None  # instead of the true one
    ignore_range: bool = False  # sends 200 and the whole object
    whole_as_200: bool = False  # sends 200 if the range covers the whole object
    ignore_parts: bool = False  # a partNumber changes nothing
    past_end: str = "aws"  # the form of a 416: "aws", "header", "document", "bare" or "backwards"
    checksum: str = ""  # announces the object's CRC-32: "whole" with whole objects only, "any" with ranges too
    name_case: Optional[Callable] = None  # str -> str, applied to header names
    spaced_range: bool = False  # blanks within Content-Range
    interim: bool = False  # sends 1xx responses first
    http10: bool = False
    needs_no: str = ""  # requests with this header are refused
    chunked: bool = False
    close: bool = False  # sends Connection: close, and closes
    close_unsaid: bool = False  # closes the kept-alive connection after the response, without notice

    # The body.
    pace: float = 0.0  # bytes per second
    steady: bool = False  # the pace does not catch up after the client has read nothing for some time
    stall_at: Optional[int] = None
    stall_after: Optional[int] = None
    stall_gate: Optional[Gate] = None  # ends the stall; unset: the stall never ends
    cut_at: Optional[int] = None
    cut_after: Optional[int] = None
    cut: str = "fin"  # or "rst"
    wrong_bytes: bool = False  # sends the bytes of another seed


@dataclasses.dataclass
class RequestRecord:
    """One entry of the origin's log. The origin's thread fills it in while the response is sent."""

    connection: int
    method: str
    target: str
    bucket: str
    key: str
    headers: list
    arrived_at: float  # time.monotonic()
    range: Optional[tuple] = None  # (first, last) as requested
    part: Optional[int] = None  # partNumber
    tail: Optional[int] = None  # the number of last bytes that were requested: "bytes=-n"
    held: bool = False  # now waiting at a gate or in a stall
    status: int = 0
    body_bytes: int = 0  # body bytes handed to the kernel
    first_byte_at: float = 0.0  # time of the first body byte
    done_at: float = 0.0
    outcome: str = ""  # "sent", "cut" or "gone" (the client left)

    def header(self, name):
        """The value of the header, or None; at most one header may have that name."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{len(values)} {name} headers in {self}"
        return values[0] if values else None

    @property
    def open(self):
        return not self.done_at


_MESSAGES = {
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
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
