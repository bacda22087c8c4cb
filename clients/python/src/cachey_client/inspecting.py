"""The objects that each node has cached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .admin import Call, answer_in_turn, encoded
from .errors import Invalid, Unavailable
from .placement import text_bytes
from .results import CachedObject, InTier

LIMIT = 10_000  # objects of one answer: for each one the node goes through all that it has
ANSWER_MAX = 96 << 20  # LIMIT keys of 1,024 bytes, each an escape of six letters, with the rest


def objects(call: Call, kind: str | None, prefix: str | None) -> dict[str, Iterator[CachedObject]]:
    if kind == "" or prefix == "" or (prefix is not None and kind is None):
        raise Invalid("objects takes nothing, a kind, or a kind and a prefix")
    words = [(name, value) for name, value in (("kind", kind), ("prefix", prefix)) if value is not None]
    encoded(words)  # raises Invalid now, not in an iterator
    return {node: _listed(call, node, words) for node in call.places}


def _listed(call: Call, node: str, words: list[tuple[str, str]]) -> Iterator[CachedObject]:
    place = call.places[node]
    after: str | None = None
    last = (b"", b"")
    all_told = True
    while True:
        query = [*words, ("limit", str(LIMIT)), *([] if after is None else [("after", after)])]
        told = answer_in_turn(call, place, "GET", f"/admin/objects?{encoded(query)}", ANSWER_MAX)
        call.deadlines.clear()  # a listing has any number of answers
        try:
            found = [_cached(node, one) for one in told["objects"]]
            after = _text_or_none(told["next"])
            names = [last, *((text_bytes(one.kind), text_bytes(one.key)) for one in found)]
            all_told = all_told and told["complete"] is True
            if after is not None:
                text_bytes(after)
        except (KeyError, TypeError, ValueError):
            raise Unavailable("a wrong answer to a listing", node=place) from None
        # Each answer goes on behind the one before, so the listing ends.
        if any(one >= other for one, other in zip(names, names[1:], strict=False)) or (after is not None and not found):
            raise Unavailable("a listing that is not in order", node=place)
        last = names[-1]
        yield from found
        if after is None:
            break
    if not all_told:
        raise Unavailable("the index or the journal of the disk could not be read: objects are missing", node=place)


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
