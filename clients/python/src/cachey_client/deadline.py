"""The time by which a call must end."""

from __future__ import annotations

import time

from .errors import Invalid

SECONDS_MAX = 7 * 86400.0  # in place of infinity: waits of the operating system have limits


class Deadline:
    """Thread-safe."""

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise Invalid("a deadline is more than 0 seconds")
        self._at = time.monotonic() + min(seconds, SECONDS_MAX)

    def left(self) -> float:
        return self._at - time.monotonic()

    def child(self) -> Deadline:
        """The same time, for some threads that `cancel` stops."""
        child = Deadline(1.0)
        child._at = self._at
        return child

    def cancel(self) -> None:
        """Makes the deadline pass at once, for the threads that share it."""
        self._at = 0.0
