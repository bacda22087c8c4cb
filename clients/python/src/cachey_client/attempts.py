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
RETRIES_MAX = 50.0
RETRY_SHARE = 0.2


class Retries:
    """A budget of all calls of a client, so that an outage does not multiply its requests: a retry takes one from it,
    a right answer brings a fifth back. Free are another node after a fault of the network, and what a node asked for by
    Retry-After. Thread-safe."""

    def __init__(self) -> None:
        self._left = RETRIES_MAX
        self.after_fork()

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def answered(self) -> None:
        if self._left < RETRIES_MAX:
            with self._lock:
                self._left = min(self._left + RETRY_SHARE, RETRIES_MAX)

    def spend(self) -> bool:
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True


class Attempts:
    """The attempts for one group of an object: the owner, the second node and so on; then again after a pause."""

    def __init__(self, route: Route, retries: Retries, kind: str, key: str, group: int, deadline: Deadline) -> None:
        self._route = route
        self._retries = retries
        self._of = (kind, key, group)
        self._deadline = deadline
        self._order: list[str] = []
        self._rounds = 0
        self._faults = 0
        self._waits = 0
        self._paid = False
        self.last: CacheyError | None = None

    def next(self) -> str:
        """The node to ask now. Raises the last fault if all nodes have failed."""
        if not self._order:
            if self._rounds > len(PAUSES):
                raise self.exhausted()
            if self._rounds:
                self._pay()
                self._pause(PAUSES[self._rounds - 1] * random.uniform(0.8, 1.2))  # noqa: S311
            self._rounds += 1
            self._order = self._route.nodes(*self._of, self._deadline)
        self._paid = False
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
                before = self.last.said() if self.last.node == fault.node else str(self.last)
                fault.text = printable(f"the fault before: {before}")
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
        told_to_wait = fault.status == 503 and (fault.retry_after or 0.0) >= 1.0 and self._waits < SAME_NODE_MAX
        if not isinstance(fault, NodeFault) and not told_to_wait:
            self._pay()
        if fault.status == 503:
            wait = fault.retry_after if fault.retry_after is not None else PAUSES[min(self._waits, len(PAUSES) - 1)]
            self._waits += 1
            self._pause(wait)
            if self._waits <= SAME_NODE_MAX:
                self._order.insert(0, node)

    def _pay(self) -> None:
        """For the next attempt, once."""
        if not self._paid and not self._retries.spend():
            raise self.exhausted("too many requests fail to try again")
        self._paid = True

    def exhausted(self, why: str = "all nodes failed") -> CacheyError:
        last = self.last
        if last is None:
            return Unavailable("no node")
        facts = {name: getattr(last, name) for name in ("status", "node", "request_id", "text", "retry_after")}
        name = printable(f"{self._of[0]}/{self._of[1]}", 200)
        return Unavailable(f"{why} for {name}, the last one with: {last.message}", **facts)

    def _pause(self, seconds: float) -> None:
        if seconds >= self._deadline.left():
            if self.last is None:
                raise DeadlineExceeded("the deadline passed")
            raise self.exhausted() from self.last
        threading.Event().wait(seconds)
