"""Sizes, time limits and waiting, shared by all tests of this suite."""

import os
import pathlib
import threading
import time

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40
PAGE = 16 * MIB

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey")).resolve()

SLOW = float(os.environ.get("CACHEY_TEST_SLOW", "1"))
"""How many times slower than a release build the binary is; multiplies all time limits."""


def limit(seconds):
    """The time limit for an operation that takes a release build at most `seconds`."""
    return seconds * SLOW


def wait_until(condition, seconds=10.0, what="the condition"):
    """Polls until `condition()` is true and returns its value; fails after limit(seconds)."""
    deadline = time.monotonic() + limit(seconds)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true in {limit(seconds):.1f} s"
        time.sleep(0.003)


class Task:
    """Runs a function on a separate thread; result() returns its result or raises its exception."""

    def __init__(self, function, *arguments, **named):
        self._value = None
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(function, arguments, named), daemon=True)
        self._thread.start()

    def _run(self, function, arguments, named):
        try:
            self._value = function(*arguments, **named)
        except BaseException as error:  # result() raises it
            self._error = error

    @property
    def done(self):
        return not self._thread.is_alive()

    def result(self, seconds=30.0):
        self._thread.join(limit(seconds))
        assert self.done, f"not finished within {limit(seconds):.1f} s"
        if self._error:
            raise self._error
        return self._value
