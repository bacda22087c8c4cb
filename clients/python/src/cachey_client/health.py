"""Which nodes are down. A node that fails is left out for 1 s, then for twice as long each time, up to 30 s."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

log = logging.getLogger("cachey_client")

FIRST_SECONDS = 1.0
MOST_SECONDS = 30.0
_KNOWN_MAX = 4096


@dataclass
class _Down:
    pause: float
    until: float
    probe_until: float = 0.0


class Health:
    """The nodes that are down. Thread-safe. A node that is not listed is up."""

    def __init__(self) -> None:
        self._down: dict[str, _Down] = {}
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def up(self, node: str) -> bool:
        return node not in self._down

    def order(self, nodes: Iterable[str]) -> list[str]:
        """The nodes in their order, those that are down last. A node that has been down for its time counts as up for
        one caller: the request of this caller is the probe."""
        if not self._down:
            return list(nodes)
        up: list[str] = []
        down: list[str] = []
        with self._lock:
            now = time.monotonic()
            for node in nodes:
                state = self._down.get(node)
                if state is None:
                    up.append(node)
                elif now >= state.until and now >= state.probe_until and not up:
                    state.probe_until = now + state.pause
                    up.append(node)
                else:
                    down.append(node)
        return up + down

    def failed(self, node: str, why: object) -> None:
        with self._lock:
            now = time.monotonic()
            state = self._down.get(node)
            if state is None:
                if len(self._down) >= _KNOWN_MAX:
                    self._down.clear()
                self._down[node] = _Down(FIRST_SECONDS, now + FIRST_SECONDS)
                log.warning("node %s is down: %s", node, why)
            elif now >= state.until:
                state.pause = min(2 * state.pause, MOST_SECONDS)
                state.until = now + state.pause
                state.probe_until = 0.0

    def answered(self, node: str) -> None:
        if node not in self._down:
            return
        with self._lock:
            if self._down.pop(node, None):
                log.info("node %s is up", node)
