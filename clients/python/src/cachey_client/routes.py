"""Which nodes are asked for a group of an object, in which order."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from .deadline import Deadline
from .health import Health
from .membership import Membership
from .placement import OWNERS_MAX

OWNER_SECONDS = 30.0


class Route:
    """Thread-safe."""

    def __init__(self) -> None:
        self.health = Health()

    def after_fork(self) -> None:
        self.health.after_fork()

    def nodes(self, kind: str, key: str, group: int, deadline: Deadline) -> list[str]:
        """The nodes to ask, the best first, at most four."""
        raise NotImplementedError

    def everyone(self, deadline: Deadline) -> tuple[str, ...]:
        """All nodes of the fleet, as far as known."""
        raise NotImplementedError

    def moved(self, kind: str, key: str, group: int, owner: str | None) -> None:
        """A balancer named the owner of a group; None forgets the owner."""

    def trusted(self, node: str, deadline: Deadline) -> bool:
        """Whether a token may be sent to the node."""
        return True


class Placed(Route):
    """The client places keys itself, by rendezvous hashing."""

    def __init__(self, membership: Membership) -> None:
        super().__init__()
        self._membership = membership

    def after_fork(self) -> None:
        super().after_fork()
        self._membership.after_fork()

    def nodes(self, kind: str, key: str, group: int, deadline: Deadline) -> list[str]:
        ring = self._membership.ring(deadline.left())
        first = ring.first(kind, key, group)
        if not any(map(self.health.up, first)):
            first = ring.rank(kind, key, group)
        return self.health.order(first)[:4]

    def everyone(self, deadline: Deadline) -> tuple[str, ...]:
        return self._membership.ring(deadline.left()).names


class Balanced(Route):
    """A balancer places keys: it passes requests on, or redirects to the owner of a group."""

    def __init__(self, balancer: str, trusted: Membership | None) -> None:
        super().__init__()
        self.balancer = balancer
        self._trusted = trusted
        self._owners: OrderedDict[tuple[str, str, int], tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        super().after_fork()
        self._lock = threading.Lock()
        if self._trusted is not None:
            self._trusted.after_fork()

    def nodes(self, kind: str, key: str, group: int, deadline: Deadline) -> list[str]:
        with self._lock:
            known = self._owners.get((kind, key, group))
        if known is not None and time.monotonic() < known[0] and self.health.up(known[1]):
            return [known[1], self.balancer]
        return [self.balancer]

    def everyone(self, deadline: Deadline) -> tuple[str, ...]:
        return (self.balancer,) if self._trusted is None else self._trusted.ring(deadline.left()).names

    def moved(self, kind: str, key: str, group: int, owner: str | None) -> None:
        with self._lock:
            self._owners.pop((kind, key, group), None)
            if owner is not None:
                self._owners[kind, key, group] = (time.monotonic() + OWNER_SECONDS, owner)
                if len(self._owners) > OWNERS_MAX:
                    self._owners.popitem(last=False)

    def trusted(self, node: str, deadline: Deadline) -> bool:
        if node == self.balancer:
            return True
        return self._trusted is not None and node in self._trusted.ring(deadline.left()).names
