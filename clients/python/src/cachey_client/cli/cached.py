"""cacheyctl objects: what the nodes have in memory and on disk."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from ..errors import CacheyError
from ..results import CachedObject, InTier
from .settings import UsageError, add_options, make_client
from .text import blocks, shown, size_text

_DEADLINE = 600.0
_HEADINGS = ["NODE", "SIZE", "PAGES", "MEMORY", "PAGES", "DISK", "PINNED", "OBJECT"]


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "objects",
        help="list what is cached",
        description="Lists the objects that each node has in memory and on disk, node by node, in the order of their "
        "keys: size; pages and bytes in memory; pages and bytes on disk; whether a page is pinned. A listing is no use "
        "of an object. Nodes need --admin-listen and --admin-tokens. Exit code 1 if a node did not tell all.",
    )
    parser.add_argument("kind", nargs="?", metavar="KIND", help="objects of this kind; default: of all kinds")
    parser.add_argument("--prefix", help="objects of KIND whose keys begin with this text")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each object")
    add_options(parser, argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.kind is not None and (not options.kind or "/" in options.kind):
        raise UsageError("KIND is a kind, without a slash; --prefix is for keys")
    if options.prefix is not None and (not options.prefix or options.kind is None):
        raise UsageError("--prefix is not empty, and needs KIND")
    failures: dict[str, CacheyError] = {}
    with make_client(options, nodes_needed=True, deadline=_DEADLINE) as client:
        listings = client.objects(options.kind, prefix=options.prefix)
        found = each(listings, failures)
        if options.json:
            for one in found:
                print(json.dumps(_told(one)))
        else:
            for block in blocks(_rows(found), frozenset({1, 2, 3, 4, 5})):
                print(block)
    sys.stdout.flush()
    for node, error in failures.items():
        print(f"cacheyctl: {shown(node)}: {shown(error, 200)}", file=sys.stderr)
    if not listings:
        raise UsageError("no nodes")
    return 1 if failures else 0


def each(listings: Mapping[str, Iterator[CachedObject]], failures: dict[str, CacheyError]) -> Iterator[CachedObject]:
    """The objects of one node after the other; what ends a node's listing early goes to `failures`."""
    for node, listing in listings.items():
        try:
            yield from listing
        except CacheyError as error:
            failures[node] = error


def _told(one: CachedObject) -> dict[str, object]:
    return {**asdict(one), "memory": one.memory._asdict(), "disk": one.disk._asdict()}


def _rows(found: Iterator[CachedObject]) -> Iterator[list[str]]:
    yield _HEADINGS
    for one in found:
        size = "-" if one.size is None else size_text(one.size)
        pinned = "yes" if one.pinned else "no"
        yield [shown(one.node), size, *_tier(one.memory), *_tier(one.disk), pinned, shown(f"{one.kind}/{one.key}")]


def _tier(tier: InTier) -> list[str]:
    return [str(tier.pages), size_text(tier.bytes)] if tier.pages else ["-", "-"]
