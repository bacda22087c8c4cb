"""cacheyctl purge: takes objects out of the caches of all nodes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence, Sized
from contextlib import ExitStack

from ..client import Client
from ..errors import CacheyError
from ..results import Purged
from .manifest import split_name
from .settings import UsageError, add_options, make_client
from .soft_purge import Counts, sweep
from .text import shown, size_text, table

_DEADLINE = 600.0
Answers = Mapping[str, Purged | CacheyError]


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "purge",
        help="take objects out of the caches",
        description="Takes objects out of the caches of all nodes, not of "
        "the owners alone: an object has former owners. A node answers when its purge holds: requests that begin later "
        "get bytes that were fetched later. Nodes need --admin-listen and --admin-tokens. A node that is not asked "
        "keeps its copies: name nodes that left the list, and may come back with their disks, by --also.",
    )
    parser.add_argument("object", nargs="?", metavar="KIND/KEY", help="one object")
    parser.add_argument("--kind", help="all objects of the kind; with --prefix, those whose keys begin with the prefix")
    parser.add_argument("--prefix", help="all objects of --kind whose keys begin with this text")
    parser.add_argument("--all", action="store_true", help="everything")
    parser.add_argument(
        "--soft",
        action="store_true",
        help="of KIND/KEY or --kind: ask the store for each object, and keep those that have not changed",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before --kind or --all")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a node that is not in --nodes; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="the answers as one JSON object")
    add_options(parser, argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    kind, key, prefix = _scope(options)
    what = _described(kind, key, prefix)
    answers: dict[str, Purged | CacheyError] = {}
    with ExitStack() as stack:
        clients = [stack.enter_context(make_client(options, nodes_needed=True, deadline=_DEADLINE))]
        if options.also:
            clients.append(stack.enter_context(make_client(options, nodes=options.also, deadline=_DEADLINE)))
        if options.soft and kind is not None and key is None:
            return _sweep(clients, kind, prefix, what, as_json=options.json)
        if key is None and prefix is None and not options.yes:
            _ask(what)
        for client in clients:  # all options are right by now
            everything = key is None and prefix is None
            answers.update(client.purge(kind, key=key, prefix=prefix, everything=everything, soft=options.soft))
    if options.json:
        print(
            json.dumps(
                {
                    "scope": {"kind": kind, "key": key, "prefix": prefix},
                    "nodes": {
                        node: {"error": str(answer)}
                        if isinstance(answer, CacheyError)
                        else {
                            "pages": answer.pages,
                            "bytes": answer.bytes,
                            "fenced": answer.fenced,
                            **({"kept": answer.kept} if options.soft else {}),
                        }
                        for node, answer in answers.items()
                    },
                }
            )
        )
    else:
        print(table_of(answers))
    failed = sorted(node for node, answer in answers.items() if isinstance(answer, CacheyError))
    return _code(what, failed, answers)


def _code(what: str, failed: Sequence[str], answers: Sized) -> int:
    if failed:
        print(
            f"cacheyctl: {shown(what)} may still be cached by {', '.join(map(shown, failed))}: purge again",
            file=sys.stderr,
        )
    return 1 if failed or not answers else 0


def _sweep(clients: Sequence[Client], kind: str, prefix: str | None, what: str, *, as_json: bool) -> int:
    """A soft purge of many objects: no question, because what the store still has is kept."""

    def failure(node: str, name: str, reason: str) -> None:
        print(f"failed: {shown(name)} at {shown(node)}: {shown(reason, 200)}", file=sys.stderr, flush=True)

    def progress(count: int) -> None:
        print(f"{count} objects asked for", file=sys.stderr, flush=True)

    found = sweep(clients, kind, prefix, failure, progress)
    if as_json:
        scope = {"kind": kind, "key": None, "prefix": prefix}
        print(json.dumps({"scope": scope, "nodes": {node: vars(counts) for node, counts in found.items()}}))
    else:
        print(table_of_counts(found))
    return _code(what, sorted(node for node, counts in found.items() if counts.failed or counts.error), found)


def _scope(options: argparse.Namespace) -> tuple[str | None, str | None, str | None]:
    """(kind, key, prefix). Raises UsageError: a scope that is left out never means everything."""
    ways = [options.object is not None, options.kind is not None, options.all]
    if sum(ways) != 1:
        raise UsageError("purge needs one of KIND/KEY, --kind, --all")
    if options.soft and options.all:
        raise UsageError("--soft is for KIND/KEY or --kind")
    if options.prefix is not None and options.kind is None:
        raise UsageError("--prefix needs --kind")
    if options.kind == "" or options.prefix == "":
        raise UsageError("an empty kind or prefix is not everything: --kind alone, or --all, says so")
    if options.object is None:
        return options.kind, None, options.prefix
    try:
        kind, key = split_name(options.object)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return kind, key, None


def _described(kind: str | None, key: str | None, prefix: str | None) -> str:
    if key is not None:
        return f"{kind}/{key}"
    if prefix is not None:
        return f"what begins with {kind}/{prefix}"
    return f"the kind {kind}" if kind is not None else "everything"


def _ask(what: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"to purge {shown(what)} without a question, say --yes")
    print(f"Purge {shown(what)} from all nodes? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was purged")


def table_of(answers: Answers) -> str:
    rows = [["NODE", "PAGES", "BYTES", "FENCED", ""]]
    for node, answer in answers.items():
        if isinstance(answer, CacheyError):
            rows.append([shown(node), "-", "-", "-", shown(answer, 200)])
        else:
            note = "kept: the store has this version" if answer.kept else ""
            rows.append([shown(node), str(answer.pages), size_text(answer.bytes), str(answer.fenced), note])
    return table(rows, frozenset({1, 2, 3}))


def table_of_counts(found: Mapping[str, Counts]) -> str:
    rows = [["NODE", "KEPT", "PURGED", "FAILED", "PAGES", "BYTES", "FENCED", ""]]
    for node, counts in found.items():
        numbers = [counts.kept, counts.purged, counts.failed, counts.pages]
        end = [size_text(counts.bytes), str(counts.fenced), shown(counts.error or "", 200)]
        rows.append([shown(node), *map(str, numbers), *end])
    return table(rows, frozenset(range(1, 7)))
