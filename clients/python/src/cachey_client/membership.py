"""The list of nodes: given, from a name server, or from a file."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .errors import CacheyError, Invalid, Unavailable, described
from .placement import Ring

log = logging.getLogger("cachey_client")

NODES_MAX = 1024
FILE_MAX = 1 << 20
DNS_SECONDS = 30.0
FILE_SECONDS = 1.0

_HOST = re.compile(r"\[[0-9A-Fa-f:.]{2,64}(?:%[\w.-]{1,32})?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_SPAN = re.compile(r"\{(\d{1,6})\.\.(\d{1,6})\}")


def split_node(name: str) -> tuple[str, int]:
    """(host, port) of `host:port` or `[IPv6]:port`."""
    host, colon, port = name.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise Invalid(f"a node is HOST:PORT, not {name!r}")
    if not 1 <= int(port) <= 65535 or port != str(int(port)):
        raise Invalid(f"no such port: {name!r}")
    return host.strip("[]"), int(port)


def join_node(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def node_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, checked; `cachey-{0..3}.cachey:8080` stands for four."""
    if isinstance(names, (str, bytes)):
        raise Invalid("nodes are a list of names, dns:HOST:PORT or file:PATH")
    expanded: list[str] = []
    for name in names:
        if not isinstance(name, str):
            raise Invalid(f"a node is HOST:PORT, not {name!r}")
        expanded += _expand(name)
        if len(expanded) > NODES_MAX:
            raise Invalid(f"more than {NODES_MAX} nodes")
    for name in expanded:
        split_node(name)
    twice = {name for name in expanded if expanded.count(name) > 1} if len(set(expanded)) < len(expanded) else ()
    if twice:
        raise Invalid(f"the node {min(twice)} is named twice")
    if not expanded:
        raise Invalid("no nodes")
    return tuple(expanded)


def _expand(name: str) -> list[str]:
    span = _SPAN.search(name)
    if not span:
        return [name]
    first, last = int(span[1]), int(span[2])
    if last < first or last - first >= NODES_MAX:
        raise Invalid(f"not a span of nodes: {name!r}")
    return [f"{name[: span.start()]}{i}{name[span.end() :]}" for i in range(first, last + 1)]


class Membership:
    """The nodes as of now. Thread-safe."""

    def ring(self, timeout: float) -> Ring:
        """The current nodes; waits at most `timeout` seconds for the first list."""
        raise NotImplementedError

    def after_fork(self) -> None:
        """Makes the locks anew in a child."""


class Static(Membership):
    def __init__(self, names: Iterable[str]) -> None:
        self._ring = Ring(node_names(names))

    def ring(self, timeout: float) -> Ring:
        return self._ring


class Refreshed(Membership):
    """A list that `load` gives, asked again after `every` seconds, on a thread of its own that ends with the call.

    If `load` fails, the last list stays and a warning is logged. While there is no list, callers wait."""

    def __init__(self, what: str, load: Callable[[], Sequence[str] | None], every: float) -> None:
        self._what = what
        self._load = load
        self._every = every
        self._ring: Ring | None = None
        self._fault: CacheyError | None = None
        self._next = 0.0
        self._lock = threading.Lock()
        self._loading: threading.Event | None = None

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._loading = None

    def ring(self, timeout: float) -> Ring:
        if self._ring is not None and time.monotonic() < self._next:
            return self._ring
        with self._lock:
            loading = self._loading
            if loading is None and (self._ring is None or time.monotonic() >= self._next):
                self._loading = loading = threading.Event()
                try:
                    threading.Thread(target=self._refresh, args=(loading,), name="cachey-nodes", daemon=True).start()
                except BaseException as fault:  # without this the list would be taken for asked
                    self._loading = loading = None
                    if not isinstance(fault, RuntimeError):
                        raise
                    self._fault = Unavailable(f"{self._what}: {fault}")
        if self._ring is None and loading is not None:
            loading.wait(timeout)
        if self._ring is None:
            raise self._fault or Unavailable(f"{self._what} told no nodes in time")
        return self._ring

    def _refresh(self, done: threading.Event) -> None:
        try:
            names = self._load()
            if names is not None:
                ring = Ring(node_names(names))
                if self._ring is not None and ring.names != self._ring.names:
                    log.info("%s has %d nodes now", self._what, len(ring.names))
                if self._ring is None or ring.names != self._ring.names:
                    self._ring = ring
            self._fault = None
        except (CacheyError, OSError, UnicodeError) as fault:
            known, self._fault = self._fault, Unavailable(f"{self._what}: {described(fault)}")
            if self._ring is not None and str(known) != str(self._fault):
                log.warning("%s; the last list stays", self._fault)
        finally:
            self._next = time.monotonic() + self._every
            self._loading = None
            done.set()


def addresses_of(host: str, port: int) -> list[tuple[str, int]]:
    """The addresses behind a name, as the name server orders them. Raises OSError if there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(address[0]), port) for *_, address in found))


class File:
    """Reads a file of nodes, one a line; `#` begins a comment. None if the file has not changed."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int, int] | None = None

    def __call__(self) -> list[str] | None:
        stat = self._path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp == self._stamp:
            return None
        if stat.st_size > FILE_MAX:
            raise Invalid(f"more than {FILE_MAX} bytes")
        with self._path.open("rb") as file:
            text = file.read(FILE_MAX).decode()
        names = [*node_names(name for line in text.splitlines() if (name := line.partition("#")[0].strip()))]
        self._stamp = stamp  # of a list that was right: a wrong one is read, and its fault told, again
        return names


def membership(nodes: Sequence[str] | str) -> Membership:
    """The membership that the argument `nodes` of a client means."""
    if not isinstance(nodes, str):
        return Static(nodes)
    scheme, colon, rest = nodes.partition(":")
    if colon and scheme == "dns":
        host, port = split_node(rest)
        return Refreshed(nodes, lambda: sorted(join_node(*found) for found in addresses_of(host, port)), DNS_SECONDS)
    if colon and scheme == "file" and rest:
        return Refreshed(nodes, File(rest), FILE_SECONDS)
    return Static([name.strip() for name in nodes.split(",")])
