"""Soft purges of many objects: each node is asked for its objects, then to compare each of them with the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import CacheyError
from ..results import CachedObject, Purged

IN_FLIGHT = 4
"""Objects that one node is asked for at a time; a node takes 32."""
FAILURES_IN_A_ROW = 100
"""After as many a node is given up: its store, or the node itself, is down."""


class Purger(Protocol):
    """What a sweep needs of a client."""

    def objects(self, kind: str | None = None, *, prefix: str | None = None) -> dict[str, Iterator[CachedObject]]: ...

    def purge(
        self, kind: str | None = None, *, key: str | None = None, soft: bool = False, node: str | None = None
    ) -> Mapping[str, Purged | CacheyError]: ...


@dataclass
class Counts:
    """What has been done at a node. `kept`, `purged` and `failed` count objects."""

    kept: int = 0
    purged: int = 0
    pages: int = 0
    bytes: int = 0
    fenced: int = 0
    failed: int = 0
    error: str | None = None
    """Why not all objects of the node were asked for."""


class Sweep:
    """Goes through the objects of one node, on threads of its own. `failure` gets each object that failed, one at a
    time."""

    def __init__(
        self, client: Purger, node: str, found: Iterable[CachedObject], failure: Callable[[str, str], None]
    ) -> None:
        self._client = client
        self._node = node
        self._found = iter(found)
        self._failure = failure
        self._in_a_row = 0
        self._source = threading.Lock()  # guards _found
        self._lock = threading.Lock()  # guards _in_a_row and counts
        self.counts = Counts()
        self._threads = [
            # daemons, because a thread that waits for a server must not hold up the end
            threading.Thread(target=self._work, name=f"soft-purge-{number}", daemon=True)
            for number in range(IN_FLIGHT)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, until: float) -> bool:
        """Waits at most until then, by time.monotonic(). True at the end of the sweep."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def snapshot(self) -> Counts:
        with self._lock:
            return Counts(**vars(self.counts))

    def _work(self) -> None:
        while (one := self._next()) is not None:
            try:
                self._note(one, self._client.purge(one.kind, key=one.key, soft=True, node=self._node)[self._node])
            except Exception as error:  # a fault of the client, too, must not end a thread without a word
                self._note(one, error)

    def _next(self) -> CachedObject | None:
        with self._source:
            if self.counts.error is not None:
                return None
            try:
                return next(self._found, None)
            except Exception as error:
                self._end(str(error))
                return None

    def _note(self, one: CachedObject, answer: Purged | Exception) -> None:
        counts = self.counts
        with self._lock:
            if isinstance(answer, Exception):
                counts.failed += 1
                self._in_a_row += 1
                self._failure(f"{one.kind}/{one.key}", str(answer))
            else:
                self._in_a_row = 0
                counts.kept += answer.kept
                counts.purged += not answer.kept
                counts.pages += answer.pages
                counts.bytes += answer.bytes
                counts.fenced += answer.fenced
            many = self._in_a_row >= FAILURES_IN_A_ROW
        if many:
            self._end(f"given up after {FAILURES_IN_A_ROW} failures in a row")

    def _end(self, reason: str) -> None:
        with self._lock:
            self.counts.error = self.counts.error or reason


def sweep(
    clients: Iterable[Purger],
    kind: str,
    prefix: str | None,
    failure: Callable[[str, str, str], None],
    progress: Callable[[int], None],
    seconds: float = 5.0,
) -> dict[str, Counts]:
    """Asks all nodes side by side. `failure` gets node, object and reason; `progress` the number of objects so far,
    every `seconds`."""
    sweeps: dict[str, Sweep] = {}
    said = threading.Lock()

    def failure_at(node: str) -> Callable[[str, str], None]:
        def note(name: str, reason: str) -> None:
            with said:
                failure(node, name, reason)

        return note

    for client in clients:
        for node, found in client.objects(kind, prefix=prefix).items():
            if node not in sweeps:
                sweeps[node] = Sweep(client, node, found, failure_at(node))
    while True:
        until = time.monotonic() + seconds
        if all(one.wait(until) for one in sweeps.values()):
            return {node: one.counts for node, one in sweeps.items()}
        counts = [one.snapshot() for one in sweeps.values()]
        progress(sum(each.kept + each.purged + each.failed for each in counts))
