"""Which node is asked next after a fault, and when."""

from __future__ import annotations

import random
import threading

from .deadline import Deadline
from .errors import CacheyError, DeadlineExceeded, Unavailable, printable
from .exchange import NodeFault
from .routes import Route

FAULTS_MAX = 24
SAME_NODE_MAX = 2
PAUSES = (0.1, 0.3, 0.8, 1.6)


class Attempts:
    """The attempts for one group of an object: the owner, the second node and so on; then again after a pause."""

    def __init__(self, route: Route, kind: str, key: str, group: int, deadline: Deadline) -> None:
        self._route = route
        self._of = (kind, key, group)
        self._deadline = deadline
        self._order: list[str] = []
        self._rounds = 0
        self._faults = 0
        self._waits = 0
        self.last: CacheyError | None = None

    def next(self) -> str:
        """The node to ask now. Raises the last fault if all nodes have failed."""
        if not self._order:
            if self._rounds > len(PAUSES):
                raise self.exhausted()
            if self._rounds:
                self._pause(PAUSES[self._rounds - 1] * random.uniform(0.8, 1.2))  # noqa: S311
            self._rounds += 1
            self._order = self._route.nodes(*self._of, self._deadline)
        return self._order.pop(0)

    def second(self) -> str | None:
        """The node that a hedge may ask."""
        return self._order[0] if self._order and self._route.health.up(self._order[0]) else None

    def redirected(self, owner: str) -> None:
        """A balancer named the owner: it is asked next."""
        self._order.insert(0, owner)

    def progress(self) -> None:
        """Bytes of a body came: pauses begin anew."""
        self._rounds = min(self._rounds, 1)

    def failed(self, fault: CacheyError) -> None:
        """Raises the fault if a further attempt makes no sense. Otherwise `next` names a node; it may wait."""
        if not isinstance(fault, Unavailable):
            if isinstance(fault, DeadlineExceeded) and self.last is not None:
                fault.text = printable(f"the fault before: {self.last}")
            raise fault
        self.last = fault.with_traceback(None)  # kept past its call: it must hold no frames, hence no buffers
        self.last.__context__ = None
        self._faults += 1
        node = fault.node or ""
        if isinstance(fault, NodeFault):
            self._route.moved(*self._of, None)
            if fault.down:
                self._route.health.failed(node, fault.message)
        elif fault.status not in (502, 503, 504):
            raise fault
        if self._faults >= FAULTS_MAX:
            raise self.exhausted()
        if fault.status == 503:
            wait = fault.retry_after if fault.retry_after is not None else PAUSES[min(self._waits, len(PAUSES) - 1)]
            self._waits += 1
            self._pause(wait)
            if self._waits <= SAME_NODE_MAX:
                self._order.insert(0, node)

    def exhausted(self) -> CacheyError:
        last = self.last
        if last is None:
            return Unavailable("no node")
        facts = {name: getattr(last, name) for name in ("status", "node", "request_id", "text", "retry_after")}
        name = printable(f"{self._of[0]}/{self._of[1]}", 200)
        return Unavailable(f"all nodes failed for {name}, the last one with: {last.message}", **facts)

    def _pause(self, seconds: float) -> None:
        if seconds >= self._deadline.left():
            if self.last is None:
                raise DeadlineExceeded("the deadline passed")
            raise self.exhausted() from self.last
        threading.Event().wait(seconds)
