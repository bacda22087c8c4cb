#!/usr/bin/env python3
"""Hit ratios of the eviction policy of both tiers beside other policies, over traces made from a seed.

    ./dev bench replay                              # prints tables in Markdown; 2 minutes of both cores
    ./dev bench replay --plot replay.svg            # also draws a picture
    ./dev bench replay --trace FILE --requests 1000000 --json replay.json
    ./dev bench replay --disk                       # instead: what is worth a write to the disk? 1 minute

The judge of the other policies is libCacheSim: its own code reads the same trace files. --trace adds a file in its
format oracleGeneral. Cache sizes are shares of the working set's bytes. The first tenth of a trace only fills the
cache, all other requests count. `belady` knows the future.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import replay_disk

HERE = pathlib.Path(__file__).parent
REPLAY = HERE.parent / "build/release/bench/replay"
JUDGE = [HERE.parent / "build/tools/replay/bin/python", HERE / "replay/judge.py"]
SHARES = (0.01, 0.1, 0.4)
OPTIMUM = "belady"
BEHIND_MAX = 0.04  # else it fails, or if another policy is better on average
DRAWN = {"cachey": "#d62728", "s3-fifo": "#ff9896", "sieve": "#1f77b4", "arc": "#2ca02c", "lirs": "#9467bd",
         "w-tinylfu": "#e6a700", "lru": "#7f7f7f", OPTIMUM: "#e5e7eb"}


def rows_of(trace, folder):
    """The rows of all policies for a trace: {"trace", "share", "policy", "hit_ratio", "byte_hit_ratio"}."""
    capacities = {int(trace["bytes"] * share): share for share in SHARES}
    words = [str(capacity) for capacity in capacities]
    ours = json.loads(subprocess.check_output([REPLAY, "run", trace["file"], *words]))
    rows = [{"policy": "cachey", **row} for row in ours]
    log = folder / f"{pathlib.Path(trace['file']).name}.log"
    others = subprocess.check_output([*JUDGE, trace["file"], log, *words], text=True)
    rows += [json.loads(line) for line in others.splitlines()]
    return [{"trace": trace["trace"], "share": capacities[row.pop("capacity")], **row} for row in rows]


def by_cell(results, ratio):
    """{(trace, share): {policy: ratio}}, in the order of the results."""
    cells = {}
    for row in results:
        cells.setdefault((row["trace"], row["share"]), {})[row["policy"]] = row[ratio]
    return cells


def online(cell):
    return {policy: ratio for policy, ratio in cell.items() if policy != OPTIMUM}


def table(cells):
    policies = list(next(iter(cells.values())))
    yield "| trace | cache | " + " | ".join(policies) + " |"
    yield "|---|---|" + "---|" * len(policies)
    for (trace, share), cell in cells.items():
        best = f"{max(online(cell).values()):.1%}"
        texts = {policy: f"{ratio:.1%}" for policy, ratio in cell.items()}
        shown = [f"**{texts[p][:-1]}**" if p != OPTIMUM and texts[p] == best else texts[p][:-1] for p in policies]
        yield f"| {trace} | {share:.0%} | " + " | ".join(shown) + " |"
    means = [sum(cell[p] for cell in cells.values()) / len(cells) for p in policies]
    yield "| mean | | " + " | ".join(f"{100 * ratio:.1f}" for ratio in means) + " |"
    worst = [max(max(online(cell).values()) - cell[p] for cell in cells.values()) for p in policies]
    yield "| most points behind the best | | " + " | ".join(
        "" if p == OPTIMUM else f"{100 * points:.1f}" for p, points in zip(policies, worst)) + " |"


def plot(cells, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "figure.facecolor": "white"})
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(SHARES), 1, figsize=(14, 3 * len(SHARES)), sharex=True)
    for axis, share in zip(axes, SHARES):
        traces = [trace for trace, of in cells if of == share]
        for index, (policy, colour) in enumerate(DRAWN.items()):
            optimum = policy == OPTIMUM
            ratios = [100 * cells[trace, share][policy] for trace in traces]
            axis.bar([at + (index - len(DRAWN) / 2 + 0.5) * 0.11 for at in range(len(traces))], ratios, width=0.1,
                     label="belady: knows the future" if optimum else policy, color=colour,
                     edgecolor="#555" if optimum else None, linewidth=0.6)
        axis.set_xticks(range(len(traces)), traces, fontsize=8)
        axis.set_ylabel(f"hits, %\ncache of {share:.0%}")
        axis.set_ylim(0, 100)
        axis.grid(axis="y", alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(ncols=len(DRAWN), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Date": None} if str(path).endswith(".svg") else None)


def traces_of(options, folder):
    traces = json.loads(subprocess.check_output([REPLAY, "make", folder, str(options.requests)]))
    for trace in traces:
        trace["file"] = str(folder / trace["trace"])
    for path in options.trace:
        size = json.loads(subprocess.check_output([REPLAY, "size", path]))
        traces.append({"trace": path.stem, "file": str(path), **size})
    return traces


def measure(options, folder):
    traces = traces_of(options, folder)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [row for rows in pool.map(lambda trace: rows_of(trace, folder), traces) for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500_000)
    parser.add_argument("--trace", type=pathlib.Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    parser.add_argument("--disk", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.disk:
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                traces = traces_of(options, pathlib.Path(folder))
                print("\n".join(replay_disk.report(REPLAY, traces, pool)))
            return 0
        results = measure(options, pathlib.Path(folder))
    if options.json:
        options.json.write_text(json.dumps(results, indent=0))
    requests, sizes = by_cell(results, "hit_ratio"), by_cell(results, "byte_hit_ratio")
    print("Requests that hit, %:\n")
    print("\n".join(table(requests)))
    print("\nBytes that hit, %, if the objects have several sizes:\n")
    print("\n".join(table({at: cell for at, cell in sizes.items() if cell != requests[at]})))
    if options.plot:
        plot(requests, options.plot)
    both = {at: {policy: (cell[policy] + sizes[at][policy]) / 2 for policy in online(cell)}
            for at, cell in requests.items()}
    means = {policy: sum(cell[policy] for cell in both.values()) for policy in next(iter(both.values()))}
    best = max(means, key=means.get)
    behind = [max(cell.values()) - cell["cachey"] for cell in both.values()]
    near = sum(points <= 0.01 for points in behind)
    print(f"\nBy the mean of both ratios {best} is the best on average. cachey is within a point of the best in {near}"
          f" of {len(behind)} rows, and {100 * max(behind):.1f} points behind at most.")
    return 0 if best == "cachey" and max(behind) <= BEHIND_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
