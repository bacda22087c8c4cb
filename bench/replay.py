#!/usr/bin/env python3
"""Hit ratios of the eviction policy of both tiers, of other policies and of the optimum, over traces made from a seed.

    ./dev bench replay                         # prints a table in Markdown; about 20 s
    bench/replay.py --plot replay.svg          # also draws a picture
    bench/replay.py --accesses 5000000 --json replay.json

Cache sizes are shares of the working set's bytes. The first tenth of a trace only fills the cache. Requests of a scan
itself are not counted. `belady` knows the future: no policy is better (with objects of several sizes: hardly any).
"""

import argparse
import json
import pathlib
import subprocess
import sys
import textwrap

REPLAY = pathlib.Path(__file__).parent.parent / "build/release/bench/replay"
ONLINE = ("cachey", "s3-fifo", "sieve", "lru", "fifo")
COLOURS = {"cachey": "#d62728", "s3-fifo": "#ff9896", "sieve": "#1f77b4", "lru": "#7f7f7f", "fifo": "#c7c7c7",
           "belady": "#e5e7eb"}


def by_row(results):
    """{(trace, share): {policy: hit ratio}}, in the order of the results."""
    rows = {}
    for result in results:
        rows.setdefault((result["trace"], result["share"]), {})[result["policy"]] = result["hit_ratio"]
    return rows


def mean(rows, policy):
    return sum(row[policy] for row in rows.values()) / len(rows)


def table(results):
    rows = by_row(results)
    what = {result["trace"]: result["what"] for result in results}
    policies = (*ONLINE, "belady")
    yield "| trace | cache | " + " | ".join(policies) + " |"
    yield "|---|---|" + "---|" * len(policies)
    for (trace, share), row in rows.items():
        best = max(row[policy] for policy in ONLINE)
        cells = [f"**{row[p]:.1%}**" if p in ONLINE and row[p] == best > 0 else f"{row[p]:.1%}" for p in policies]
        yield f"| {what[trace]} | {share:.0%} | " + " | ".join(cells) + " |"
    yield "| mean | | " + " | ".join(f"{mean(rows, policy):.1%}" for policy in policies) + " |"


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "figure.facecolor": "white"})
    from matplotlib import pyplot
    rows = by_row(results)
    what = {result["trace"]: textwrap.fill(result["what"], 19) for result in results}
    policies = (*ONLINE, "belady")
    shares = sorted({share for _, share in rows})
    figure, axes = pyplot.subplots(len(shares), 1, figsize=(12, 2.7 * len(shares)), sharex=True)
    for axis, share in zip(axes, shares):
        traces = [trace for trace, of in rows if of == share]
        for index, policy in enumerate(policies):
            optimum = policy == "belady"
            ratios = [100 * rows[trace, share][policy] for trace in traces]
            shown = axis.bar([at + (index - 2.5) * 0.14 for at in range(len(traces))], ratios, width=0.13,
                             label="belady: the optimum, knows the future" if optimum else policy,
                             color=COLOURS[policy], edgecolor="#555" if optimum else None, linewidth=0.6)
            axis.bar_label(shown, [f"{ratio:.0f}" for ratio in ratios], fontsize=6, padding=1)
        axis.set_xticks(range(len(traces)), [what[trace] for trace in traces], fontsize=8)
        axis.set_ylabel(f"hits, %\ncache of {share:.0%}")
        axis.set_ylim(0, 105)
        axis.grid(axis="y", alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(ncols=len(policies), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Date": None} if str(path).endswith(".svg") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accesses", type=int, default=1_000_000)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    printed = subprocess.run([REPLAY, str(options.accesses)], stdout=subprocess.PIPE, text=True, check=True).stdout
    results = json.loads(printed)
    if options.json:
        options.json.write_text(printed)
    print("\n".join(table(results)))
    if options.plot:
        plot(results, options.plot)
    rows = by_row(results)
    best = max(ONLINE, key=lambda policy: mean(rows, policy))
    scan = max(rows["zipf-0.9", share]["cachey"] - row["cachey"] for (trace, share), row in rows.items()
               if trace == "zipf-scan")
    print(f"\nbest on average: {best}; the scans cost {100 * max(scan, 0):.2f} points at most")
    return 0 if best == "cachey" and scan <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
