"""Which node owns a part of an object: rendezvous hashing.

The hash h(x) is the first 8 bytes, big-endian, of BLAKE2b with a digest of 8 bytes. A key is kind, 0, object, 0 and the
decimal number of the group, as bytes; the object is not percent-encoded. A node's score is mix64(h(key) xor h(name));
the node with the highest score owns the key, and the next one takes over if the owner fails. The name is `host:port` as
configured, never an address that a name server gave. `vectors.json` has examples for other implementations."""

from __future__ import annotations

import functools
import hashlib
import heapq
from collections.abc import Iterable

from .errors import Invalid

GROUP_SIZE = 1 << 30
OWNERS_MAX = 10_000
_KEPT_RANKS = 4
_MASK = (1 << 64) - 1


def hash64(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def mix64(x: int) -> int:
    """The finalizer of SplitMix64, after its increment (Steele, Lea, Flood 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def text_bytes(text: str) -> bytes:
    """UTF-8, as the server wants keys."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"not Unicode: {text!r}") from None


def key_hash(kind: str, key: str, group: int) -> int:
    return hash64(b"%b\0%b\0%d" % (text_bytes(kind), text_bytes(key), group))


class Ring:
    """A fixed set of nodes. Thread-safe: the owners of the last 10,000 keys are kept in an lru_cache."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(set(names)))
        self._hashes = [(hash64(text_bytes(name)), name) for name in self.names]
        self._first = functools.lru_cache(maxsize=OWNERS_MAX)(self._rank)

    def first(self, kind: str, key: str, group: int = 0) -> tuple[str, ...]:
        """The owner, and the next three nodes."""
        return self._first(kind, key, group)

    def rank(self, kind: str, key: str, group: int = 0) -> tuple[str, ...]:
        """All nodes, the owner first."""
        return self._rank(kind, key, group, len(self.names))

    def _rank(self, kind: str, key: str, group: int, count: int = _KEPT_RANKS) -> tuple[str, ...]:
        of_key = key_hash(kind, key, group)
        scored = ((-mix64(of_key ^ of_node), name) for of_node, name in self._hashes)
        return tuple(name for _, name in heapq.nsmallest(count, scored))


def rank(names: Iterable[str], kind: str, key: str, group: int = 0) -> tuple[str, ...]:
    """All nodes in the order in which they are asked for a group of an object."""
    return Ring(names).rank(kind, key, group)
