"""The connections of a client: idle ones are kept for the next request, and each node has a limit."""

from __future__ import annotations

import math
import ssl
import threading
import time

from .deadline import Deadline
from .errors import DeadlineExceeded, Invalid
from .membership import split_node
from .resolving import Resolver
from .wire import Wire

RESOLVE_SECONDS = 2.0
SWEEP_SECONDS = 15.0
_LANES_MAX = 2048
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
        self._resolver = Resolver()
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        self.after_fork()

    def after_fork(self) -> None:
        self._resolver.after_fork()
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}

    def take(self, node: str, deadline: Deadline, *, wait: bool = True) -> Wire | None:
        """An idle or a new connection. If all are in use, waits until the deadline; without `wait`, None."""
        if self._closed:
            raise Invalid("the client is closed")
        lane = self._lane(node)
        if not lane.places.acquire(timeout=max(0.0, deadline.left()) if wait else 0.0):
            if wait:
                raise DeadlineExceeded("all connections are in use", node=node)
            return None
        try:
            wire = self._idle(lane) or self.connect(node, deadline)
            wire.places = lane.places
            return wire
        except BaseException:
            lane.places.release()
            raise

    def fresh(self, wire: Wire, deadline: Deadline) -> Wire:
        """A new connection in the place of one that went stale while idle."""
        wire.close()
        try:
            new = self.connect(wire.node, deadline)
            new.places = wire.places
            return new
        except BaseException:
            wire.places.release()
            raise

    def connect(self, node: str, deadline: Deadline) -> Wire:
        """A new connection that is not counted."""
        host, port = split_node(node)
        try:
            addresses = self._resolver.resolve(host, port, max(0.0, min(RESOLVE_SECONDS, deadline.left())))
            return Wire.connect(node, host, addresses, self._tls, deadline)
        except OSError:
            self._resolver.forget(host, port)
            raise

    def give_back(self, wire: Wire, *, reusable: bool) -> None:
        if reusable and not self._closed:
            wire.fresh = False
            lane = self._lane(wire.node)
            with self._lock:
                lane.idle.append((time.monotonic(), wire))
        else:
            wire.close()
        wire.places.release()
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._sweep(time.monotonic() - IDLE_SECONDS)

    def _sweep(self, oldest: float) -> None:
        """Closes connections that have been idle since before `oldest`, such as those to nodes that have left."""
        with self._lock:
            old = [wire for lane in self._lanes.values() for since, wire in lane.idle if since < oldest]
            for lane in self._lanes.values():
                lane.idle = [(since, wire) for since, wire in lane.idle if since >= oldest]
            if len(self._lanes) >= _LANES_MAX:
                self._lanes = {node: lane for node, lane in self._lanes.items() if lane.idle}
        for wire in old:
            wire.close()

    def close(self) -> None:
        self._closed = True
        self._sweep(math.inf)

    def _lane(self, node: str) -> _Lane:
        lane = self._lanes.get(node)
        if lane is None:
            if len(self._lanes) >= _LANES_MAX:
                self._sweep(math.inf)  # a balancer names more and more nodes
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
