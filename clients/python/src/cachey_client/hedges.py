"""When a second node is asked, because the first one is slower than nearly all recent answers."""

from __future__ import annotations

import threading
from collections import deque

LENGTH_MAX = 1 << 20
_WINDOW = 512
_LEAST = 64
_EVERY = 32
_TOKENS_MAX = 10.0
_DELAY_LEAST = 0.001


class Hedges:
    """The times to first bytes of recent short reads, and a budget: a share of these reads. Thread-safe."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._seconds: deque[float] = deque(maxlen=_WINDOW)
        self._since = 0
        self._delay: float | None = None
        self._tokens = 0.0
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def delay(self) -> float | None:
        """The 99th percentile of recent first bytes. None while too few are known, or without a budget."""
        return self._delay if self._budget > 0 else None

    def observe(self, seconds: float) -> None:
        with self._lock:
            self._tokens = min(self._tokens + self._budget, _TOKENS_MAX)
            self._seconds.append(seconds)
            self._since += 1
            if self._since >= _EVERY and len(self._seconds) >= _LEAST:
                self._since = 0
                ordered = sorted(self._seconds)
                self._delay = max(ordered[int(len(ordered) * 0.99)], _DELAY_LEAST)

    def spend(self) -> bool:
        """Whether the budget has room for one hedge; takes the room."""
        with self._lock:
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True
