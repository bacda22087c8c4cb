"""Warms what a plan says, with several requests in flight."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import CacheyError, DeadlineExceeded, OutOfRange, Unavailable, described
from ..results import Warmed
from .manifest import Fault
from .plan import Plan, Task
from .rate import Rate

LONGEST_PAUSE = 60.0
"""Seconds; a longer Retry-After counts as this one."""


class _Stopped(Exception):
    """The run ends before this window was asked for."""


class Warmer(Protocol):
    """What a run needs of a client."""

    def warm(
        self,
        kind: str,
        key: str,
        start: int = 0,
        end: int | None = None,
        *,
        buckets: tuple[str, ...] = (),
        config: Mapping[str, str] | None = None,
        only_if_cached: bool = False,
        deadline: float | None = None,
    ) -> Warmed: ...


@dataclass(frozen=True)
class Settings:
    in_flight: int = 16
    tries: int = 5
    """Requests for one window, the first included."""
    deadline: float = 600.0
    """Seconds of one request."""
    rate: int | None = None
    """Bytes a second that come from the store."""
    check: bool = False
    """Asks whether the bytes are in the cache; nothing is fetched."""
    buckets: tuple[str, ...] = ()
    most_failures: int = 1000
    """Failed objects after which the run stops."""


@dataclass
class Totals:
    """What a run has done so far. The run's lock guards all of them."""

    objects: int = 0
    """Finished objects, failed ones included."""
    there: int = 0
    """Finished objects of which the store was not asked for a byte."""
    failed: int = 0
    bytes: int = 0
    """Bytes that are in the cache by now."""
    fetched: int = 0
    """Bytes that came from the store."""
    stopped: str | None = None
    """Why the run ended early."""
    began: float = field(default_factory=time.monotonic)


class Run:
    """One pass over a plan: `start`, then `wait` until it returns True. `done` gets each warmed window, `failure` each
    failed object; both are called on the run's threads, one at a time. If one of them raises, the run ends early."""

    def __init__(
        self,
        client: Warmer,
        plan: Plan,
        settings: Settings,
        failure: Callable[[str, str], None],
        done: Callable[[Task, int, int], None] = lambda task, start, end: None,
    ) -> None:
        self._client = client
        self._plan = plan
        self._settings = settings
        self._failure = failure
        self._done = done
        self._rate = Rate(settings.rate)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.totals = Totals()

    def start(self) -> None:
        for number in range(self._settings.in_flight):
            # daemons, because a thread that waits for the input or for a server must not hold up the end
            thread = threading.Thread(target=self._work, name=f"warm-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Waits at most that long for the end of the run. True at the end."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self, reason: str) -> None:
        """Gives out no more windows; requests in flight go on."""
        with self._lock:
            self.totals.stopped = self.totals.stopped or reason
        self._stopping.set()
        self._plan.stop()

    def snapshot(self) -> Totals:
        with self._lock:
            return Totals(**vars(self.totals))

    def _work(self) -> None:
        try:
            while given := self._plan.next():
                if isinstance(given, Fault):
                    self._fail(given.name, given.reason)
                else:
                    self._window(*given)
        except Exception as error:  # of `done` or `failure`, such as a full disk
            self.stop(described(error))

    def _window(self, task: Task, start: int, end: int) -> None:
        try:
            self._limit(end - start)
            warmed = self._tried(task, start, end)
        except _Stopped:
            self._plan.failed(task, InterruptedError("the run was stopped"))
            return
        except Exception as error:  # a fault of the client, too, must not end a thread without a word
            self._rate.give_back(end - start)
            if self._plan.failed(task, error):
                self._fail(task.entry.name, _reason(task.error))
            if reason := _reason_to_stop(error):
                self.stop(reason)
            return
        self._rate.give_back(end - start - warmed.bytes)
        count = max(0, min(end, warmed.size) - start) if warmed.size is not None else end - start
        finished = self._plan.done(task, count, warmed.bytes, warmed.size)
        with self._lock:
            self.totals.bytes += count
            self.totals.fetched += warmed.bytes
            if count:
                self._done(task, start, start + count)
            if finished and task.error is None:
                self.totals.objects += 1
                self.totals.there += not task.fetched
        if finished and task.error is not None:
            self._fail(task.entry.name, _reason(task.error))

    def _limit(self, count: int) -> None:
        while not self._settings.check and (pause := self._rate.pause(count)):
            if self._stopping.wait(min(pause, 1.0)):
                raise _Stopped

    def _tried(self, task: Task, start: int, end: int) -> Warmed:
        entry, settings = task.entry, self._settings
        if settings.check and entry.size == 0 and not entry.ranges:  # no cache has pages of an empty object
            return Warmed(pages=0, fetched=0, bytes=0, size=0)
        for attempt in range(1, settings.tries + 1):
            try:
                return self._client.warm(
                    entry.kind,
                    entry.key,
                    start,
                    end,
                    buckets=entry.buckets or settings.buckets,
                    only_if_cached=settings.check,
                    deadline=settings.deadline,
                )
            except OutOfRange:
                if start or entry.ranges:
                    raise
                return Warmed(pages=0, fetched=0, bytes=0, size=0)
            except (Unavailable, DeadlineExceeded) as error:
                if attempt == settings.tries or error.status == 507:
                    raise
                if self._stopping.wait(_pause(error, attempt)):
                    raise _Stopped from None
        raise AssertionError("unreachable")

    def _fail(self, name: str, reason: str) -> None:
        with self._lock:
            self.totals.objects += 1
            self.totals.failed += 1
            self._failure(name, reason)
            many = self.totals.failed >= self._settings.most_failures
        if many:
            self.stop(f"{self._settings.most_failures} objects failed")


def _reason_to_stop(error: Exception) -> str | None:
    """Why no other object can be expected to succeed."""
    status = error.status if isinstance(error, CacheyError) else None
    if status == 401:
        return "the server wants a valid token"
    return "a cache has no room for more" if status == 507 else None


def _reason(error: Exception | None) -> str:
    return str(error) if isinstance(error, CacheyError) else f"{type(error).__name__}: {error}"


# A spread of pauses, so that threads do not come back at the same time.
def _pause(error: CacheyError, attempt: int) -> float:
    """Seconds before the next request: the server's Retry-After with some spread, or a growing pause."""
    told = getattr(error, "retry_after", None)
    if told is not None:
        return min(float(told), LONGEST_PAUSE) * (1 + random.random() / 4)  # noqa: S311
    return float(min(0.2 * 2**attempt, 10.0) * (0.5 + random.random() / 2))  # noqa: S311
