"""What the calls of a client return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class PageStatus(NamedTuple):
    """A part of an answer, bytes first to last: the bucket, and the Unix time of the fetch; 0 for just fetched."""

    first: int
    last: int
    bucket: str
    cached_at: int


class Node(NamedTuple):
    """A node of the fleet, as the client sees it."""

    name: str
    up: bool


@dataclass(frozen=True)
class Read:
    """The bytes [start, end) of one version of an object. `data` is a view of `into` if that was given.

    `pages` has the status of the first page of each answer, `nodes` the nodes that sent bytes."""

    data: bytes | memoryview = field(repr=False)
    start: int
    end: int
    etag: str | None
    size: int
    last_modified: str | None
    pages: tuple[PageStatus, ...] = ()
    nodes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Stat:
    """An object's size and version. The names in `headers` are in lower case."""

    size: int
    etag: str | None
    last_modified: str | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Warmed:
    """What a warm did: pages of the range, pages that came from the store, their bytes, the object's size."""

    pages: int
    fetched: int
    bytes: int
    size: int


@dataclass(frozen=True)
class Purged:
    """What a purge took out of one node. `fenced` counts fills under way that are not kept. `kept`: a soft purge found
    that the store still has the version that is cached."""

    pages: int
    bytes: int
    fenced: int
    kept: bool = False


class InTier(NamedTuple):
    """Pages, and parts of pages, of an object in memory or on disk."""

    pages: int
    bytes: int


@dataclass(frozen=True)
class CachedObject:
    """What a node has of an object. `size` and `etag`: None if not known. `fills`: pages that are being fetched.
    `pinned`: some of its pages. `idle_seconds` since a client last read the object from memory, or None."""

    node: str
    kind: str
    key: str
    size: int | None
    etag: str | None
    memory: InTier
    disk: InTier
    fills: int
    pinned: bool
    idle_seconds: int | None
