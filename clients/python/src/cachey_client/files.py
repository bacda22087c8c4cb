"""File objects."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client


def open_file(client: Client, kind: str, key: str, **options: Any) -> io.BufferedIOBase:
    return io.BytesIO(bytes(client.read(kind, key, **options).data))
