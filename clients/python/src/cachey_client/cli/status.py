"""cacheyctl status: which nodes answer, and how full and how busy they are."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..client import Client
from ..errors import CacheyError
from .settings import UsageError, add_options, make_client
from .text import shown, size_text, table, time_text

_TIMEOUT = 5.0
_FINDINGS_MAX = 20
Stats = Mapping[str, Any]
_HEADINGS = ["NODE", "STATE", "VERSION", "UPTIME", "HITS", "MEMORY", "DISK", "OUT", "IN", "FILLS", "CLIENTS"]
_LEFT = frozenset({"NODE", "STATE", "VERSION", "UPTIME"})
_LEAST = ("CLIENTS", "FILLS", "VERSION", "IN", "UPTIME", "OUT")


@dataclass(frozen=True)
class NodeState:
    name: str
    state: str
    """`ready`, `leaving` (/readyz is 503), `no stats` (only /readyz answered) or `down`."""
    stats: Stats | None
    error: str | None


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "status",
        help="a table of the nodes",
        description="A table of the nodes: state, version, uptime, the part of "
        "pages that were found in memory or on disk, memory and disk in use, bytes a second to clients and from the "
        "store over the last 10 s, pages on their way in, open connections; then what the nodes say is wrong with "
        "them. With --watch, hits are those of the time "
        "between two tables. Exit code 1 if a node does not answer.",
    )
    parser.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help="a new table after each SECONDS, until interrupted"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a table")
    add_options(parser, argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 86400")
    return seconds


def run(options: argparse.Namespace) -> int:
    before: dict[str, Stats] = {}
    with make_client(options, nodes_needed=True, deadline=_TIMEOUT) as client:
        while True:
            states = states_of(client)
            if options.json:
                print(json.dumps({"nodes": [vars(state) for state in states]}), flush=True)
            else:
                if options.watch and sys.stdout.isatty():
                    print("\x1b[H\x1b[2J", end="")
                width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
                print(table_of(states, before, width), flush=True)
            if not options.watch:
                break
            before = {state.name: state.stats for state in states if state.stats}
            try:
                time.sleep(options.watch)
            except KeyboardInterrupt:
                break
    if not states:
        raise UsageError("no nodes")
    return 1 if any(state.state in ("down", "no stats") for state in states) else 0


def states_of(client: Client) -> list[NodeState]:
    """The nodes in the client's order. All nodes are asked at the same time."""
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        asked = other.submit(client.stats)
        ready = client.ready()
        stats = asked.result()
    return [_state(name, ready[name], stats.get(name)) for name in ready]


def _state(name: str, ready: bool | CacheyError, stats: Stats | CacheyError | None) -> NodeState:
    known = stats if isinstance(stats, Mapping) else None
    if isinstance(ready, CacheyError):  # the data port does not answer, whatever the admin port says
        return NodeState(name, "down", known, str(ready))
    if known is None:
        return NodeState(name, "no stats", None, str(stats or "not asked"))
    return NodeState(name, "ready" if ready else "leaving", known, None)


def table_of(states: list[NodeState], before: Mapping[str, Stats], width: int | None = None) -> str:
    """width: of the terminal. Columns that matter least are left out until a row fits."""
    rows = [_HEADINGS]
    notes = []
    for state in states:
        rows.append([shown(state.name), state.state, *_cells(state.stats or {}, before.get(state.name))])
        if state.error:
            notes.append(f"{shown(state.name)}: {shown(state.error, 200)}")
        notes += [f"{shown(state.name)}: {finding}" for finding in _findings(state.stats or {})]
    text = _table(rows)
    for name in _LEAST:
        if width is None or max(map(len, text.splitlines())) <= width:
            break
        column = rows[0].index(name)
        rows = [row[:column] + row[column + 1 :] for row in rows]
        text = _table(rows)
    return "\n".join([text, *notes])


def _table(rows: list[list[str]]) -> str:
    return table(rows, frozenset(at for at, name in enumerate(rows[0]) if name not in _LEFT))


def _cells(stats: Stats, before: Stats | None) -> list[str]:
    """The columns from VERSION on; `-` for what the node does not say."""
    memory, disk = _part(stats, "memory"), _part(stats, "disk")
    version, uptime = stats.get("version"), _number(stats, "uptime_seconds")
    cells = [
        shown(version, 20) if version is not None else None,
        time_text(uptime) if uptime is not None else None,
        _hits(stats, before),
        _fullness(memory, "limit_bytes"),
        _fullness(disk, "capacity_bytes"),
    ]
    if disk and disk.get("state", "online") != "online":
        cells[-1] = shown(disk["state"], 20)
    for name in ("egress_throughput_10s_bps", "ingress_throughput_10s_bps"):
        rate = _number(stats, name)
        cells.append(f"{size_text(rate)}/s" if rate is not None else None)
    for name in ("fills_in_flight", "connections"):
        count = _number(stats, name)
        cells.append(f"{count:.0f}" if count is not None else None)
    return [cell if cell is not None else "-" for cell in cells]


def _findings(stats: Stats) -> list[str]:
    """What the node says is wrong with it, the worst first."""
    findings = stats.get("findings")
    known = [one for one in findings if isinstance(one, Mapping)] if isinstance(findings, list) else []
    return [f"{shown(one.get('level'), 8)}: {shown(one.get('text'), 300)}" for one in known[:_FINDINGS_MAX]]


def _part(stats: Stats, name: str) -> Stats:
    part = stats.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(stats: Stats, name: str) -> float | None:
    number = stats.get(name)
    return number if isinstance(number, (int, float)) and abs(number) < 1e30 else None


def _hits(stats: Stats, before: Stats | None) -> str | None:
    accesses, hits = _number(stats, "page_accesses"), _number(stats, "page_hits")
    if accesses is None or hits is None:
        return None
    old = before or {}
    accesses_before, hits_before = _number(old, "page_accesses") or 0, _number(old, "page_hits") or 0
    if accesses_before <= accesses and hits_before <= hits:  # else the node was started again
        accesses, hits = accesses - accesses_before, hits - hits_before
    return f"{100 * hits / accesses:.1f} %" if accesses > 0 else None


def _fullness(part: Stats, limit: str) -> str | None:
    used, most = _number(part, "used_bytes"), _number(part, limit)
    return f"{size_text(used)} of {size_text(most)}" if used is not None and most is not None else None
