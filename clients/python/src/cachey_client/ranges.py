"""Many ranges of one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .results import Read

if TYPE_CHECKING:
    from .client import Client


def read_ranges(
    client: Client, kind: str, key: str, ranges: Sequence[tuple[int, int]], *, gap: int, **options: Any
) -> list[Read]:
    return [client.read(kind, key, start, end, **options) for start, end in ranges]
