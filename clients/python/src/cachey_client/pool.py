"""The connections of a client: idle ones are kept for the next request, and each node has a limit."""

from __future__ import annotations

import math
import queue
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from .deadline import Deadline
from .errors import DeadlineExceeded, Invalid
from .membership import split_node
from .resolving import Resolver
from .wire import Wire

RESOLVE_SECONDS = 2.0
SWEEP_SECONDS = 15.0
_LANES_MAX = 2048
IDLE_SECONDS = 45.0  # below the 75 s of the server and of HAProxy


class Place:
    """The right to have one connection to a node in use. A place that an interrupt loses comes back when it is
    collected."""

    def __init__(self, places: queue.SimpleQueue[Place]) -> None:
        self._places = weakref.ref(places)

    def give_back(self) -> None:
        """REQUIRES: the holder has no other reference to the place."""
        places = self._places()
        if places is not None:
            places.put(self)

    def __del__(self) -> None:
        places = self._places()
        if places is not None:
            places.put(Place(places))


class _Lane:
    """The connections to one node: the places of those that are not in use, and the idle ones, the oldest first."""

    def __init__(self, most: int) -> None:
        self.places: queue.SimpleQueue[Place] = queue.SimpleQueue()
        self.idle: deque[tuple[float, Wire]] = deque()
        for _ in range(most):
            self.places.put(Place(self.places))


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
        try:
            place = lane.places.get(wait, max(0.0, deadline.left()))
        except queue.Empty:
            if wait:
                raise DeadlineExceeded("all connections are in use", node=node) from None
            return None
        try:
            wire = self._idle(lane) or self.connect(node, deadline)
            wire.place = place
            return wire
        except BaseException:
            place.give_back()
            raise

    def fresh(self, wire: Wire, deadline: Deadline) -> Wire:
        """A new connection in the place of one that went stale while idle."""
        try:
            wire.close()
            new = self.connect(wire.node, deadline)
            new.place, wire.place = wire.place, None
            return new
        except BaseException:
            self.give_back(wire, reusable=False)
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
        place, wire.place = wire.place, None
        if reusable and not self._closed:
            wire.fresh = False
            self._lane(wire.node).idle.append((time.monotonic(), wire))
            if self._closed:
                self._sweep(math.inf)
        else:
            wire.close()
        if place is not None:
            place.give_back()
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._sweep(time.monotonic() - IDLE_SECONDS)

    def _sweep(self, oldest: float) -> None:
        """Closes connections that have been idle since before `oldest`, such as those to nodes that have left."""
        with self._lock:
            for lane in self._lanes.values():
                while (found := _pop(lane.idle.popleft)) is not None:
                    if found[0] >= oldest:
                        lane.idle.appendleft(found)
                        break
                    found[1].close()
            if len(self._lanes) >= _LANES_MAX:
                self._lanes = {node: lane for node, lane in self._lanes.items() if lane.idle}

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
        while (found := _pop(lane.idle.pop)) is not None:
            since, wire = found
            if time.monotonic() - since < IDLE_SECONDS and wire.idle_is_alive():
                return wire
            wire.close()
        return None


def _pop(pop: Callable[[], tuple[float, Wire]]) -> tuple[float, Wire] | None:
    """Threads take from the ends of a deque at the same time."""
    try:
        return pop()
    except IndexError:
        return None
