#!/usr/bin/env python3
"""A simulated day at the object store: cost and tail latency of reads, by policy for second requests.

    ./dev bench day                            # prints a table in Markdown; about 3 minutes
    bench/day.py --plot day.svg                # also draws a picture
    bench/day.py --hours 2 --json day.json

Times to the first byte are log-normal (p50 36 ms, p99 311 ms, measured on a store in production). 0.2 % of heads and 0.1 %
of bodies stall for seconds; 0.1 % of bodies break off. Each bucket has six brown-outs of ten minutes; one bucket is dead
for half an hour. Small objects are read all day. Every ten minutes a batch requests 400 pages of 16 MiB at once, more
than the store's 1 GB/s can deliver.
"""

import argparse
import json
import pathlib
import subprocess
import sys

DAY = pathlib.Path(__file__).parent.parent / "build/release/bench/day"
COLOURS = {"none": "#7f7f7f", "naive": "#1f77b4", "hedged": "#d62728", "gated": "#2ca02c"}
SOONER = 0.75
QUANTILES = ("0.5", "0.99", "0.999")


def table(results):
    yield ("| way | kind | first byte p50 | p99 | p999 | last byte p50 | p99 | p999 | failed | GETs a read | wasted bytes |")
    yield "|---|---|" + "---|" * 9
    for row in results:
        times = [f"{row[what][quantile]:.2f} s" for what in ("first_byte", "last_byte") for quantile in QUANTILES]
        yield (f"| {row['way']} | {row['kind']} | " + " | ".join(times) +
               f" | {row['failed']} | {row['gets_per_read']:.3f} | {row['bytes_wasted']:.2%} |")


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "figure.facecolor": "white"})
    from matplotlib import pyplot
    panels = (("small", "first_byte", "small objects: time to the first byte"),
              ("batch", "last_byte", "pages of 16 MiB: time to the last byte"))
    figure, axes = pyplot.subplots(1, len(panels) + 1, figsize=(13, 4.4), width_ratios=[3] * len(panels) + [2.4])
    for axis, (kind, what, title) in zip(axes, panels):
        for row in results:
            if row["kind"] == kind:
                rest, seconds = zip(*row[what]["curve"])
                axis.plot(seconds, [100 * share for share in rest], label=row["way"], color=COLOURS[row["way"]])
        for scale in (axis.set_xscale, axis.set_yscale):
            scale("log")
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_ylim(1e-2, 100)
        axis.set_xlabel("seconds (further left is better)")
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("% of reads that take longer")
    ways = [row for row in results if row["kind"] == "small"]
    for at, row in enumerate(ways):
        colour = COLOURS[row["way"]]
        for shift, value, look in ((-0.2, 100 * (row["gets_per_read"] - 1), {}),
                                   (0.2, 100 * row["bytes_wasted"], {"alpha": 0.5, "hatch": "//"})):
            axes[-1].bar_label(axes[-1].bar(at + shift, value, width=0.38, color=colour, **look), fmt="%.2g", fontsize=8)
    axes[-1].set_xticks(range(len(ways)), [row["way"] for row in ways])
    axes[-1].set_title("the price, % (less is better):\nextra GETs; wasted bytes (hatched)", fontsize=10)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=len(labels), loc="upper center", frameon=False)
    figure.savefig(path, dpi=110, metadata={"Date": None} if str(path).endswith(".svg") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    printed = subprocess.run([DAY, str(options.hours)], stdout=subprocess.PIPE, text=True, check=True).stdout
    results = json.loads(printed)
    if options.json:
        options.json.write_text(printed)
    print("\n".join(table(results)))
    if options.plot:
        plot(results, options.plot)
    rows = {(row["way"], row["kind"]): row for row in results}
    hedged, none = (rows[way, "small"]["first_byte"]["0.999"] for way in ("hedged", "none"))
    sooner = hedged < SOONER * none
    cheap = all(rows[way, "small"]["gets_per_read"] < 1.06 and rows[way, "small"]["bytes_wasted"] < 0.05
                for way in ("hedged", "gated"))
    print(f"\np99.9 of small reads at most {SOONER} times that without hedges: {sooner}; at most 5 % more: {cheap}")
    return 0 if sooner and cheap else 1


if __name__ == "__main__":
    sys.exit(main())
