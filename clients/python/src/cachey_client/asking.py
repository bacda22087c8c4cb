"""One request to the fleet: failover, redirects of a balancer, hedges."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .attempts import Attempts, Retries
from .deadline import Deadline
from .errors import CacheyError, Invalid
from .exchange import PATIENCE_SECONDS, Exchange, NodeFault, Request
from .hedges import LENGTH_MAX, Hedges
from .membership import join_node, split_node
from .pool import Pool
from .routes import Balanced, Route
from .wire import wait_any

_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Fleet:
    """What all calls of a client share."""

    pool: Pool
    route: Route
    hedges: Hedges
    retries: Retries
    tls: bool


class Question(NamedTuple):
    """A request of a call, before a range and a node are chosen."""

    kind: str
    key: str
    request: Request
    deadline: Deadline
    may_hedge: bool = True
    group_size: int = 1 << 30

    def attempts(self, fleet: Fleet, group: int) -> Attempts:
        return Attempts(fleet.route, fleet.retries, self.kind, self.key, group, self.deadline)


def ask(fleet: Fleet, question: Question, attempts: Attempts, request: Request) -> Exchange:
    """The first right answer, its head read and its range checked. Final errors and the last fault are raised."""
    while True:
        node = attempts.next()
        exchange = None
        try:
            exchange = _sent(fleet, question, attempts, request, node)
            if exchange.status in _REDIRECTS:
                attempts.redirected(_redirected(fleet, question, request, exchange))
                continue
            exchange.partial()
            fleet.route.health.answered(exchange.node)
            fleet.retries.answered()
            return exchange
        except CacheyError as fault:
            if exchange is not None:
                exchange.finish()
            if fault.status == 401 and request.token is not None and not fleet.route.trusted(node, question.deadline):
                fault.text = "the token was not sent: name this node in nodes=, beside via="
            attempts.failed(fault)


def _sent(fleet: Fleet, question: Question, attempts: Attempts, request: Request, node: str) -> Exchange:
    exchange = _exchange(fleet, question, request, node)
    try:
        return _answering(fleet, question, attempts, request, exchange)
    except BaseException:
        exchange.close()
        raise


def _answering(fleet: Fleet, question: Question, attempts: Attempts, request: Request, exchange: Exchange) -> Exchange:
    began = time.monotonic()
    exchange.open()
    assert request.first is not None and request.last is not None
    if not question.may_hedge or request.last - request.first >= LENGTH_MAX:
        exchange.head()
        return exchange
    delay, second = fleet.hedges.delay(), attempts.second()
    winner = exchange
    if delay is not None and second and not wait_any([exchange.wire], delay) and fleet.hedges.spend():
        winner = _raced(exchange, _exchange(fleet, question, request, second)) or exchange
    if winner is exchange:
        exchange.head()
    fleet.hedges.observe(time.monotonic() - began)
    return winner


def _raced(first: Exchange, second: Exchange) -> Exchange | None:
    """Asks a second node too. That exchange if its answer came first and is right, else None. The loser is closed."""
    try:
        if not second.open(wait=False):
            return None
        ready = wait_any([first.wire, second.wire], PATIENCE_SECONDS)
        if second.wire in ready and first.wire not in ready:
            second.head()
            second.partial()
            first.close()
            return second
    except CacheyError:
        pass
    except BaseException:
        second.close()
        raise
    second.close()
    return None


def _exchange(fleet: Fleet, question: Question, request: Request, node: str) -> Exchange:
    if request.token is not None and not fleet.route.trusted(node, question.deadline):
        request = request._replace(token=None)
    quiet = max(2 * PATIENCE_SECONDS, question.deadline.left() / 2)
    return Exchange(fleet.pool, node, request, question.deadline, quiet)


def _redirected(fleet: Fleet, question: Question, request: Request, exchange: Exchange) -> str:
    """The owner that a balancer named. The path must be that of the request."""
    status, location = exchange.status, exchange.field("location") or ""
    balancer = isinstance(fleet.route, Balanced) and exchange.node == fleet.route.balancer
    exchange.close()
    facts: dict[str, Any] = {"node": exchange.node, "status": status, "request_id": request.request_id}
    if not balancer:
        raise NodeFault("a redirect from a node", **facts)
    try:
        url = urlsplit(location)
        owner = join_node(url.hostname or "", (443 if fleet.tls else 80) if url.port is None else url.port)
        split_node(owner)
    except (ValueError, Invalid):
        raise NodeFault("a redirect to no node", **facts) from None
    if owner == exchange.node:
        raise NodeFault("a redirect to itself", **facts)
    if url.scheme != ("https" if fleet.tls else "http") or url.path != request.target or url.query or "@" in url.netloc:
        raise NodeFault("a redirect to another resource", **facts)
    assert request.first is not None
    fleet.route.moved(question.kind, question.key, request.first // question.group_size, owner)
    return owner
