"""Writes results.json, report.md, the plots, and the generated parts of docs/performance.md."""

import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
from pathlib import Path

from servers import BenchError

from . import peers, plots, verdicts
from .figures import FIGURES, text

PIECES = ("machine.md", "budgets.md", "ratios.md", "tables.md")


def machine(options, bench, arguments):
    def output(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip()

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    git = ["git", "-C", str(peers.REPOSITORY)]
    changed = output(*git, "status", "--porcelain", "--untracked-files=no") != ""
    return {
        "cpu": model[1] if model else platform.processor(), "cores": os.cpu_count(), "kernel": platform.release(),
        "load_average_at_start": [round(load, 1) for load in os.getloadavg()], "pinned": bench.pinned,
        "commit": output(*git, "rev-parse", "--short", "HEAD") + (" with changes" if changed else ""),
        "versions": peers.versions(), "command": shlex.join(["./dev", "bench", "compare", *arguments]),
        "date": output("date", "-u", "+%F %H:%M UTC"), "rounds": options.rounds, "seconds": options.seconds,
    }


def head(results):
    facts = results.machine
    pinned = "servers on the first, load and origin on the second" if facts["pinned"] else "nothing is pinned"
    yield (f"- {facts['cpu']}, {facts['cores']} CPUs, Linux {facts['kernel']}; {pinned}; load average at the start "
           f"{facts['load_average_at_start'][0]}")
    yield f"- commit {facts['commit']}, {facts['date']}: `{facts['command']}`"
    yield "- " + "; ".join(f"{name}: {version or 'not available'}" for name, version in facts["versions"].items())
    yield (f"- runs of {facts['seconds']:g} s; medians of the rounds ({facts['rounds']}), smallest and largest in brackets; "
           "GB = 10^9 bytes; CPU is user + system of the server's processes; a figure in bold is the best of its line")


def columns_of(results, family):
    named = {name for row in results.rows.values() if row["family"] == family for name in row["cells"]}
    known = [kind.name for kind in peers.COLUMNS]
    return [name for name in known if name in named] + sorted(named - set(known))


def table(results, family):
    """The Markdown table of a family: one line per figure of each workload, and the notes of its cells."""
    columns = columns_of(results, family)
    notes = {}

    def note(reason):
        return f"[{notes.setdefault(reason, len(notes) + 1)}]"

    yield "| | | " + " | ".join(columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    for name, row in results.rows.items():
        if row["family"] != family:
            continue
        for index, figure in enumerate(row["shows"]):
            best = _best(results, name, row, figure)
            cells = [_cell(results, name, row, column, figure, column in best, note) for column in columns]
            yield f"| {row['title'] if index == 0 else ''} | {FIGURES[figure].title} | " + " | ".join(cells) + " |"
    yield ""
    for reason, number in notes.items():
        yield f"[{number}] {reason}  "


def _best(results, name, row, figure):
    kind = FIGURES[figure]
    medians = {column: results.median(name, column, figure) for column in row["cells"]
               if column not in verdicts.YARDSTICKS}
    medians = {column: value for column, value in medians.items() if value is not None}
    if kind.better is None or len(medians) < 2:
        return ()
    best = kind.better(medians.values())
    return [column for column, value in medians.items() if text(figure, value) == text(figure, best)]


def _cell(results, name, row, column, figure, best, note):
    cell = row["cells"].get(column)
    if cell is None:
        return ""
    values = results.values(name, column, figure)
    if not values:
        reason = cell.get("failed") or cell.get("missing")
        if not reason:
            return ""
        return ("failed " if "failed" in cell else "n/a ") + note(reason)
    shown = text(figure, statistics.median(values))
    if best:
        shown = f"**{shown}**"
    if len(values) > 1 and figure.startswith("cpu"):
        shown += f" ({text(figure, min(values))}-{text(figure, max(values))})"
    reasons = [cell[key] for key in ("note", "failed") if key in cell]
    return shown + "".join(" " + note(reason) for reason in reasons)


def tables(results, level="##"):
    for name, family in results.families.items():
        yield f"{level} {family['title']}"
        yield ""
        if family["note"]:
            yield family["note"]
            yield ""
        yield from table(results, name)
        yield ""
    if results.checks:
        yield f"{level} Is the load the bottleneck?"
        yield ""
        yield "4 KiB hits from Cachey over HTTP/1.1, 64 connections, by three clients; the best of three rounds:"
        yield ""
        yield "| client | requests/s | server's CPU-s per 100k | client's CPU-s per 100k | client busy |"
        yield "|---|---|---|---|---|"
        for client, figures in results.checks.items():
            yield (f"| {client} | {figures['requests_per_s']:,.0f} | {figures['cpu_per_100k']:.2f} | "
                   f"{figures['client_cpu_seconds'] / figures['requests'] * 1e5:.2f} | {figures['load_busy']:.0%} |")
        yield ""


def lines(parts):
    return "\n".join(parts).rstrip() + "\n"


def write(results, directory):
    directory.mkdir(parents=True, exist_ok=True)
    results.write(directory / "results.json")
    pieces = {"machine.md": head(results), "budgets.md": verdicts.budgets(results),
              "ratios.md": verdicts.ratios(results), "tables.md": tables(results, "###")}
    for name, piece in pieces.items():
        (directory / name).write_text(lines(piece))
    body = ["# Cachey beside its peers", "", *head(results), "", "## Budgets", "", *verdicts.budgets(results), "",
            "## Beside the reference, and flatness", "", *verdicts.ratios(results), "", *tables(results)]
    (directory / "report.md").write_text(lines(body))
    for path in directory.glob("*.svg"):
        path.unlink()
    plots.draw(results, directory)


def publish(directory, target):
    """Copies the plots to `target` and writes the generated parts between the markers of the page beside it."""
    page = target.with_suffix(".md")
    written = page.read_text()
    for name in PIECES:
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        if written.count(begin) != 1 or written.count(end) != 1:
            raise BenchError(f"{page} does not say where {name} goes")
        before, rest = written.split(begin)
        written = before + begin + (directory / name).read_text() + end + rest.split(end)[1]
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(directory.glob("*.svg")):
        shutil.copyfile(path, target / path.name)
    page.write_text(written)
