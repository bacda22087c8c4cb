"""Reads and GETs of a leg as figures: by bins of time for the plot, by phases for the table."""

import collections

COLOURS = {"haproxy": "#2563eb", "client": "#c2410c"}
NAMES = {"haproxy": "through HAProxy", "client": "by the Python client"}


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0


def _summary(reads, gets, seconds):
    """reads: (begun, took, bytes, hit, outcome). Times are of reads that succeeded."""
    good = [read for read in reads if read[4] == "ok"]
    times = [1e3 * took for _, took, *_ in good]
    return {"reads": len(reads), "hits": sum(hit for *_, hit, _ in good) / max(1, len(good)), "p50_ms": quantile(times, 0.5),
            "p99_ms": quantile(times, 0.99), "max_ms": max(times, default=0), "gets_a_second": len(gets) / seconds,
            "failed": len(reads) - len(good)}


def _between(rows, begin, end):
    return [row for row in rows if begin <= row[0] < end]


def of_leg(reads, gets, happened, size):
    step = size.bin_seconds
    count = round(size.seconds / step)
    borders = [0, *(at for at, _ in happened), size.seconds]
    again = collections.Counter((key, first) for _, key, first in gets)
    return {
        "bins": [_summary(_between(reads, at * step, (at + 1) * step), _between(gets, at * step, (at + 1) * step), step)
                 for at in range(count)],
        "phases": [_summary(_between(reads, begin, end), _between(gets, begin, end), end - begin)
                   for begin, end in zip(borders, borders[1:])],
        "all": _summary(reads, gets, size.seconds) | {"gets": len(gets), "pages": len(again)},
        "failed": [(begun + took, outcome) for begun, took, _, _, outcome in reads if outcome != "ok"],
    }


def table(found):
    yield "| after | " + " | ".join(f"{NAMES[way]}: hits | p50 | p99 | GETs/s | failed" for way in found["legs"]) + " |"
    yield "|---|" + "---|" * 5 * len(found["legs"])
    names = ["the start", *(" ".join(text.split()) for _, text in found["events"])]
    for at, name in enumerate(names):
        yield f"| {name} | " + " | ".join(_cells(leg["phases"][at]) for leg in found["legs"].values()) + " |"
    yield "| **all** | " + " | ".join(_cells(leg["all"]) for leg in found["legs"].values()) + " |"
    yield ""
    for way, leg in found["legs"].items():
        kinds = collections.Counter(outcome for _, outcome in leg["failed"])
        yield f"{NAMES[way]}: {leg['all']['reads']:,} reads, slowest {leg['all']['max_ms']:,.0f} ms, {leg['all']['gets']:,} GETs of " \
              f"{leg['all']['pages']:,} pages; failed: {dict(kinds) or 'none'}"


def _cells(one):
    return f"{one['hits']:.1%} | {one['p50_ms']:.1f} ms | {one['p99_ms']:.0f} ms | {one['gets_a_second']:.1f} | {one['failed']}"


PANELS = (("hits, %", lambda one: 100 * one["hits"]), ("slowest read, ms; dashed: p99", lambda one: one["max_ms"]),
          ("GETs/s at the store", lambda one: one["gets_a_second"]), ("failed reads", lambda one: one["failed"]))


def plot(found, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "font.size": 9, "axes.titlesize": 10,
                                "axes.titlelocation": "left"})
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(PANELS), 1, figsize=(10, 7.4), sharex=True, height_ratios=(3, 3, 3, 1.6))
    step = found["size"]["bin_seconds"]
    unit, seconds_a_unit = ("minutes", 60) if found["size"]["seconds"] > 120 else ("seconds", 1)
    for axis, (title, value) in zip(axes, PANELS):
        for way, leg in found["legs"].items():
            places = [(at + 0.5) * step / seconds_a_unit for at in range(len(leg["bins"]))]
            axis.plot(places, [value(one) for one in leg["bins"]], color=COLOURS[way], label=NAMES[way], linewidth=1.5)
            if axis is axes[1]:
                axis.plot(places, [one["p99_ms"] for one in leg["bins"]], color=COLOURS[way], linewidth=1, linestyle="--")
        for at, _ in found["events"]:
            axis.axvline(at / seconds_a_unit, color="#6b7280", linewidth=0.8, linestyle=":")
        axis.set_title(title)
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(bottom=0)
        axis.margins(x=0.01)
    axes[0].set_ylim(60, 100)
    axes[1].set_yscale("log")
    axes[1].set_ylim(10, None)
    axes[3].set_ylim(0, max(3, axes[3].get_ylim()[1]))
    axes[3].set_title("failed reads: " + ", ".join(f"{leg['all']['failed']:,} of {leg['all']['reads']:,} {NAMES[way]}"
                                                  for way, leg in found["legs"].items()))
    axes[0].set_title("")
    axes[0].set_ylabel("hits, %")
    for at, text in found["events"]:
        axes[0].annotate(text, (at / seconds_a_unit, 1), xycoords=("data", "axes fraction"), xytext=(3, 4),
                         textcoords="offset points", fontsize=9, va="bottom")
    axes[0].legend(frameon=False, loc="lower right", ncols=2)
    axes[-1].set_xlabel(unit)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)
