"""The connections of a client: idle ones are kept for the next request, and each node has a limit."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable

from .deadline import Deadline
from .errors import DeadlineExceeded, Invalid
from .membership import split_node
from .wire import Wire

IDLE_SECONDS = 45.0  # below the 75 s of the server and of HAProxy


class _Lane:
    """The connections to one node."""

    def __init__(self, most: int) -> None:
        self.places = threading.Semaphore(most)
        self.idle: list[tuple[float, Wire]] = []


class Pool:
    """Connections by node. Thread-safe. After a fork the child has none: its parent goes on to use them."""

    def __init__(self, most: int, tls: ssl.SSLContext | None) -> None:
        if not 1 <= most <= 1024:
            raise Invalid("connections are from 1 to 1024")
        self._most = most
        self._tls = tls
        self._closed = False
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def take(self, node: str, connect_timeout: float, deadline: Deadline, *, wait: bool = True) -> Wire | None:
        """An idle or a new connection. If all are in use, waits until the deadline; without `wait`, None."""
        if self._closed:
            raise Invalid("the client is closed")
        lane = self._lane(node)
        if not lane.places.acquire(timeout=max(0.0, deadline.left()) if wait else 0.0):
            if wait:
                raise DeadlineExceeded("all connections are in use", node=node)
            return None
        try:
            return self._idle(lane) or self.connect(node, connect_timeout, deadline)
        except BaseException:
            lane.places.release()
            raise

    def fresh(self, wire: Wire, connect_timeout: float, deadline: Deadline) -> Wire:
        """A new connection in the place of one that went stale while idle."""
        wire.close()
        try:
            return self.connect(wire.node, connect_timeout, deadline)
        except BaseException:
            self._lane(wire.node).places.release()
            raise

    def connect(self, node: str, connect_timeout: float, deadline: Deadline) -> Wire:
        """A new connection that is not counted."""
        timeout = min(connect_timeout, max(0.001, deadline.left()))
        return Wire.connect(node, split_node(node), self._tls, timeout)

    def give_back(self, wire: Wire, *, reusable: bool) -> None:
        lane = self._lane(wire.node)
        if reusable and not self._closed:
            wire.fresh = False
            with self._lock:
                lane.idle.append((time.monotonic(), wire))
        else:
            wire.close()
        lane.places.release()

    def retain(self, nodes: Iterable[str]) -> None:
        """Closes the idle connections to nodes that are no longer of the fleet."""
        keep = set(nodes)
        with self._lock:
            gone = [wire for node, lane in self._lanes.items() if node not in keep for _, wire in lane.idle]
            for node, lane in self._lanes.items():
                if node not in keep:
                    lane.idle = []
        for wire in gone:
            wire.close()

    def close(self) -> None:
        self._closed = True
        self.retain(())

    def _lane(self, node: str) -> _Lane:
        lane = self._lanes.get(node)
        if lane is None:
            with self._lock:
                lane = self._lanes.setdefault(node, _Lane(self._most))
        return lane

    def _idle(self, lane: _Lane) -> Wire | None:
        while True:
            with self._lock:
                if not lane.idle:
                    return None
                since, wire = lane.idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and wire.idle_is_alive():
                return wire
            wire.close()
