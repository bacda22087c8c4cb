"""A limit of bytes a second over several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Rate:
    """A balance that grows with time. A window takes its bytes in advance, and gives back those not from the store.

    The balance may fall below zero by one window a thread, so that a window larger than a second's bytes passes, too.
    """

    def __init__(self, bytes_a_second: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = bytes_a_second
        self._clock = clock
        self._lock = threading.Lock()
        self._balance = 0.0
        self._at = clock()

    def pause(self, count: int) -> float:
        """Takes `count` bytes and returns 0, or takes nothing and returns the seconds to wait."""
        if self._rate is None:
            return 0.0
        with self._lock:
            now = self._clock()
            self._balance = min(float(self._rate), self._balance + (now - self._at) * self._rate)
            self._at = now
            if self._balance < 0:
                return -self._balance / self._rate
            self._balance -= count
            return 0.0

    def give_back(self, count: int) -> None:
        if self._rate is not None:
            with self._lock:
                self._balance += count
