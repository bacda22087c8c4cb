"""A client for Cachey, a read-through cache for object storage."""

from .client import Client
from .errors import (
    CacheyError,
    Changed,
    DeadlineExceeded,
    Denied,
    Invalid,
    NotCached,
    NotFound,
    OutOfRange,
    Unavailable,
)
from .results import CachedObject, InTier, Node, PageStatus, Purged, Read, Stat, Warmed

__version__ = "0.3.0"

__all__ = [
    "CachedObject",
    "CacheyError",
    "Changed",
    "Client",
    "DeadlineExceeded",
    "Denied",
    "InTier",
    "Invalid",
    "Node",
    "NotCached",
    "NotFound",
    "OutOfRange",
    "PageStatus",
    "Purged",
    "Read",
    "Stat",
    "Unavailable",
    "Warmed",
]
