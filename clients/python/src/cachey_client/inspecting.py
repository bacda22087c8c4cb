"""The objects that each node has cached."""

from __future__ import annotations

import json
import re
import time
from codecs import getincrementaldecoder
from collections.abc import Generator, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from .admin import Call, answer_in_turn, encoded
from .errors import Invalid, Unavailable
from .placement import text_bytes
from .results import CachedObject, InTier

# Objects of one answer. A node goes through all that it has for each answer, so the answers grow: a million objects
# come in a few. The first answer is small, because the objects may be few and the way to the node slow.
LIMIT_FIRST, LIMIT, GROWTH = 10_000, 1_000_000, 4
# Of the time that a call may take: an answer that takes less is followed by a larger one.
QUICK_PART = 0.1
OBJECT_MAX = 10_000  # letters: a key of 1,024 bytes, each an escape of six letters, with the rest
ANSWER_MAX = 2 << 30  # bytes: 256 MiB of names, each letter an escape of six, with the rest
IN_MEMORY_MAX = 4 << 20  # bytes of an answer; a longer one is in a file
_READ = 4 * OBJECT_MAX  # bytes at a time: at least OBJECT_MAX letters
_BEGIN = re.compile(r'\{\s*"objects"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def objects(call: Call, kind: str | None, prefix: str | None) -> dict[str, Iterator[CachedObject]]:
    if kind == "" or prefix == "" or (prefix is not None and kind is None):
        raise Invalid("objects takes nothing, a kind, or a kind and a prefix")
    words = [(name, value) for name, value in (("kind", kind), ("prefix", prefix)) if value is not None]
    encoded(words)  # raises Invalid now, not in an iterator
    return {node: _listed(call, node, words) for node in call.places}


def _listed(call: Call, node: str, words: list[tuple[str, str]]) -> Iterator[CachedObject]:
    place = call.places[node]
    end = _End((b"", b""), None, True)
    all_told = True
    limit, limit_max = LIMIT_FIRST, LIMIT
    while True:
        query = [*words, ("limit", str(limit)), *([] if end.after is None else [("after", end.after)])]
        with SpooledTemporaryFile(IN_MEMORY_MAX) as answer:
            began = time.monotonic()
            try:
                _fetch(call, place, f"/admin/objects?{encoded(query)}", answer, min(limit * OBJECT_MAX, ANSWER_MAX))
            except Invalid:
                if limit == LIMIT_FIRST:
                    raise
                limit = limit_max = LIMIT_FIRST  # nodes of older versions take no larger one
                continue
            call.deadlines.clear()  # a listing has any number of answers
            if time.monotonic() - began < QUICK_PART * call.seconds:
                limit = min(limit * GROWTH, limit_max)
            before = end.last
            end = yield from _told(answer, node, place, before)
        # Each answer goes on behind the one before, so the listing ends.
        if end.after is not None and end.last == before:
            raise Unavailable("a listing that is not in order", node=place)
        all_told = all_told and end.complete
        if end.after is None:
            break
    if not all_told:
        raise Unavailable("the index or the journal of the disk could not be read: objects are missing", node=place)


def _fetch(call: Call, place: str, target: str, file: IO[bytes], most: int) -> None:
    answer_in_turn(call, place, "GET", target, lambda exchange: exchange.pour(file, most))
    file.seek(0)


class _End(NamedTuple):
    """What an answer tells behind its objects."""

    last: tuple[bytes, bytes]  # kind and key of the last object so far
    after: str | None  # where the next answer begins
    complete: bool


class _Text:
    """A JSON text in a file. Some of the text is in memory: at least the next OBJECT_MAX letters, or all the rest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._utf8, self._json = file, getincrementaldecoder("utf-8")(), json.JSONDecoder()
        self._text, self._at = "", 0
        self._read()

    def skip(self, pattern: re.Pattern[str]) -> str:
        """The letter behind the pattern; empty at the end."""
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError
        self._at = found.end()
        self._read()
        return self._text[self._at : self._at + 1]

    def value(self) -> Any:
        told, self._at = self._json.raw_decode(self._text, self._at)
        self._read()
        return told

    def rest(self) -> str:
        return self._text[self._at :]

    def _read(self) -> None:
        if len(self._text) - self._at < OBJECT_MAX:
            data = self._file.read(_READ)
            self._text = self._text[self._at :] + self._utf8.decode(data, final=not data)
            self._at = 0


def _told(answer: IO[bytes], node: str, place: str, last: tuple[bytes, bytes]) -> Generator[CachedObject, None, _End]:
    """The objects of an answer. Only a few of them are in memory at a time."""
    try:
        text = _Text(answer)
        text.skip(_BEGIN)
        while text.skip(_BETWEEN) != "]":
            one = _cached(node, text.value())
            name = text_bytes(one.kind), text_bytes(one.key)
            if name <= last:
                raise Unavailable("a listing that is not in order", node=place)
            last = name
            yield one
        rest = json.loads('{"objects":[' + text.rest())
        after = _text_or_none(rest["next"])
        if after is not None:
            text_bytes(after)
        return _End(last, after, rest["complete"] is True)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Unavailable("a wrong answer to a listing", node=place) from None


def _cached(node: str, told: Any) -> CachedObject:
    return CachedObject(
        node,
        _text(told["kind"]),
        _text(told["key"]),
        _count_or_none(told["size"]),
        _text_or_none(told["etag"]),
        InTier(_count(told["memory"]["pages"]), _count(told["memory"]["bytes"])),
        InTier(_count(told["disk"]["pages"]), _count(told["disk"]["bytes"])),
        _count(told["fills"]),
        told["pinned"] is True,
        _count_or_none(told["idle_seconds"]),
    )


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError
    return told


def _text_or_none(told: Any) -> str | None:
    return None if told is None else _text(told)


def _count(told: Any) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or told < 0:
        raise TypeError
    return told


def _count_or_none(told: Any) -> int | None:
    return None if told is None else _count(told)
