"""cacheyctl warm: objects into the caches of their owners, before readers ask for them."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import pathlib
import signal
import stat
import sys
import tempfile
from contextlib import ExitStack
from typing import BinaryIO

from ..errors import described
from . import manifest
from .listing import Listing
from .plan import Plan, Task
from .progress import Progress
from .settings import UsageError, add_options, make_client
from .text import size_of
from .warming import Run, Settings, Totals, Warmer

_WINDOW = 256 << 20
_PATIENCE = 2.0
"""Seconds that requests in flight get after an interrupt."""
INTERRUPTED = 130

Input = manifest.Manifest | Listing


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "warm",
        help="fetch objects into the caches",
        description="Fetches objects into the caches of their owners. An "
        "interrupted run can be started again: what is in the cache is answered at once. Ranges are those of HTTP: 0-9 "
        "are ten bytes.",
        epilog=manifest.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "manifest",
        nargs="?",
        metavar="MANIFEST",
        help="a file with one object a line, or - for standard input; see below",
    )
    parser.add_argument(
        "--prefix",
        metavar="s3://BUCKET/PREFIX",
        help="instead of a manifest: all objects that the store lists under the prefix",
    )
    parser.add_argument(
        "--kind",
        help="the kind of all objects; lines of the manifest are then keys alone. With "
        "--prefix, the default is the bucket's name",
    )
    parser.add_argument(
        "--bucket",
        action="append",
        default=[],
        metavar="NAME",
        help="a bucket to fetch from; may be repeated. Default: the server's rule for the kind",
    )
    parser.add_argument(
        "--s3-endpoint", metavar="URL", help="where --prefix lists: an S3 endpoint, Cachey's own included"
    )
    parser.add_argument("--in-flight", type=_count, default=16, metavar="N", help="requests at the same time (16)")
    parser.add_argument("--rate", type=_size, metavar="BYTES", help="the most bytes a second from the store: 200MB")
    parser.add_argument("--tries", type=_count, default=5, metavar="N", help="requests for one part of an object (5)")
    parser.add_argument(
        "--max-failures",
        type=_count,
        default=1000,
        metavar="N",
        help="the run stops after this number of failed objects (1000)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="afterwards, ask for everything again, from the caches alone; what is absent has failed",
    )
    parser.add_argument("--check-only", action="store_true", help="fetch nothing: only do what --check does")
    parser.add_argument("--json", action="store_true", help="progress and result on standard output, as lines of JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress; failures and the result only")
    add_options(parser, argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _size(text: str) -> int:
    try:
        size = size_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not size:
        raise argparse.ArgumentTypeError("a rate of 0 never ends")
    return size


def run(options: argparse.Namespace) -> int:
    if options.in_flight > 256:
        raise UsageError("--in-flight is at most 256")
    settings = Settings(
        in_flight=options.in_flight,
        tries=options.tries,
        rate=options.rate,
        check=options.check_only,
        buckets=tuple(options.bucket),
        most_failures=options.max_failures,
    )
    progress = Progress(sys.stderr, sys.stdout if options.json else None, options.quiet)
    with ExitStack() as stack:
        source = _source(options, stack)
        spool = stack.enter_context(tempfile.TemporaryFile()) if options.check and not options.check_only else None
        client = stack.enter_context(make_client(options, connections=options.in_flight))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        log = logging.getLogger("cachey_client")
        log.addHandler(progress)
        stack.callback(log.removeHandler, progress)
        totals = pass_over(client, source, settings, progress, spool)
        progress.end(totals, "objects checked" if options.check_only else "objects warmed")
        if spool is not None and totals.stopped is None:
            spool.seek(0)
            written = manifest.Manifest(spool, None, os.fstat(spool.fileno()).st_size)
            checked = pass_over(client, written, Settings(**vars(settings) | {"check": True}), progress)
            progress.end(checked, "parts checked")
            totals.failed += checked.failed
            totals.stopped = checked.stopped
    if totals.stopped == _INTERRUPT:
        return INTERRUPTED
    return 1 if totals.failed or totals.stopped else 0


_INTERRUPT = "interrupted"


def _source(options: argparse.Namespace, stack: ExitStack) -> Input:
    if (options.prefix is None) == (options.manifest is None):
        raise UsageError("warm needs a manifest or --prefix, and not both")
    try:
        if options.prefix is not None:
            return Listing(options.prefix, options.kind, options.s3_endpoint)
        if options.manifest == "-":
            if sys.stdin is None:
                raise UsageError("standard input is closed")
            # a stream of its own: an interrupt may leave a thread in it, and Python's end would wait for sys.stdin
            return manifest.Manifest(open(sys.stdin.fileno(), "rb", closefd=False), options.kind)  # noqa: PTH123, SIM115
        file = stack.enter_context(pathlib.Path(options.manifest).open("rb"))  # noqa: SIM115
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{options.manifest}: {error.strerror}") from error
    status = os.fstat(file.fileno())
    return manifest.Manifest(file, options.kind, status.st_size if stat.S_ISREG(status.st_mode) else None)


def pass_over(
    client: Warmer, source: Input, settings: Settings, progress: Progress, spool: BinaryIO | None = None
) -> Totals:
    """One run over the source. Writes what was warmed to the spool, as a manifest."""
    window = min(_WINDOW, max(16 << 20, settings.rate or _WINDOW))  # with a rate, windows of about a second
    plan = Plan(source, window - window % (16 << 20))

    def remember(task: Task, start: int, end: int) -> None:
        if spool is not None:
            entry = task.entry
            ranges = f"{start}-{end - 1}"
            line = {"kind": entry.kind, "key": entry.key, "ranges": ranges, "buckets": [*entry.buckets]}
            spool.write(json.dumps(line).encode() + b"\n")

    working = Run(client, plan, settings, progress.failure, remember)
    try:
        working.start()
        while not working.wait(progress.seconds):
            progress.line(working.snapshot(), plan.known, _part_read(source, plan))
    except KeyboardInterrupt:
        working.stop(_INTERRUPT)
        with contextlib.suppress(KeyboardInterrupt):  # a second one ends the wait
            working.wait(_PATIENCE)
    if plan.fault is not None:
        progress.failure(
            "the list of objects", str(plan.fault) if isinstance(plan.fault, ValueError) else described(plan.fault)
        )
        working.stop("the list of objects broke off")
    return working.snapshot()


def _part_read(source: Input, plan: Plan) -> float | None:
    if plan.ended:
        return 1.0
    return source.read / source.total if source.total else None
