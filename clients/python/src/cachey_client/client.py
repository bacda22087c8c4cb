"""The client: reads from a fleet of Cachey."""

from __future__ import annotations

import os
import re
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from . import admin, inspecting
from .asking import Fleet, Question, ask
from .attempts import Retries
from .deadline import Deadline
from .errors import CacheyError, Invalid, OutOfRange
from .exchange import Request, checked_fields, fetch_target
from .hedges import Hedges
from .membership import join_node, membership, split_node
from .placement import GROUP_SIZE
from .pool import Pool
from .reading import POSITION_MAX, Reading
from .results import CachedObject, Node, Purged, Read, Stat, Warmed
from .routes import Balanced, Placed, Route

if TYPE_CHECKING:
    from .files import ObjectFile

Token = str | Callable[[], str]
Config = Mapping[str, str | int | bool] | str

_THREADS_MAX = 8
_WARM_SECONDS = 300.0
_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_worker = threading.local()


class Client:
    """Reads objects from a fleet of Cachey. Thread-safe; may be used after a fork; can be pickled, with its token.

    nodes: the fleet: a list of `host:port`, `dns:HOST:PORT` or `file:PATH`. The client finds the owner of each group of
    an object itself. via: instead of that, a balancer that passes requests on or redirects to the owner; `nodes` then
    names the nodes that may get the token. deadline: seconds for each call in all. hedge_budget: the share of short
    reads that may ask a second node. connections: the most to one node."""

    def __init__(
        self,
        nodes: Sequence[str] | str | None = None,
        *,
        via: str | None = None,
        group_size: int = GROUP_SIZE,
        token: Token | None = None,
        tls: ssl.SSLContext | bool = False,
        admin_port: int = 9090,
        admin_nodes: Mapping[str, str] | None = None,
        admin_token: Token | None = None,
        deadline: float = 30.0,
        hedge_budget: float = 0.05,
        connections: int = 16,
    ) -> None:
        self._arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        if not isinstance(group_size, int) or group_size < 1 << 20:
            raise Invalid("group_size is at least 1 MiB")
        if not 0 <= hedge_budget <= 1:
            raise Invalid("hedge_budget is from 0 to 1")
        Deadline(deadline)
        self._group_size = group_size
        self._token = token
        self._admin_token = admin_token
        self._deadline = deadline
        self._admin_port = admin_port
        self._admin_nodes = dict(admin_nodes or {})
        route, tls = _route(nodes, via, tls)
        context = ssl.create_default_context() if tls is True else tls or None
        hedges = Hedges(hedge_budget if via is None else 0.0)
        self._fleet = Fleet(Pool(connections, context), route, hedges, Retries(), context is not None)
        self._windows = admin.Windows()
        self._closed = False
        self._executor: ThreadPoolExecutor | None = None
        self._after_fork()
        _clients.add(self)

    def read(
        self,
        kind: str,
        key: str,
        start: int = 0,
        end: int | None = None,
        *,
        buckets: Sequence[str] = (),
        config: Config | None = None,
        into: Any = None,
        exact: bool = False,
        object_size: int | None = None,
        only_if_cached: bool = False,
        if_match: str | None = None,
        deadline: float | None = None,
    ) -> Read:
        """The bytes [start, end) of an object, up to its end; without `end` all from `start` on.

        into: a writable buffer for the bytes; if the call fails, what the buffer holds is undefined. All bytes are of
        one version of the object: Changed is raised if that is impossible."""
        fields = checked_fields(
            {
                "C0-Bucket": _buckets(buckets),
                "C0-Config": _config(config),
                "C0-Exact": "true" if exact else None,
                "C0-Object-Size": None if object_size is None else str(int(object_size)),
                "Cache-Control": "only-if-cached" if only_if_cached else None,
            }
        )
        if if_match is not None:
            checked_fields({"If-Match": if_match})
        start, end = _interval(start, end)
        if into is not None:
            room = _room(into)
            if end is None:
                end = start + room
            elif end - start > room:
                raise Invalid(f"into has {room} bytes, {end - start} are asked for")
        question = self._question("GET", kind, key, fields, if_match, deadline, may_hedge=not only_if_cached)
        if end == start:
            stat = self._stat(question)
            data = b"" if into is None else memoryview(into).cast("B")[:0]
            return Read(data, start, start, stat.etag, stat.size, stat.last_modified)
        return Reading(self._fleet, question, start, end, into, self._submit).run()

    def stat(self, kind: str, key: str, *, buckets: Sequence[str] = (), config: Config | None = None) -> Stat:
        """The size and the version of an object."""
        fields = checked_fields({"C0-Bucket": _buckets(buckets), "C0-Config": _config(config)})
        return self._stat(self._question("HEAD", kind, key, fields))

    def read_ranges(
        self, kind: str, key: str, ranges: Iterable[tuple[int, int | None]], *, gap: int = 256 << 10, **options: Any
    ) -> list[Read]:
        """Many ranges [start, end) of one object, in the order asked, of one version. Ranges with at most `gap` bytes
        between them are read at once. The options are those of read(), but for into."""
        from .ranges import read_ranges

        return read_ranges(self, kind, key, ranges, gap=gap, **options)

    def open(self, kind: str, key: str, **options: Any) -> ObjectFile:
        """A readable, seekable file object. The options are block_size and those of read()."""
        from .files import open_file

        return open_file(self, kind, key, **options)

    def warm(
        self,
        kind: str,
        key: str,
        start: int = 0,
        end: int | None = None,
        *,
        buckets: Sequence[str] = (),
        config: Config | None = None,
        only_if_cached: bool = False,
        deadline: float | None = None,
    ) -> Warmed:
        """Brings the pages of [start, end) into the cache of their owners. With only_if_cached nothing is fetched:
        NotCached if a page is missing. The deadline is of each request,
        which is for one group at most."""
        words = " ".join(word for word in (_config(config), "warm=1") if word)
        cached = "only-if-cached" if only_if_cached else None
        fields = checked_fields({"C0-Bucket": _buckets(buckets), "C0-Config": words, "Cache-Control": cached})
        start, end = _interval(start, end)
        seconds = deadline or max(self._deadline, _WARM_SECONDS)

        def question() -> Question:
            return self._question("HEAD", kind, key, fields, None, seconds, may_hedge=False)

        return admin.warm(self._fleet, self._windows, question, start, end)

    def purge(
        self,
        kind: str | None = None,
        *,
        key: str | None = None,
        prefix: str | None = None,
        everything: bool = False,
        soft: bool = False,
        node: str | None = None,
    ) -> dict[str, Purged | CacheyError]:
        """Drops an object, all objects with a prefix, a kind (`everything=True`), or all, at all nodes. `soft`, of an
        object: each node that caches the object asks the store, and drops the object only if it has changed. `node`:
        at this node alone."""
        query = admin.purge_query(kind, key, prefix, everything, soft)
        return admin.purge(self._admin_call(node), query)

    def objects(self, kind: str | None = None, *, prefix: str | None = None) -> dict[str, Iterator[CachedObject]]:
        """What each node has in memory and on disk: of a kind, its keys with a prefix, or all, in the order of kind and
        key. An iterator asks its node as it goes, with a deadline for each 10,000 objects, and raises CacheyError; also
        at its end if the node could not tell all. A listing is no use of an object."""
        return inspecting.objects(self._admin_call(), kind, prefix)

    def stats(self) -> dict[str, dict[str, Any] | CacheyError]:
        """What /stats of each node says."""
        return admin.stats(self._admin_call())

    def ready(self) -> dict[str, bool | CacheyError]:
        """Whether /readyz of each node is 200; it is 503 from the start of a shutdown."""
        return admin.ready(self._admin_call())

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the fleet. A node is down if a request to it has failed, until it answers again."""
        route = self._fleet.route
        return tuple(Node(name, route.health.up(name)) for name in route.everyone(Deadline(self._deadline)))

    def close(self) -> None:
        """Closes all connections. A closed client refuses further calls."""
        self._fleet.pool.close()
        with self._lock:  # no work is submitted afterwards
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client(nodes={self._arguments['nodes']!r}, via={self._arguments['via']!r})"

    def __getstate__(self) -> dict[str, Any]:
        if isinstance(self._arguments["tls"], ssl.SSLContext):
            raise TypeError("a client with an SSLContext cannot be pickled; tls=True can")
        return self._arguments

    def __setstate__(self, arguments: dict[str, Any]) -> None:
        self.__init__(**arguments)  # type: ignore[misc]

    def _stat(self, question: Question) -> Stat:
        attempts = question.attempts(self._fleet, 0)
        request = question.request.as_head()
        try:
            exchange = ask(self._fleet, question, attempts, request.at(0, 0, request.if_match))
        except OutOfRange as error:
            if error.size == 0:
                return Stat(0, None, None)
            raise
        _, _, version = exchange.partial()
        headers = exchange.fields
        exchange.finish()
        return Stat(version.size, version.etag, version.last_modified, headers)

    def _question(
        self,
        method: str,
        kind: str,
        key: str,
        fields: tuple[tuple[str, str], ...],
        if_match: str | None = None,
        deadline: float | None = None,
        *,
        may_hedge: bool = True,
    ) -> Question:
        if self._closed:
            raise Invalid("the client is closed")
        request = Request(
            method, fetch_target(kind, key), fields, os.urandom(16).hex(), if_match=if_match, token=_secret(self._token)
        )
        limit = Deadline(self._deadline if deadline is None else deadline)
        return Question(kind, key, request, limit, may_hedge, self._group_size)

    def _admin_call(self, only: str | None = None) -> admin.Call:
        if self._closed:
            raise Invalid("the client is closed")
        deadline = Deadline(self._deadline)
        places = {}
        for node in self._fleet.route.everyone(deadline) if only is None else (only,):
            host, _ = split_node(node)
            places[node] = self._admin_nodes.get(node, join_node(host, self._admin_port))
        secrets = _secret(self._admin_token), _secret(self._token)
        return admin.Call(self._fleet, places, *secrets, self._deadline, self._submit)

    def _submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any] | None:
        """Runs work on a thread of the client. None on such a thread, whose work must not wait for a place, and after
        close()."""
        if getattr(_worker, "busy", False):
            return None
        with self._lock:
            if self._closed:
                return None
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_THREADS_MAX, "cachey", initializer=_mark_worker)
            return self._executor.submit(work, *arguments)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._executor = None
        self._fleet.pool.after_fork()
        self._fleet.route.after_fork()
        self._fleet.hedges.after_fork()
        self._fleet.retries.after_fork()


def _mark_worker() -> None:
    _worker.busy = True


def _forked() -> None:
    _worker.busy = False
    for client in list(_clients):
        client._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _route(
    nodes: Sequence[str] | str | None, via: str | None, tls: ssl.SSLContext | bool
) -> tuple[Route, ssl.SSLContext | bool]:
    if via is None:
        if nodes is None:
            raise Invalid("name the nodes, or a balancer by via=")
        return Placed(membership(nodes)), tls
    url = urlsplit(via)
    if (
        url.scheme not in ("http", "https")
        or not url.hostname
        or url.path not in ("", "/")
        or url.query
        or "@" in url.netloc
    ):
        raise Invalid("via is http://HOST[:PORT] or https://HOST[:PORT]")
    if url.scheme == "http" and tls:
        raise Invalid("via is http:, but tls is set")
    balancer = _balancer(url)
    return Balanced(balancer, membership(nodes) if nodes is not None else None), tls or url.scheme == "https"


def _balancer(url: SplitResult) -> str:
    try:
        port = (443 if url.scheme == "https" else 80) if url.port is None else url.port
    except ValueError:
        raise Invalid("no such port in via") from None
    balancer = join_node(url.hostname or "", port)
    split_node(balancer)
    return balancer


def _secret(token: Token | None) -> str | None:
    value = token() if callable(token) else token
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,4096}", value):
        raise Invalid("a token is of visible ASCII characters")
    return value


def _interval(start: int, end: int | None) -> tuple[int, int | None]:
    if start < 0 or start > POSITION_MAX or (end is not None and not start <= end):
        raise Invalid(f"not a range: {start} to {end}")
    return start, None if end is None else min(end, POSITION_MAX)


def _room(into: Any) -> int:
    view = memoryview(into)
    if view.readonly or not view.c_contiguous:
        raise Invalid("into is a writable, contiguous buffer")
    return view.nbytes


def _buckets(buckets: Sequence[str]) -> str | None:
    if isinstance(buckets, str):
        raise Invalid("buckets are a list of names")
    if any(not name or "," in name for name in buckets):
        raise Invalid("the name of a bucket is not empty and has no comma")
    return ", ".join(buckets) or None


def _config(config: Config | None) -> str | None:
    if config is None or isinstance(config, str):
        return config or None
    words = {True: "true", False: "false"}
    return " ".join(f"{name}={words[value] if isinstance(value, bool) else value}" for name, value in config.items())
