"""Many ranges of one object in few requests.

Ranges that lie near one another are read as one span; spans are read side by side. All answers of a call are of one
version of the object.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import email.utils
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Changed, DeadlineExceeded, OutOfRange
from .results import Read

if TYPE_CHECKING:
    from .client import Client

Range = tuple[int, "int | None"]
"""(start, end) in bytes, half open. An end of None is the object's end."""

GAP = 256 << 10
PARALLEL = 8
"""The most requests of one call at the same time."""
_SPAN_MAX = 32 << 20
"""A gap is not bridged if the span would be longer. Ranges that overlap share a span of any length."""
_EXACT_MAX = 16 << 20
"""The longest range that the server takes with C0-Exact."""

_VERSIONS_MAX = 3

_Result = TypeVar("_Result")


@dataclasses.dataclass
class Span:
    """One read, and the ranges that it answers, by their place in the question."""

    start: int
    end: int | None
    members: list[int] = dataclasses.field(default_factory=list)


def plan(ranges: Sequence[Range], gap: int = GAP, longest: int = _SPAN_MAX) -> list[Span]:
    """The spans that cover all ranges that are not empty, from the object's beginning to its end."""
    spans: list[Span] = []
    for place in sorted(range(len(ranges)), key=lambda place: ranges[place][0]):
        start, end = ranges[place]
        if end is not None and end <= start:
            continue
        last = spans[-1] if spans else None
        if last is None or not _joins(last, start, end, gap, longest):
            spans.append(Span(start, end, [place]))
            continue
        last.end = None if last.end is None or end is None else max(last.end, end)
        last.members.append(place)
    return spans


def _joins(span: Span, start: int, end: int | None, gap: int, longest: int) -> bool:
    if span.end is None or start < span.end:
        return True
    return end is not None and start - span.end <= gap and end - span.start <= longest


def side_by_side(work: Sequence[Callable[[], _Result]], most: int = PARALLEL) -> list[_Result]:
    """The results in order. The first failure is raised, after what has begun has ended; the rest is dropped. An
    interrupt waits for nothing."""
    if len(work) < 2:
        return [one() for one in work]
    pool = concurrent.futures.ThreadPoolExecutor(min(most, len(work)), "cachey-ranges")
    wait = True
    try:
        futures = [pool.submit(one) for one in work]
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
        for future in futures:
            if future.done() and (error := future.exception()) is not None:
                raise error
        return [future.result() for future in futures]
    except BaseException as error:
        wait = isinstance(error, Exception)
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


@dataclasses.dataclass
class _Answer:
    """What a span's read says of the object, and the parts of its bytes, by their range's place."""

    read: Read
    parts: dict[int, Read]


def read_ranges(
    client: Client,
    kind: str,
    key: str,
    ranges: Iterable[Range],
    *,
    gap: int = GAP,
    deadline: float | None = None,
    **as_read: Any,
) -> list[Read]:
    """One Read for each range, in the order asked. Data are views of the spans' buffers, without copies, unless most of
    a span is gaps."""
    if "into" in as_read:
        raise TypeError("read_ranges() takes no into: each answer has its own place")
    if gap < 0:
        raise ValueError(f"gap is {gap}, must be at least 0")
    asked = [_checked(one) for one in ranges]
    if not asked:
        return []
    name = f"{kind}/{key}"
    until = None if deadline is None else time.monotonic() + deadline

    def read(span: Span, **more: Any) -> _Answer:
        if until is not None:
            more["deadline"] = until - time.monotonic()
            if more["deadline"] <= 0:
                raise DeadlineExceeded(f"{name}: {deadline} s have passed before all ranges were read")
        whole = client.read(kind, key, span.start, span.end, **(as_read | more))
        return _Answer(dataclasses.replace(whole, data=b""), _parts(whole, span, asked, name))

    spans = plan(asked, gap, _EXACT_MAX if as_read.get("exact") else _SPAN_MAX)
    answers = side_by_side([functools.partial(read, span) for span in spans])
    answers = _of_one_version(name, spans, answers, read)
    parts = {place: part for answer in answers for place, part in answer.parts.items()}
    if len(parts) < len(asked):
        empty = answers[0].read if answers else _of_existing(client, kind, key, as_read)
        for place, (start, _) in enumerate(asked):
            if place not in parts:
                parts[place] = dataclasses.replace(empty, data=b"", start=start, end=start, pages=(), nodes=())
    return [parts[place] for place in range(len(asked))]


def _checked(one: Range) -> Range:
    try:
        start, end = one
    except (TypeError, ValueError):
        raise ValueError(f"a range is a pair (start, end), not {one!r}") from None
    if not isinstance(start, int) or not (end is None or isinstance(end, int)):
        raise ValueError(f"start and end of a range are whole numbers, not {one!r}")
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"a range starts at 0 or later, and ends no earlier than its start: {one!r}")
    return start, end


def _parts(whole: Read, span: Span, asked: list[Range], name: str) -> dict[int, Read]:
    parts = {place: _part(whole, *asked[place], name) for place in span.members}
    if 2 * sum(map(len, parts.values())) < len(whole):  # views would keep more gaps than bytes in memory
        return {place: dataclasses.replace(part, data=bytes(part.data)) for place, part in parts.items()}
    return parts


def _part(whole: Read, start: int, end: int | None, name: str) -> Read:
    """The part [start, end) of a span's answer."""
    end = whole.end if end is None else min(end, whole.end)
    if start >= whole.end and start > 0:
        raise OutOfRange(f"{name}: the range from byte {start} begins past the end", status=416, size=whole.size)
    data = memoryview(whole.data)[start - whole.start : end - whole.start]
    pages = tuple(page for page in whole.pages if page.first < end and page.last >= start)
    return dataclasses.replace(whole, data=data, start=start, end=end, pages=pages)


def _of_one_version(
    name: str, spans: list[Span], answers: list[_Answer], read: Callable[..., _Answer]
) -> list[_Answer]:
    """Nodes can hold unequal versions of an object that was overwritten. Spans of older versions are read again, with
    the newest version as a condition; the server then asks the store. Versions of one second are tried in turn."""
    moments = {answer.read.etag: _moment(answer.read.last_modified) for answer in answers}
    if len(moments) < 2:
        return answers

    def again(span: Span, old: _Answer, etag: str | None) -> _Answer:
        return old if old.read.etag == etag else read(span, if_match=etag)

    for etag in sorted(moments, key=lambda one: -moments[one])[:_VERSIONS_MAX]:
        work = [functools.partial(again, *pair, etag) for pair in zip(spans, answers, strict=True)]
        with contextlib.suppress(Changed):
            fresh = side_by_side(work)
            if all(answer.read.etag == etag for answer in fresh):
                return fresh
    raise Changed(f"{name}: the object was overwritten while its ranges were read")


def _moment(last_modified: str | None) -> float:
    try:
        return email.utils.parsedate_to_datetime(last_modified or "").timestamp()
    except ValueError:
        return 0


def _of_existing(client: Client, kind: str, key: str, as_read: dict[str, Any]) -> Read:
    """What is known of the object if no range has bytes: the object must exist all the same."""
    known = client.stat(kind, key, **{name: as_read[name] for name in ("buckets", "config") if name in as_read})
    return Read(b"", 0, 0, known.etag, known.size, known.last_modified)
