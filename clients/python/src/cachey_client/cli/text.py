"""Text for a terminal: names without control characters, sizes, times, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_FACTORS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_LONGEST = 1000
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([KMGT]?)(I?)(B?)(?:/S)?")


def shown(text: object, longest: int = _LONGEST) -> str:
    """The text as a terminal may get it: every character that is not printable is escaped, and long text is cut.

    Names of objects and texts of servers are free to contain escape sequences of terminals.
    """
    cut = str(text)
    if len(cut) > longest:
        cut = cut[: longest - 3] + "..."
    if cut.isprintable():
        return cut
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in cut)


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def size_text(count: float) -> str:
    """A number of bytes, in decimal units: `1.2 GB`."""
    value = float(count)
    for unit in _UNITS:
        if abs(value) < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def time_text(seconds: float) -> str:
    """A duration in its two largest units: `3 d 4 h`, `12 m 30 s`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def size_of(text: str) -> int:
    """The bytes of `100MB`, `1.5GiB`, `4096`, with or without `/s`. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip().upper())
    if not found or (found[3] and not found[2]):
        raise ValueError(f"{shown(text, 60)!r} is not a size, for example 100MB or 1GiB")
    factor = _BINARY_FACTORS[found[2]] if found[3] else _FACTORS[found[2]]
    return int(float(found[1]) * factor) if "." in found[1] else int(found[1]) * factor


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Rows in columns of equal width; the columns in `right` end flush. All texts must be `shown`."""
    return "\n".join(blocks(rows, right))


def blocks(rows: Iterable[Sequence[str]], right: frozenset[int], size: int = 1000) -> Iterator[str]:
    """A table of any length, `size` rows at a time: a later block may have wider columns, never narrower ones."""
    source = iter(rows)
    widths: list[int] = []
    while block := list(islice(source, size)):
        widths = widths or [0] * len(block[0])
        widths = [max(width, *(len(row[column]) for row in block)) for column, width in enumerate(widths)]
        lines = []
        for row in block:
            cells = (
                cell.rjust(width) if column in right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join(cells).rstrip())
        yield "\n".join(lines)
