"""The order of a warm run: objects, cut into windows, handed to several threads.

Threads: `next`, `done` and `failed` are for all of them. Bounds: an object is open from its first window to its last;
at most as many objects are open as windows are in flight, because a window of an open object goes first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from .manifest import Entry, Fault, Item

GROUP = 1 << 30
"""Windows end at multiples of this size, because the next group may have another owner."""


class Task:
    """An object on its way. Guarded by the plan's lock."""

    def __init__(self, entry: Entry, window: int) -> None:
        self.entry = entry
        self.fetched = 0  # bytes that came from the store
        self.warmed = 0  # bytes that are in the cache by now
        self.in_flight = 0
        self.error: Exception | None = None
        self.finished = False
        self.whole = not entry.ranges
        self.planned = entry.size if entry.size is not None else window
        self.spans = deque(entry.ranges or ([(0, self.planned)] if self.planned else []))


class Plan:
    """Windows (task, start, end) of the entries, in order."""

    def __init__(self, entries: Iterable[Item], window: int) -> None:
        self._entries: Iterator[Item] = iter(entries)
        self._window = min(window, GROUP)
        self._reading = threading.Lock()  # taken before _changed, never after
        self._changed = threading.Condition()
        self._open: deque[Task] = deque()
        self._in_flight = 0
        self._stopped = False
        self.known = 0  # bytes of the objects that were read so far
        self.ended = False  # the input has no more entries
        self.fault: Exception | None = None  # what ended the input early

    def next(self) -> tuple[Task, int, int] | Fault | None:
        """The next window; a line that is none; or None after the last window. Waits for the input, and while a window
        in flight may tell that its object is larger."""
        while True:
            with self._changed:
                if self._stopped:
                    return None
                if self._open:
                    return self._cut(self._open.popleft())
                if self.ended:
                    if not self._in_flight:
                        return None
                    self._changed.wait()
                    continue
            if given := self._read():
                return given

    def _read(self) -> tuple[Task, int, int] | Fault | None:
        with self._reading:
            with self._changed:
                if self._open or self.ended or self._stopped:
                    return None
            item, fault = None, None
            try:
                item = next(self._entries, None)
            except Exception as error:  # of a listing: the run reports the error
                fault = error
            with self._changed:
                if item is None:
                    self.ended, self.fault = True, fault
                    self._changed.notify_all()
                    return None
                if isinstance(item, Fault):
                    return item
                task = Task(item, self._window)
                self.known += sum(end - start for start, end in task.spans)
                if not task.spans:  # an empty object is asked for once, so that an absent one is noticed
                    task.spans.append((0, 1))
                return self._cut(task)

    def stop(self) -> None:
        """No more windows."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _cut(self, task: Task) -> tuple[Task, int, int]:
        """The first window of a task that has some. REQUIRES: the lock of _changed is held."""
        start, last = task.spans.popleft()
        end = min(last, (start // self._window + 1) * self._window, (start // GROUP + 1) * GROUP)
        if end < last:
            task.spans.appendleft((end, last))
        if task.spans:
            self._open.appendleft(task)
        task.in_flight += 1
        self._in_flight += 1
        return task, start, end

    def done(self, task: Task, warmed: int, fetched: int, size: int | None) -> bool:
        """A window is in the cache: `warmed` bytes, `fetched` of them from the store. True if the task is finished."""
        with self._changed:
            task.warmed += warmed
            task.fetched += fetched
            if size is not None and task.whole and task.error is None:
                self._learn(task, size)
            return self._close(task)

    def _learn(self, task: Task, size: int) -> None:
        """The object's size, from an answer: more windows, or fewer."""
        if size == task.planned:
            return
        self.known += size - task.planned
        if size > task.planned:
            if not task.spans:
                self._open.appendleft(task)
            task.spans.append((task.planned, size))
        else:
            task.spans = deque((start, min(end, size)) for start, end in task.spans if start < size)
            self._forget_if_empty(task)
        task.planned = size

    def failed(self, task: Task, error: Exception) -> bool:
        """A window failed: its object gets no more windows. True if the task is finished."""
        with self._changed:
            task.error = task.error or error
            task.spans.clear()
            self._forget_if_empty(task)
            return self._close(task)

    def _forget_if_empty(self, task: Task) -> None:
        if not task.spans and task in self._open:
            self._open.remove(task)

    def _close(self, task: Task) -> bool:
        task.in_flight -= 1
        self._in_flight -= 1
        self._changed.notify_all()
        task.finished = not task.in_flight and not task.spans
        return task.finished
