"""Heads of HTTP/1.1 responses. Strict: a reader that differs from the sender takes other bytes for data."""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD_MAX = 64 << 10
HEAD_BEGIN = b"HTTP/1."
HEAD_END = b"\r\n\r\n"
FIELDS_MAX = 100

_HEAD = re.compile(
    r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\0\r\n]*)?\r\n"
    r"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\0\r\n]*\r\n)*)\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,19}")
_ONCE = frozenset(["content-length", "content-range", "etag", "last-modified", "location", "retry-after"])


class NotHttp(OSError):
    """What a node sent breaks a rule of HTTP/1.1, or a bound of ours."""


class Head(NamedTuple):
    """`fields`: names in lower case; values of a name that comes twice are joined. `length`: of the body that follows;
    None if only its chunks or the connection's end would tell. `keeps`: the connection is for further requests."""

    status: int
    fields: dict[str, str]
    length: int | None
    keeps: bool


def parse_head(head: bytes, method: str) -> Head:
    """The head of an answer to `method`, with its empty line at the end. Raises NotHttp."""
    found = _HEAD.fullmatch(head.decode("latin-1")) if len(head) <= HEAD_MAX else None
    if found is None:
        raise NotHttp("a response head that is no HTTP/1.1")
    version, status, lines = found.groups()
    fields = _fields(lines.split("\r\n")[:-1])
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if length is not None and not _LENGTH.fullmatch(length):
        raise NotHttp("a response head with a wrong length")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise NotHttp("a response head with an odd coding")
    if method == "HEAD" or status in ("204", "304"):
        length = "0"
    keeps = length is not None and version == "1" and "close" not in fields.get("connection", "").lower()
    return Head(int(status), fields, None if length is None else int(length), keeps)


def _fields(lines: list[str]) -> dict[str, str]:
    if len(lines) > FIELDS_MAX:
        raise NotHttp(f"a response head of more than {FIELDS_MAX} fields")
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name in fields:
            if name in _ONCE:
                raise NotHttp(f"a response head with two fields {name}")
            value = f"{fields[name]}, {value}"
        fields[name] = value
    return fields
