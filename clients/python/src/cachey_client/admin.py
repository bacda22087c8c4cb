"""Warm, purge and stats."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from .asking import Fleet, Question, ask
from .deadline import Deadline
from .errors import CacheyError, Invalid, OutOfRange, Unavailable
from .exchange import Exchange, Request
from .membership import split_node
from .placement import GROUP_SIZE, text_bytes
from .results import Purged, Warmed

_Told = TypeVar("_Told")

ANSWER_MAX = 4 << 20
WINDOW_LEAST = 64 * (64 << 10)  # 64 of the smallest pages
_KINDS_MAX = 1000
_WARMED = re.compile(r"pages=(\d{1,9}); fetched=(\d{1,9}); bytes=(\d{1,19})")


class Windows:
    """How many bytes one request may warm: 64 pages. The size of a kind's pages is found out by halving, because a 400
    does not tell."""

    def __init__(self) -> None:
        self._of_kind: dict[str, int] = {}

    def get(self, kind: str) -> int:
        return self._of_kind.get(kind, GROUP_SIZE)

    def halve(self, kind: str, asked: int) -> bool:
        """After a 400 for `asked` bytes. False if the window cannot be the reason."""
        window = min(self.get(kind), 1 << max(asked - 1, 1).bit_length()) // 2
        if window < WINDOW_LEAST:
            return False
        if len(self._of_kind) >= _KINDS_MAX:
            self._of_kind.clear()
        self._of_kind[kind] = window
        return True


def warm(fleet: Fleet, windows: Windows, question: Callable[[], Question], start: int, end: int | None) -> Warmed:
    """Asks the owner of each group to bring its pages in, one request after the other. `question` makes a new one, with
    a deadline of its own."""
    total, at = Warmed(0, 0, 0, 0), start
    while end is None or at < end:
        asked = question()
        stop = min(_next(at, asked.group_size), _next(at, windows.get(asked.kind)))
        stop = stop if end is None else min(end, stop)
        request = asked.request.at(at, stop - 1, asked.request.if_match)
        try:
            exchange = ask(fleet, asked, asked.attempts(fleet, at // asked.group_size), request)
        except Invalid:
            if not windows.halve(asked.kind, stop - at):
                raise
            continue
        except OutOfRange as error:
            if error.size == 0 and at == 0:
                return total
            raise
        done = _WARMED.fullmatch(exchange.field("c0-warm") or "")
        _, last, version = exchange.partial()
        exchange.finish()
        if done is None:
            raise CacheyError("the server does not know warm", status=exchange.status, node=exchange.node)
        pages, fetched, count = (int(number) for number in done.groups())
        total = Warmed(total.pages + pages, total.fetched + fetched, total.bytes + count, version.size)
        at, end = last + 1, version.size if end is None else min(end, version.size)
    return total


def _next(at: int, step: int) -> int:
    return (at // step + 1) * step


def purge_query(kind: str | None, key: str | None, prefix: str | None, everything: bool, soft: bool = False) -> str:
    """The query of a purge. What is purged must be said: nothing given is not everything."""
    if soft and key is None:
        raise Invalid("a soft purge is of one key")
    if everything:
        if key is not None or prefix is not None:
            raise Invalid("everything=True goes with no key and no prefix")
        words = [("kind", kind)] if kind else []
        return encoded([*words, ("all", "true")])
    if not kind or (key is None) == (prefix is None) or not (key or prefix):
        raise Invalid("purge takes kind and key, kind and prefix, or everything=True")
    name, value = ("object", key) if key is not None else ("prefix", prefix)
    return encoded([("kind", kind), (name, value or ""), *([("soft", "true")] if soft else [])])


def encoded(words: list[tuple[str, str]]) -> str:
    """The server takes `+` for a plus, not for a blank."""
    return urlencode([(name, text_bytes(value)) for name, value in words], quote_via=quote, safe="")


@dataclass(frozen=True, repr=False)
class Call:
    """What a request to the admin address of each node needs."""

    fleet: Fleet
    places: dict[str, str]
    admin_token: str | None
    token: str | None
    seconds: float
    submit: Callable[..., Future[Any] | None]
    deadlines: list[Deadline] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def each(self, ask_node: Callable[[Call, str], _Told]) -> dict[str, _Told]:
        """Asks the nodes side by side, each with a deadline of its own. An interrupt waits for no node."""
        if len(self.places) == 1:
            return {node: ask_node(self, node) for node in self.places}
        asked: list[tuple[str, Future[_Told] | None]] = []
        try:
            for node in self.places:  # an interrupt may come before all are asked
                asked.append((node, self.submit(ask_node, self, node)))
            return {node: ask_node(self, node) if future is None else future.result() for node, future in asked}
        except BaseException:
            self.stopped.set()
            for _, future in asked:
                if future is not None:
                    future.cancel()
            for deadline in [*self.deadlines]:
                deadline.cancel()
            raise

    def deadline(self) -> Deadline:
        made = Deadline(self.seconds)
        self.deadlines.append(made)
        if self.stopped.is_set():
            made.cancel()
        return made


def purge(call: Call, query: str) -> dict[str, Purged | CacheyError]:
    return call.each(lambda call, node: _purged(call, node, f"/admin/purge?{query}"))


def _purged(call: Call, node: str, target: str) -> Purged | CacheyError:
    place = call.places[node]
    try:
        told = answer_in_turn(call, place, "POST", target, _json)
        pages, size, fenced = (int(told[name]) for name in ("pages", "bytes", "fenced"))
        return Purged(pages, size, fenced, kept=told.get("kept") is True)
    except CacheyError as error:  # before ValueError: a CacheyError can be one, too
        return error
    except (KeyError, TypeError, ValueError):
        return Unavailable("a wrong answer to a purge", node=place)


def answer_in_turn(call: Call, place: str, method: str, target: str, take: Callable[[Exchange], _Told]) -> _Told:
    """What `take` makes of the 200. 409: another purge or listing runs. The node is asked again after Retry-After, as
    long as the deadline allows."""
    deadline = call.deadline()
    while True:
        try:
            return _answer(call, place, method, target, call.admin_token, deadline, take)
        except CacheyError as error:
            pause = max(error.retry_after or 1.0, 0.1)
            if error.status != 409 or pause >= deadline.left():
                raise
            call.stopped.wait(pause)


def ready(call: Call) -> dict[str, bool | CacheyError]:
    return call.each(_ready)


def _ready(call: Call, node: str) -> bool | CacheyError:
    try:
        request = Request("GET", "/readyz", (), "")
        exchange = Exchange(call.fleet.pool, node, request, call.deadline(), call.seconds)
        exchange.open()
        exchange.head()
        try:
            if exchange.status not in (200, 503):
                raise exchange.failure()
            return exchange.status == 200
        finally:
            exchange.finish()
    except CacheyError as error:
        return error


def stats(call: Call) -> dict[str, dict[str, Any] | CacheyError]:
    return call.each(_stats)


def _stats(call: Call, node: str) -> dict[str, Any] | CacheyError:
    """From the admin address, else from the node's own."""
    try:
        return _answer(call, call.places[node], "GET", "/stats", call.token, call.deadline(), _json)
    except CacheyError as error:
        try:
            return _answer(call, node, "GET", "/stats", call.token, call.deadline(), _json)
        except CacheyError:
            return error


def _answer(
    call: Call,
    place: str,
    method: str,
    target: str,
    token: str | None,
    deadline: Deadline,
    take: Callable[[Exchange], _Told],
) -> _Told:
    split_node(place)
    request = Request(method, target, (), "", token=token)
    exchange = Exchange(call.fleet.pool, place, request, deadline, call.seconds)
    exchange.open()
    exchange.head()
    try:
        if exchange.status != 200:
            raise exchange.failure()
        return take(exchange)
    finally:
        exchange.finish()


def _json(exchange: Exchange) -> dict[str, Any]:
    text = exchange.whole(ANSWER_MAX)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Unavailable("an answer that is no JSON", node=exchange.node)
    return told
