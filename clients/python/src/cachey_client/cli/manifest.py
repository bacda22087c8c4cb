"""What to warm: lines of a manifest, one object each, read one at a time.

A line is `kind/key`, or `kind/key TAB size`, or `kind/key TAB size TAB ranges`. Ranges are those of HTTP: `0-9,20-29`
are the first ten bytes and ten more. The size may be empty or `-`. A line that begins with `{` is JSON:
`{"kind": "logs", "key": "a", "size": 7, "ranges": "0-9", "buckets": ["logs-eu"]}`; only the key is required if the
command names the kind. Empty lines are left out.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

LONGEST_LINE = 1 << 20
"""Bytes of a line; a longer line is a fault."""
MOST_RANGES = 1 << 14
"""Ranges of an object."""
_LARGEST = (1 << 63) - 1
_RANGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")
_KNOWN = frozenset({"kind", "key", "size", "ranges", "buckets"})


@dataclass(frozen=True)
class Entry:
    """An object to warm. Ranges are half-open: [start, end). Without ranges the whole object is meant."""

    kind: str
    key: str
    size: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    buckets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.key}"


@dataclass(frozen=True)
class Fault:
    """A line that names no object."""

    name: str
    reason: str


Item = Entry | Fault


class Manifest:
    """The entries of a stream of lines. `read` counts the bytes that were taken; `total` is the length, if known."""

    def __init__(self, stream: BinaryIO, kind: str | None = None, total: int | None = None) -> None:
        self._stream = stream
        self._kind = kind
        self.read = 0
        self.total = total

    def __iter__(self) -> Iterator[Item]:
        number = 0
        while line := self._stream.readline(LONGEST_LINE + 1):
            number += 1
            self.read += len(line)
            if len(line) > LONGEST_LINE:
                self._skip_rest(line)
                yield Fault(f"line {number}", f"longer than {LONGEST_LINE} bytes")
            elif text := line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").rstrip(b"\r\n"):
                yield _item(text, number, self._kind)

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._stream.readline(LONGEST_LINE)
            self.read += len(line)


def _item(line: bytes, number: int, kind: str | None) -> Item:
    try:
        text = line.decode("utf-8")
        return _json_entry(text, kind) if text.startswith("{") else _line_entry(text, kind)
    except UnicodeDecodeError:
        return Fault(f"line {number}", "not UTF-8")
    except RecursionError:
        return Fault(f"line {number}", "nested too deeply")
    except ValueError as error:
        return Fault(f"line {number}", str(error))


def split_name(name: str, kind: str | None = None) -> tuple[str, str]:
    """(kind, key) of `kind/key`, or of a key if the kind is given. Raises ValueError."""
    if kind is not None:
        if not name:
            raise ValueError("no key")
        return kind, name
    named, slash, key = name.partition("/")
    if not named or not slash or not key:
        raise ValueError(f"{name!r} is not kind/key")
    return named, key


def ranges_of(text: str) -> tuple[tuple[int, int], ...]:
    """Half-open ranges of `first-last,first-last`. Raises ValueError."""
    found: list[tuple[int, int]] = []
    for part in text.split(",", MOST_RANGES):
        if len(found) == MOST_RANGES:
            raise ValueError(f"more than {MOST_RANGES} ranges")
        match = _RANGE.fullmatch(part.strip())
        if not match or int(match[1]) > int(match[2]) or int(match[2]) >= _LARGEST:
            raise ValueError(f"{part[:60]!r} is not a range FIRST-LAST, such as 0-9")
        found.append((int(match[1]), int(match[2]) + 1))
    return tuple(found)


def _line_entry(text: str, kind: str | None) -> Entry:
    name, *rest = text.split("\t")
    if len(rest) > 2:
        raise ValueError("more than three columns; a key with a tab needs a line of JSON")
    named, key = split_name(name, kind)
    size = None
    if rest and rest[0] not in ("", "-"):
        if not re.fullmatch(r"[0-9]{1,19}", rest[0]):
            raise ValueError(f"{rest[0][:60]!r} is not a size in bytes")
        size = int(rest[0])
    return Entry(named, key, size, ranges_of(rest[1]) if len(rest) > 1 and rest[1] else ())


def _json_entry(text: str, kind: str | None) -> Entry:
    try:
        found: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg}") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise ValueError("not JSON: a number of too many digits") from None
    if unknown := sorted(set(found) - _KNOWN):
        raise ValueError(f"unknown member {unknown[0][:60]!r}")
    named, key = found.get("kind", kind), found.get("key")
    if not isinstance(named, str) or not isinstance(key, str) or not named or not key:
        raise ValueError('"kind" and "key" are two texts')
    for name in (named, key):
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise ValueError("half of a surrogate pair")
    size, ranges, buckets = found.get("size"), found.get("ranges"), found.get("buckets", [])
    if size is not None and (type(size) is not int or not 0 <= size <= _LARGEST):
        raise ValueError('"size" is a number of bytes')
    if ranges is not None and not isinstance(ranges, str):
        raise ValueError('"ranges" is a text, for example "0-9,20-29"')
    if not isinstance(buckets, list) or not all(isinstance(bucket, str) and bucket for bucket in buckets):
        raise ValueError('"buckets" is a list of names')
    return Entry(named, key, size, ranges_of(ranges) if ranges else (), tuple(buckets))
