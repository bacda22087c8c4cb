"""Objects as an fsspec file system: cachey://KIND/KEY. Read only.

Bytes, sizes and versions come from the cache. Lists come from another file system, because the cache has none.
"""

from __future__ import annotations

import datetime
import email.utils
import errno
import functools
import json
import os
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

import fsspec
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from .client import Client
from .errors import NotFound, OutOfRange
from .files import BLOCK_SIZE
from .ranges import GAP, side_by_side

_MAGIC = re.compile(r"[*?[]")
_OF_FSSPEC = ("asynchronous", "batch_size", "listings_expiry_time", "loop", "max_paths", "use_listings_cache")
_clients: weakref.WeakValueDictionary[tuple[int, str], Client] = weakref.WeakValueDictionary()
_clients_lock = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().update(_clients_lock=threading.Lock()))


def _shared_client(options: dict[str, Any]) -> Client:
    """One client of a process for all instances with equal options: fsspec makes an instance for each thread, but
    connections and the health of nodes serve all threads."""
    try:
        name = os.getpid(), json.dumps(options, sort_keys=True)
    except TypeError:  # an SSL context or a function that returns tokens
        return Client(**options)
    with _clients_lock:
        client = _clients.get(name)
        if client is None:
            client = _clients[name] = Client(**options)
        return client


class CacheyFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Objects of a fleet as files.

    nodes, via, token and others are options of Client. `nodes` may also be names with commas between. Without nodes and
    via, the variables CACHEY_NODES and CACHEY_TOKEN count. `read_options` go with each read: buckets, config,
    deadline, only_if_cached.

    Lists come from `target_fs`, or from the file system `target_protocol` with `target_options`. There a kind is the
    folder of its name, or the one that `target_roots` names. Without a target, lists fail.
    """

    protocol = "cachey"
    root_marker = ""
    blocksize = BLOCK_SIZE

    def __init__(
        self,
        nodes: Sequence[str] | str | None = None,
        *,
        client: Client | None = None,
        read_options: Mapping[str, Any] | None = None,
        target_protocol: str | None = None,
        target_options: Mapping[str, Any] | None = None,
        target_roots: Mapping[str, str] | None = None,
        target_fs: AbstractFileSystem | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{name: options.pop(name) for name in _OF_FSSPEC if name in options})
        if client is None:
            client = _shared_client(_from_environment(options | {"nodes": nodes}))
        elif options or nodes is not None:
            raise TypeError(f"a client and options of another one: {', '.join([*options]) or 'nodes'}")
        if target_fs is None and target_protocol is not None:
            target_fs = fsspec.filesystem(target_protocol, **(target_options or {}))
        self.client = client
        self.target = target_fs
        self._read_options = dict(read_options or {})
        self._target_roots = dict(target_roots or {})

    # --- names ----------------------------------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Keys are taken as they are: slashes at both ends, `..` and `%` belong to them."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return os.fspath(path).removeprefix("cachey://")

    def _split(self, path: str) -> tuple[str, str]:
        kind, _, key = self._strip_protocol(path).partition("/")
        return kind, key

    def _object(self, path: str) -> tuple[str, str]:
        kind, key = self._split(path)
        if not kind or not key:
            raise IsADirectoryError(errno.EISDIR, "cachey:// paths of objects are KIND/KEY", path)
        return kind, key

    def _listed(self, path: str) -> tuple[AbstractFileSystem, str, str, str]:
        """(target, path there, the root of the kind there, the kind)."""
        if self.target is None:
            raise NotImplementedError(
                "a cache has no lists: give CacheyFileSystem the file system that lists them, for example "
                "target_protocol='s3'"
            )
        kind, key = self._split(path)
        if not kind:
            raise NotImplementedError("kinds cannot be listed: name one, as in cachey://KIND/")
        root = self._target_roots.get(kind, kind).rstrip("/")
        return self.target, f"{root}/{key}" if key else root, self.target._strip_protocol(root), kind

    @staticmethod
    def _back(name: str, root: str, kind: str) -> str:
        return kind + name[len(root) :] if name.startswith(root) else name

    # --- what the cache answers --------------------------------------------------------------------------------

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        kind, key = self._split(path)
        if key:
            try:
                known = self.client.stat(kind, key, **self._options(of_stat=True))
                return {
                    "name": self._strip_protocol(path),
                    "size": known.size,
                    "type": "file",
                    "ETag": known.etag,
                    "LastModified": _moment(known.last_modified),
                }
            except NotFound:
                if self.target is None:
                    raise
        target, there, root, _ = self._listed(path)
        found: dict[str, Any] = target.info(there, **kwargs)
        return found | {"name": self._back(found["name"], root, kind)}

    def exists(self, path: str, **kwargs: Any) -> bool:
        try:
            self.info(path, **kwargs)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        try:
            return bool(self.info(path)["type"] == "file")
        except FileNotFoundError:
            return False

    def isdir(self, path: str) -> bool:
        if self.target is None and self._split(path)[1]:
            return False
        try:
            return bool(self.info(path)["type"] == "directory")
        except FileNotFoundError:
            return False

    def modified(self, path: str) -> Any:
        return self.info(path)["LastModified"]

    def ukey(self, path: str) -> str:
        return f"{self._strip_protocol(path)} {self.info(path)['ETag']}"

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Any = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **kwargs: Any,
    ) -> Any:
        """An ObjectFile. If the caller names a `cache_type` of fsspec, a file with that cache."""
        if mode != "rb":
            self._read_only(path)
        if "cache_type" in kwargs:
            return _CachedFile(self, path, mode, block_size, autocommit, cache_options=cache_options, **kwargs)
        kind, key = self._object(path)
        kwargs.pop("size", None)
        return self.client.open(kind, key, block_size=block_size or self.blocksize, **self._options(), **kwargs)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        if (start or 0) < 0 or (end or 0) < 0:
            return self._ranges_of(path, [(start, end)], None, kwargs)[0]
        kind, key = self._object(path)
        start = start or 0
        end = end if end is None else max(start, end)
        try:
            return _bytes(self.client.read(kind, key, start, end, **self._options() | kwargs).data)
        except OutOfRange:
            return b""

    def cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Bytes, or errors if those are to be returned. Ranges of one object share requests; objects are read side by
        side. A range past the end has no bytes. If a range fails, all of its object do."""
        if not isinstance(paths, list):
            raise TypeError("paths is a list")
        starts, ends = (
            [one] * len(paths) if one is None or isinstance(one, int) else list(one) for one in (starts, ends)
        )
        if not len(starts) == len(ends) == len(paths):
            raise ValueError("paths, starts and ends are of unequal length")
        places: dict[str, list[int]] = {}
        for place, path in enumerate(paths):
            places.setdefault(self._strip_protocol(path), []).append(place)

        def of_object(path: str, where: list[int]) -> list[Any]:
            try:
                return self._ranges_of(path, [(starts[place], ends[place]) for place in where], max_gap, kwargs)
            except Exception as error:
                if on_error != "return":
                    raise
                return [error] * len(where)

        found = side_by_side([functools.partial(of_object, *item) for item in places.items()])
        parts = dict(zip(chain.from_iterable(places.values()), chain.from_iterable(found), strict=True))
        return [parts[place] for place in range(len(paths))]

    def _ranges_of(
        self, path: str, ranges: list[tuple[int | None, int | None]], max_gap: int | None, kwargs: dict[str, Any]
    ) -> list[bytes]:
        kind, key = self._object(path)
        options = self._options() | {"gap": GAP if max_gap is None else max_gap} | kwargs
        if any(at is not None and at < 0 for one in ranges for at in one):
            known = self.client.stat(kind, key, **self._options(of_stat=True))
            options["if_match"] = known.etag or None
            ranges = [(_from_start(start, known.size), _from_start(end, known.size)) for start, end in ranges]
        asked = [(start or 0, end if end is None else max(end, start or 0)) for start, end in ranges]
        try:
            return [_bytes(one.data) for one in self.client.read_ranges(kind, key, asked, **options)]
        except OutOfRange as error:
            if (size := error.size) is None:
                raise
        asked = [(min(start, size), size if end is None else min(end, size)) for start, end in asked]
        return [_bytes(one.data) for one in self.client.read_ranges(kind, key, asked, **options)]

    def cat(self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any) -> Any:
        paths = self.expand_path(path, recursive=recursive)
        if paths == [self._strip_protocol(path)]:
            return self.cat_file(paths[0], **kwargs)
        found = self.cat_ranges(paths, None, None, on_error="raise" if on_error == "raise" else "return", **kwargs)
        pairs = zip(paths, found, strict=True)
        return {name: one for name, one in pairs if on_error == "return" or not isinstance(one, Exception)}

    def expand_path(self, path: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> list[str]:
        """Without a target, keys are taken as they are: `*`, `?` and `[` belong to them."""
        if self.target is None and not recursive:
            names = self._strip_protocol(path)
            return sorted({names} if isinstance(names, str) else set(names))
        return list(super().expand_path(path, recursive=recursive, maxdepth=maxdepth, **kwargs))

    # --- what the target answers ---------------------------------------------------------------------------------

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        target, there, root, kind = self._listed(path)
        found = [one | {"name": self._back(one["name"], root, kind)} for one in target.ls(there, detail=True, **kwargs)]
        return found if detail else [one["name"] for one in found]

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **kwargs: Any
    ) -> Any:
        target, there, root, kind = self._listed(path)
        found = target.find(there, maxdepth=maxdepth, withdirs=withdirs, detail=True, **kwargs)
        return self._renamed(found, root, kind, detail)

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        detail = kwargs.pop("detail", False)
        if self.target is None or not _MAGIC.search(path):
            name = self._strip_protocol(path)
            if self._split(path)[1] and self.exists(name):
                return {name: self.info(name)} if detail else [name]
            if not _MAGIC.search(path):
                return {} if detail else []
        target, there, root, kind = self._listed(path)
        return self._renamed(target.glob(there, maxdepth=maxdepth, detail=True, **kwargs), root, kind, detail)

    def invalidate_cache(self, path: str | None = None) -> None:
        if self.target is not None:
            self.target.invalidate_cache(None if path is None else self._listed(path)[1])

    def _renamed(self, found: dict[str, dict[str, Any]], root: str, kind: str, detail: bool) -> Any:
        names = {self._back(name, root, kind): one for name, one in found.items()}
        return {name: one | {"name": name} for name, one in names.items()} if detail else list(names)

    # --- what nothing answers ------------------------------------------------------------------------------------

    def _read_only(self, path: Any = None, *_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.EROFS, "a cache is read only: write to the object store", str(path))

    mkdir = makedirs = rmdir = rm = rm_file = _rm = cp_file = mv = put_file = pipe_file = touch = _read_only

    def _options(self, of_stat: bool = False) -> dict[str, Any]:
        """The read options, or those that stat() takes."""
        return {name: one for name, one in self._read_options.items() if not of_stat or name in ("buckets", "config")}


class _CachedFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file with one of fsspec's caches, pinned to the version that was there when the file was opened."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        kind, key = self.fs._object(self.path)
        options = self.fs._options() | self.kwargs | {"if_match": self.details["ETag"] or None}
        return _bytes(self.fs.client.read(kind, key, start, end, **options).data)


def _from_environment(options: dict[str, Any]) -> dict[str, Any]:
    """The options without those that are None; with the environment's nodes and token if none are given."""
    options = {name: one for name, one in options.items() if one is not None}
    if "nodes" not in options and "via" not in options:
        options["nodes"] = os.environ.get("CACHEY_NODES", "")
        if not options["nodes"]:
            raise ValueError("cachey:// needs nodes or via: give an option, or set CACHEY_NODES")
    nodes = options.get("nodes")
    if isinstance(nodes, str) and not nodes.startswith(("dns:", "file:")):
        options["nodes"] = [one.strip() for one in nodes.split(",")]
    if "token" not in options and os.environ.get("CACHEY_TOKEN"):
        options["token"] = os.environ["CACHEY_TOKEN"]
    return options


def _bytes(data: bytes | memoryview) -> bytes:
    """Without a copy, if these are all bytes of their buffer."""
    whole = data.obj if isinstance(data, memoryview) else data
    return whole if isinstance(whole, bytes) and len(whole) == len(data) else bytes(data)


def _from_start(at: int | None, size: int) -> int | None:
    """fsspec counts negative places from the object's end."""
    return at if at is None or at >= 0 else max(at + size, 0)


def _moment(last_modified: str | None) -> datetime.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(last_modified or "")
    except ValueError:
        return None
