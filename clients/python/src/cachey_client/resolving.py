"""Addresses of names, with a time limit: getaddrinfo() has none."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

from .membership import addresses_of

KEEP_SECONDS = 30.0
_NAMES_MAX = 4096

Address = tuple[str, int]


class Resolver:
    """The addresses of host names. What a name server said is kept for 30 s, or until a connection to it fails. Each
    question has a thread of its own, at most one for each name. Thread-safe."""

    def __init__(self, look_up: Callable[[str, int], list[Address]] = addresses_of) -> None:
        self._look_up = look_up
        self._known: dict[Address, tuple[float, list[Address]]] = {}
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[Address, _Answer] = {}

    def resolve(self, host: str, port: int, timeout: float) -> list[Address]:
        """At least one address. Raises OSError."""
        if _is_address(host):
            return [(host, port)]
        known = self._known.get((host, port))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        with self._lock:
            answer = self._asked.get((host, port))
            if answer is None:
                answer = self._asked[host, port] = _Answer()
                try:
                    threading.Thread(
                        target=self._ask, args=(host, port, answer), name="cachey-dns", daemon=True
                    ).start()
                except BaseException as fault:  # without this the name would be taken for asked
                    del self._asked[host, port]
                    if isinstance(fault, RuntimeError):
                        raise OSError(str(fault)) from None
                    raise
        if not answer.done.wait(timeout):
            raise TimeoutError(f"the name {host} was not resolved in time")
        if answer.fault is not None:
            raise OSError(f"the name {host} has no address: {answer.fault}")
        return answer.found

    def forget(self, host: str, port: int) -> None:
        self._known.pop((host, port), None)

    def _ask(self, host: str, port: int, answer: _Answer) -> None:
        try:
            answer.found = self._look_up(host, port)
            if len(self._known) >= _NAMES_MAX:
                self._known.clear()
            self._known[host, port] = (time.monotonic() + KEEP_SECONDS, answer.found)
        except (OSError, UnicodeError) as fault:
            answer.fault = fault
        finally:
            with self._lock:
                self._asked.pop((host, port), None)
            answer.done.set()


class _Answer:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.found: list[Address] = []
        self.fault: Exception | None = None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
