"""cacheyctl owner and read: one object."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from .. import placement
from ..client import Client
from ..errors import OutOfRange
from .manifest import ranges_of, split_name
from .plan import GROUP
from .settings import UsageError, add_options, fleet_of, make_client
from .text import shown, size_of

_PIECE = 32 << 20


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    owner = commands.add_parser(
        "owner",
        help="which node has an object",
        description="The nodes in the order in which "
        "clients ask for an object's bytes: the owner first. Each GiB of an object has an owner of its own. "
        "HAProxy has a rule of its own: with --via or CACHEY_VIA this command refuses.",
    )
    owner.add_argument("object", metavar="KIND/KEY")
    owner.add_argument(
        "--offset", type=_offset, default=0, metavar="BYTES", help="where in the object: 3GiB; default: 0"
    )
    add_options(owner, argparse.SUPPRESS)
    owner.set_defaults(run=run_owner)
    read = commands.add_parser(
        "read",
        help="read an object, or a range of it",
        description="Writes the bytes of an object "
        "to standard output or to a file. The file appears when all bytes are there.",
    )
    read.add_argument("object", metavar="KIND/KEY")
    read.add_argument("--range", metavar="FIRST-LAST", help="as in HTTP: 0-9 are ten bytes; default: the whole object")
    read.add_argument(
        "--bucket", action="append", default=[], metavar="NAME", help="a bucket to fetch from; may be repeated"
    )
    read.add_argument(
        "-o", "--output", metavar="FILE", help="the file; - for standard output, even if that is a terminal"
    )
    add_options(read, argparse.SUPPRESS)
    read.set_defaults(run=run_read)


def _offset(text: str) -> int:
    try:
        return size_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(options: argparse.Namespace) -> tuple[str, str]:
    try:
        return split_name(options.object)
    except ValueError as error:
        raise UsageError(str(error)) from error


def run_owner(options: argparse.Namespace) -> int:
    kind, key = _name(options)
    if fleet_of(options)[1]:
        raise UsageError(
            "HAProxy chooses owners by a rule of its own: owner is for fleets without --via and CACHEY_VIA"
        )
    with make_client(options, nodes_needed=True) as client:
        names = [node.name for node in client.nodes]
    for node in placement.rank(names, kind, key, options.offset // GROUP):
        print(shown(node))
    return 0


def run_read(options: argparse.Namespace) -> int:
    kind, key = _name(options)
    try:
        ranges = ranges_of(options.range) if options.range else ((0, -1),)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if len(ranges) > 1:
        raise UsageError("read takes one range")
    if options.output is None and sys.stdout.isatty():
        raise UsageError("the bytes would go to the terminal: name a file by -o, or say -o -")
    start, end = ranges[0]
    with make_client(options) as client:

        def copy_to(out: IO[bytes]) -> None:
            copy(client, kind, key, start, end, tuple(options.bucket), out)

        if options.output in (None, "-"):
            copy_to(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            to_file(pathlib.Path(options.output), copy_to)
    return 0


def copy(client: Client, kind: str, key: str, start: int, end: int, buckets: tuple[str, ...], out: IO[bytes]) -> None:
    """Writes [start, end) of one version of the object, piece by piece; end -1 is the object's end."""
    etag = None
    while end < 0 or start < end:
        to = start + _PIECE if end < 0 else min(end, start + _PIECE)
        try:
            read = client.read(kind, key, start, to, buckets=buckets, if_match=etag)
        except OutOfRange:
            if start == 0 and end < 0:  # an empty object
                return
            raise
        out.write(read.data)
        etag = read.etag
        start = read.end
        if read.size is not None:
            end = read.size if end < 0 else min(end, read.size)


def to_file(path: pathlib.Path, write: Callable[[IO[bytes]], None]) -> None:
    """The file gets its name when it is whole."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as file:
            try:
                write(file)
            except BaseException:
                pathlib.Path(file.name).unlink()
                raise
        made = pathlib.Path(file.name)
        made.chmod(0o666 & ~_umask())
        made.replace(path)
    except OSError as error:
        if error.filename is None:
            raise
        raise UsageError(f"{path}: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
