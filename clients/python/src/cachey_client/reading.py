"""A read of one version of an object: split at borders of groups, each part from its owner, resumed after faults."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from .asking import Fleet, Question, ask
from .attempts import Attempts
from .errors import CacheyError, Changed, Invalid, OutOfRange
from .exchange import Exchange, NodeFault, Version
from .results import PageStatus, Read

VERSIONS_MAX = 2
POSITION_MAX = 1 << 62

Submit = Callable[..., "Future[None] | None"]


class _OtherVersion(Exception):
    """Bytes of another version would be mixed in: the read begins anew."""

    def __init__(self, error: CacheyError) -> None:
        super().__init__()
        self.error = error


class Reading:
    """One call of read()."""

    def __init__(
        self,
        fleet: Fleet,
        question: Question,
        start: int,
        end: int | None,
        into: Any = None,
        submit: Submit | None = None,
    ) -> None:
        """submit: runs a function on another thread; None if there is no place."""
        self._fleet = fleet
        self._question = self._whole = question
        self._start = start
        self._end = end
        self._into = into
        self._submit = submit
        self._pages: list[PageStatus] = []
        self._nodes: list[str] = []
        self._faults: list[BaseException] = []

    def run(self) -> Read:
        for last in range(VERSIONS_MAX - 1, -1, -1):
            self._pages, self._nodes, self._faults = [], [], []
            try:
                return self._one_version()
            except _OtherVersion as other:
                if not last:
                    raise other.error from None
            except OutOfRange as error:
                if error.size == 0 and self._start == 0:
                    return self._empty()
                raise
        raise AssertionError("unreachable")

    def _one_version(self) -> Read:
        self._question = self._whole._replace(deadline=self._whole.deadline.child())
        group, size = self._start // self._whole.group_size, self._whole.group_size
        group_end = (group + 1) * size
        attempts = self._question.attempts(self._fleet, group)
        stop = group_end if self._end is None else min(self._end, group_end)
        exchange = self._ask(attempts, self._start, stop - 1, None)
        first, last, version = exchange.partial()
        end = version.size if self._end is None else min(self._end, version.size)
        try:
            begun = exchange.body_bytes() if self._into is None and end <= group_end else b""
            if len(begun) == end - self._start:
                self._done(exchange)
                exchange.finish()
                return self._result(begun, end, version)
            target = _Target(self._into, end - self._start, begun)
            self._nodes += [exchange.node] if begun else []
        except BaseException:
            exchange.close()
            raise
        later = self._later(group_end, end, target.view, version)
        others: list[Future[None]] = []
        try:
            for part in later if self._submit else ():
                future = self._submit(self._guarded, *part, version) if self._submit else None
                if future is None:
                    break
                others.append(future)
            begin = first + len(begun)
            with target.view[len(begun) : last + 1 - first] as view:
                self._body(exchange, attempts, begin, last, view, version)
            for part in later[len(others) :]:
                self._part(*part, version)
            for other in others:
                other.result()
        except BaseException as error:
            exchange.close()
            self._question.deadline.cancel()
            for other in others:
                other.cancel()
            wait(others)
            for *_, part_view in later:
                part_view.release()
            target.view.release()
            raise self._cause(error) from None
        for *_, part_view in later:
            part_view.release()
        return self._result(target.data(), end, version)

    def _result(self, data: bytes | memoryview, end: int, version: Version) -> Read:
        pages, nodes = tuple(sorted(self._pages)), tuple(dict.fromkeys(self._nodes))
        return Read(data, self._start, end, version.etag, version.size, version.last_modified, pages, nodes)

    def _done(self, exchange: Exchange) -> None:
        """The exchange gave all of its bytes."""
        self._pages += exchange.pages()
        self._nodes.append(exchange.node)

    def _guarded(self, *part: Any) -> None:
        """A part on a thread of its own. If it fails, the other parts end soon."""
        try:
            self._part(*part)
        except BaseException as error:
            self._faults.append(error)
            self._question.deadline.cancel()
            raise

    def _cause(self, error: BaseException) -> BaseException:
        """The fault that came first: the others may be faults of parts that it stopped."""
        return self._faults[0] if self._faults and isinstance(error, CacheyError) else error

    def _later(self, at: int, end: int, view: memoryview, version: Version) -> list[tuple[int, int, memoryview]]:
        """The parts after the first one: (first, last, where the bytes belong)."""
        parts = []
        while at < end:
            stop = min(at + self._question.group_size, end)
            parts.append((at, stop - 1, view[at - self._start : stop - self._start]))
            at = stop
        return parts

    def _part(self, first: int, last: int, view: memoryview, version: Version) -> None:
        attempts = self._question.attempts(self._fleet, first // self._question.group_size)
        exchange = self._ask(attempts, first, last, version)
        self._body(exchange, attempts, first, last, view, version)

    def _ask(self, attempts: Attempts, first: int, last: int, version: Version | None) -> Exchange:
        request = self._question.request
        if_match = request.if_match or (version.condition() if version else None)
        try:
            exchange = ask(self._fleet, self._question, attempts, request.at(first, last, if_match))
        except Changed as error:
            if error.status == 412 and request.if_match is not None:
                raise
            raise _OtherVersion(error) from None
        except OutOfRange as error:
            if version is None:
                raise
            raise _OtherVersion(self._changed(error)) from None
        _, _, found = exchange.partial()
        if version is not None and not version.is_same(found):
            exchange.close()
            raise _OtherVersion(self._changed(exchange))
        return exchange

    def _body(
        self, exchange: Exchange, attempts: Attempts, first: int, last: int, view: memoryview, version: Version
    ) -> None:
        at = first
        try:
            while True:
                try:
                    with view[at - first :] as rest:
                        exchange.body_into(rest)
                    self._done(exchange)
                    exchange.finish()
                    return
                except NodeFault as fault:
                    left = exchange.body_left
                    if last + 1 - left > at:
                        self._done(exchange)
                        at = last + 1 - left
                        attempts.progress()
                    attempts.failed(fault)
                    if version.condition() is None:
                        raise _OtherVersion(fault) from None
                exchange = self._ask(attempts, at, last, version)
        except BaseException:
            exchange.close()
            raise

    def _changed(self, about: CacheyError | Exchange) -> Changed:
        id_ = self._question.request.request_id
        return Changed("the object changed during the read", node=about.node, request_id=id_)

    def _empty(self) -> Read:
        return Read(b"" if self._into is None else memoryview(self._into).cast("B")[:0], 0, 0, None, 0, None)


class _Target:
    """The place of the bytes: the caller's buffer, or a new one that becomes bytes without a copy."""

    def __init__(self, into: Any, length: int, begun: bytes = b"") -> None:
        self._own: io.BytesIO | None = None
        if into is None:
            try:
                self._own = io.BytesIO(bytes(length))
            except (MemoryError, OverflowError):
                raise Invalid(f"{length} bytes do not fit into memory") from None
            self.view = self._own.getbuffer()
        else:
            self.view = memoryview(into).cast("B")[:length]
        self.view[: len(begun)] = begun

    def data(self) -> bytes | memoryview:
        if self._own is None:
            return self.view
        self.view.release()
        return self._own.getvalue()
