"""Warm, purge and stats."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from .asking import Fleet, Question, ask
from .deadline import Deadline
from .errors import CacheyError, Invalid, Unavailable
from .exchange import Exchange, Request
from .membership import split_node
from .placement import text_bytes
from .results import Purged, Warmed

_Told = TypeVar("_Told")

ANSWER_MAX = 4 << 20
_WARMED = re.compile(r"pages=(\d{1,9}); fetched=(\d{1,9}); bytes=(\d{1,19})")
_LIMIT = re.compile(r"limit=(\d{1,19})")


def warm(fleet: Fleet, question: Callable[[], Question], start: int, end: int | None) -> Warmed:
    """Asks the owner of each group to bring its pages in, one group after the other. `question` makes a new one, with a
    deadline of its own."""
    total, at, size, window = Warmed(0, 0, 0, 0), start, None, None
    while end is None or at < end:
        asked = question()
        group = at // asked.group_size
        border = (group + 1) * asked.group_size
        if window is not None:
            border = min(border, (at // window + 1) * window)
        stop = border if end is None else min(end, border)
        request = asked.request.at(at, stop - 1, asked.request.if_match)
        try:
            exchange = ask(fleet, asked, asked.attempts(fleet, group), request)
        except Invalid as error:
            limit = _LIMIT.fullmatch(error.warm or "")
            if limit is None or window is not None or not 0 < int(limit[1]) < stop - at:
                raise
            window = int(limit[1])
            continue
        except CacheyError as error:
            if error.status == 416 and getattr(error, "size", None) == 0 and at == 0:
                return total
            raise
        done = _WARMED.fullmatch(exchange.field("c0-warm") or "")
        _, last, version = exchange.partial()
        exchange.finish()
        if done is None:
            raise CacheyError("the server does not know warm", status=exchange.status, node=exchange.node)
        total = replace(
            total,
            pages=total.pages + int(done[1]),
            fetched=total.fetched + int(done[2]),
            bytes=total.bytes + int(done[3]),
            size=version.size,
        )
        at, size = last + 1, version.size
        end = size if end is None else min(end, size)
    return total


def purge_query(kind: str | None, key: str | None, prefix: str | None, everything: bool) -> str:
    """The query of a purge. What is purged must be said: nothing given is not everything."""
    if everything:
        if key is not None or prefix is not None:
            raise Invalid("everything=True goes with no key and no prefix")
        words = [("kind", kind)] if kind else []
        return urlencode([*((name, text_bytes(value)) for name, value in words), ("all", b"true")])
    if not kind or (key is None) == (prefix is None) or not (key or prefix):
        raise Invalid("purge takes kind and key, kind and prefix, or everything=True")
    name, value = ("object", key) if key is not None else ("prefix", prefix)
    return urlencode([("kind", text_bytes(kind)), (name, text_bytes(value or ""))])


@dataclass(frozen=True, repr=False)
class Call:
    """What a request to the admin address of each node needs."""

    fleet: Fleet
    places: dict[str, str]
    admin_token: str | None
    token: str | None
    seconds: float
    submit: Callable[..., Future[Any] | None]

    def each(self, ask_node: Callable[[Call, str], _Told]) -> dict[str, _Told]:
        """Asks the nodes side by side, each with a deadline of its own."""
        asked = [(node, self.submit(ask_node, self, node)) for node in self.places]
        return {node: ask_node(self, node) if future is None else future.result() for node, future in asked}


def purge(call: Call, query: str) -> dict[str, Purged | CacheyError]:
    return call.each(lambda call, node: _purged(call, node, f"/admin/purge?{query}"))


def _purged(call: Call, node: str, target: str) -> Purged | CacheyError:
    try:
        told = _answer(call, call.places[node], "POST", target, call.admin_token)
        return Purged(*(int(told[name]) for name in ("pages", "bytes", "fenced")))
    except (KeyError, TypeError, ValueError):
        return Unavailable("a wrong answer to a purge", node=call.places[node])
    except CacheyError as error:
        return error


def ready(call: Call) -> dict[str, bool | CacheyError]:
    return call.each(_ready)


def _ready(call: Call, node: str) -> bool | CacheyError:
    try:
        exchange = Exchange(
            call.fleet.pool, node, Request("GET", "/readyz", (), ""), Deadline(call.seconds), call.seconds
        )
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
        return _answer(call, call.places[node], "GET", "/stats", call.token)
    except CacheyError as error:
        try:
            return _answer(call, node, "GET", "/stats", call.token)
        except CacheyError:
            return error


def _answer(call: Call, place: str, method: str, target: str, token: str | None) -> dict[str, Any]:
    split_node(place)
    request = Request(method, target, (), "", token=token)
    exchange = Exchange(call.fleet.pool, place, request, Deadline(call.seconds), call.seconds)
    exchange.open()
    exchange.head()
    try:
        if exchange.status != 200:
            raise exchange.failure()
        told = json.loads(exchange.whole(ANSWER_MAX))
        if not isinstance(told, dict):
            raise ValueError
        return told
    except (ValueError, http.client.HTTPException) as error:
        if isinstance(error, CacheyError):
            raise
        raise Unavailable("an answer that is no JSON", node=place) from None
    finally:
        exchange.finish()
