"""File objects over ranges of one version of an object."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, SupportsIndex

from .errors import Changed, OutOfRange, printable

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .client import Client

BLOCK_SIZE = 4 << 20
"""The longest read-ahead, and the least read that goes to its caller without a copy."""
_BUFFER = 64 << 10
"""What BufferedReader asks for, if its caller wants less; the first read-ahead of sequential reads."""
_TAIL = 256 << 10
"""Read as a whole when a part is wanted: footers of Parquet, directories of ZIP."""
_PIECE = 64 << 20
_EXACT_MAX = 16 << 20
"""The longest range that the server takes with C0-Exact."""
_OF_STAT = ("buckets", "config")


class ObjectFile(io.BufferedReader):
    """An object as a file: for one thread at a time, as other files. All bytes are of one version, the one that was
    there when the file was opened; Changed if the store has no longer that version and the cache has not all of it.

    Reads of less than `block_size` bytes share requests of at least 64 KiB. If a request continues the one before, a
    read-ahead doubles with each, up to `block_size`. Longer reads are one request for each 64 MiB; each request has the
    deadline of a read. The object's last 256 KiB are read at once and kept. Pickles to a file at the same place of the
    same version.
    """

    def __init__(self, raw: RawObject) -> None:
        self._object = raw
        super().__init__(raw, _BUFFER)

    @property
    def size(self) -> int:
        return self._object.size

    @property
    def etag(self) -> str | None:
        return self._object.etag

    def read(self, size: int | None = -1, /) -> bytes:
        here, size = self._wanted(size)
        try:
            if not self._object.is_long(size):
                return super().read(size)
            room = io.BytesIO(bytes(size))
            with room.getbuffer() as view:
                self._object.read_long(here, view)
            self.seek(here + size)
            return room.getvalue()  # without a copy
        except BaseException:
            self._back_to(here)
            raise

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        here, size = self._wanted(len(view))
        try:
            if not self._object.is_long(size):
                return super().readinto(view)
            self._object.read_long(here, view[:size])
            self.seek(here + size)
            return size
        except BaseException:
            self._back_to(here)
            raise

    def _wanted(self, size: int | None) -> tuple[int, int]:
        """(place, how many bytes of the object a read gives)."""
        self._check_open()
        here = self.tell()
        left = max(self.size - here, 0)
        size = left if size is None or size < 0 else min(size, left)
        self._object.until = here + size
        return here, size

    def _back_to(self, here: int) -> None:
        """After an error, so that a second try reads the same bytes: BufferedReader has moved on by what it had."""
        if not self.closed:
            self.seek(here)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def __repr__(self) -> str:
        return f"<ObjectFile {printable(self._object.url)}{' closed' if self.closed else ''}>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        return _reopened, (self._object.facts(), self.tell())

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[Any, ...]:
        return self.__reduce__()  # the base class has one that refuses


def open_file(
    client: Client, kind: str, key: str, *, block_size: int = BLOCK_SIZE, if_match: str | None = None, **as_read: Any
) -> ObjectFile:
    """Asks for the object's size and version, so that a missing object is NotFound here."""
    for name in ("into", "object_size"):
        if name in as_read:
            raise TypeError(f"open() takes no {name}")
    known = client.stat(kind, key, **{name: as_read[name] for name in _OF_STAT if name in as_read})
    if if_match is not None and known.etag != if_match:
        raise Changed(f"{kind}/{key}: the object is {known.etag}, not {if_match}", status=412)
    return ObjectFile(RawObject(client, kind, key, known.size, known.etag, block_size, as_read))


def _reopened(facts: tuple[Any, ...], place: int) -> ObjectFile:
    file = ObjectFile(RawObject(*facts))
    file.seek(place)
    return file


class RawObject(io.RawIOBase):
    """Reads with a read-ahead window and the object's tail in memory: at most two blocks."""

    def __init__(
        self, client: Client, kind: str, key: str, size: int, etag: str | None, block_size: int, as_read: dict[str, Any]
    ) -> None:
        super().__init__()
        if block_size < 1:
            raise ValueError(f"block_size is {block_size}, must be at least 1")
        self._client = client
        self._kind = kind
        self._key = key
        self.url = f"cachey://{kind}/{key}"
        self.size = size
        self.etag = etag
        self.until = 0  # where the read under way ends: BufferedReader asks for it in two parts
        self._block_size = block_size
        self._as_read = as_read
        self._place = 0
        self._ahead = 0
        self._window = (0, memoryview(b""))
        self._tail = (size, memoryview(b""))

    def facts(self) -> tuple[Any, ...]:
        """The arguments of another file of the same version."""
        return self._client, self._kind, self._key, self.size, self.etag, self._block_size, self._as_read

    def is_long(self, size: int) -> bool:
        """Whether a read goes past the window."""
        return size >= self._block_size and size > _BUFFER and not self._as_read.get("exact")

    def read_long(self, start: int, view: memoryview) -> None:
        """Fills the view with bytes that the object has. The deadline of a read is for each piece."""
        for at in range(0, len(view), _PIECE):
            piece = view[at : at + _PIECE]
            self._fetch(start + at, len(piece), piece)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.seek(0, io.SEEK_CUR)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"whence is {whence}, must be 0, 1 or 2")
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        if place < 0:
            raise ValueError(f"seek to {place}, before the file's start")
        self._place = place
        return place

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(self.size - self._place, 0))
        if not wanted:
            return 0
        data = self._there(wanted) or self._read_ahead(wanted)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._window = self._tail = (0, memoryview(b""))
        super().close()

    def _there(self, wanted: int) -> memoryview:
        """The bytes from the place on that are in memory, at most `wanted`."""
        for start, data in (self._window, self._tail):
            if start <= self._place < start + len(data):
                return data[self._place - start :][:wanted]
        return memoryview(b"")

    def _read_ahead(self, wanted: int) -> memoryview:
        continues = 0 < self._place == self._window[0] + len(self._window[1])
        tail = max(self.size - _TAIL, 0)
        if self._as_read.get("exact"):
            wanted = min(wanted, _EXACT_MAX)
            self._window = (self._place, self._fetch(self._place, wanted))
        elif self._place >= tail and not continues:
            self._tail = (tail, self._fetch(tail, self.size - tail))
        else:
            self._ahead = min(max(2 * self._ahead, _BUFFER), self._block_size) if continues else 0
            until = min(max(self._place + wanted + self._ahead, self.until), self.size)
            self._window = (self._place, memoryview(b""))  # frees the old one first
            self._window = (self._place, self._fetch(self._place, until - self._place))
        return self._there(wanted)

    def _fetch(self, start: int, size: int, into: memoryview | None = None) -> memoryview:
        strong = None if not self.etag or self.etag.startswith("W/") else self.etag  # If-Match holds no weak tag
        try:
            read = self._client.read(
                self._kind, self._key, start, start + size, into=into, if_match=strong, **self._as_read
            )
        except OutOfRange as error:  # shorter than when the file was opened
            raise Changed(f"{self._kind}/{self._key}: the object has become shorter", status=416) from error
        self.etag = self.etag or read.etag  # some stores tell none with the size
        if len(read) != size or read.etag != self.etag:
            raise Changed(f"{self._kind}/{self._key}: the object was overwritten while its file was open")
        return memoryview(read.data)
