"""The plots of a report, as SVG. A plot is left out if its rows were not measured."""

import statistics

COLOURS = {"Cachey": "#c2410c", "reference": "#2563eb", "nginx": "#15803d", "Varnish": "#7c3aed", "fio": "#6b7280",
           "origin itself": "#6b7280"}
SERVERS = ("Cachey", "reference", "nginx", "Varnish")
TIMES = {"whole_p50_us": ("p50", "o"), "whole_p99_us": ("p99", "s"), "whole_p999_us": ("p99.9", "^")}


def draw(results, directory):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "font.size": 10,
                                "axes.titlesize": 10.5, "axes.titlelocation": "left", "figure.facecolor": "white"})
    from matplotlib import pyplot
    for name, plot in (("hits", hits), ("latency", latency), ("misses", misses), ("disk", disk), ("growth", growth)):
        figure = plot(results, pyplot)
        if figure is not None:
            figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
            pyplot.close(figure)


def plain(axis, grid="y"):
    axis.grid(axis=grid, alpha=0.3)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def decades(axis, pyplot):
    """A logarithmic scale with plain numbers, even if it spans less than a decade."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(pyplot.matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.minorticks_off()


def legend(figure, axis):
    """One legend for the whole figure, above the plots."""
    handles, labels = axis.get_legend_handles_labels()
    labels = ["fio: the disk alone" if label == "fio" else label for label in labels]
    figure.legend(handles, labels, ncols=len(labels), loc="upper center", frameon=False, borderaxespad=0)


def bars(results, axis, rows, figure, columns=SERVERS, scale=1, form="{:.2g}", size=7):
    """Groups of bars: `rows` is {label: row}. The place of a missing value has `n/a`."""
    width = 0.8 / len(columns)
    for index, column in enumerate(columns):
        places = [at + (index - (len(columns) - 1) / 2) * width for at in range(len(rows))]
        values = [results.median(row, column, figure) for row in rows.values()]
        shown = axis.bar(places, [(value or 0) * scale for value in values], width=width * 0.92, label=column,
                         color=COLOURS[column])
        axis.bar_label(shown, ["n/a" if value is None else form.format(value * scale) for value in values],
                       fontsize=size, padding=1)
    axis.set_xticks(range(len(rows)), list(rows))
    axis.margins(y=0.12)
    plain(axis)


def there(results, *rows):
    return [row for row in rows if any(cell["runs"] for cell in results.rows.get(row, {"cells": {}})["cells"].values())]


def hits(results, pyplot):
    spoken = {"h1": "HTTP/1.1", "h2c": "HTTP/2", "h1+tls": "HTTP/1.1\nTLS", "h2+tls": "HTTP/2\nTLS"}
    panels = [("4KiB", "cpu_per_100k", "4 KiB hits: CPU-s per 100,000"),
              ("64KiB", "cpu_per_100k", "64 KiB hits: CPU-s per 100,000"),
              ("1MiB", "both_cpu_per_gb", "1 MiB hits: CPU-s per GB, server + client"),
              ("16MiB", "both_cpu_per_gb", "16 MiB hits: CPU-s per GB, server + client")]
    if not there(results, "hit-4KiB-h1"):
        return None
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 6.4))
    for axis, (size, measure, title) in zip(axes.flat, panels):
        rows = {label: f"hit-{size}-{protocol}" for protocol, label in spoken.items()
                if there(results, f"hit-{size}-{protocol}")}
        bars(results, axis, rows, measure)
        axis.set_title(title + " (less is better)")
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    legend(figure, axes.flat[0])
    return figure


def latency(results, pyplot):
    rows = there(results, *(row for row in results.rows if row.startswith("rate-")))
    if not rows:
        return None
    figure, axes = pyplot.subplots(2, (len(rows) + 1) // 2, figsize=(11, 5.6), squeeze=False)
    for axis, row in zip(axes.flat, rows):
        for measure, (label, marker) in TIMES.items():
            for place, column in enumerate(reversed(SERVERS)):
                value = results.median(row, column, measure)
                if value is not None:
                    axis.plot(value / 1e3, place, marker, color=COLOURS[column], markersize=7)
                    axis.annotate(f"{value / 1e3:.3g}", (value / 1e3, place), (0, 6), textcoords="offset points",
                                  ha="center", fontsize=7)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(pyplot.matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.minorticks_off()
        axis.margins(x=0.08)
        axis.set_yticks(range(len(SERVERS)), reversed(SERVERS))
        axis.set_ylim(-0.5, len(SERVERS) - 0.4)
        axis.set_title(results.rows[row]["title"] + ": ms to the last byte (less is better)")
        plain(axis, "x")
    figure.tight_layout(rect=(0, 0, 1, 0.91))
    handles = [pyplot.Line2D([], [], marker=marker, linestyle="", color="#444", label=label)
               for label, marker in TIMES.values()]
    figure.legend(handles=handles, ncols=3, loc="upper center", frameon=False,
                  title="log scales; p99.9 if there were enough requests for it")
    return figure


def misses(results, pyplot):
    if not there(results, "paced-first-byte") or not there(results, "miss-4"):
        return None
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6))
    bars(results, axes[0], {"first byte of\na 16 MiB miss": "paced-first-byte"}, "first_byte_p50_us",
         (*SERVERS, "origin itself"), 1e-3, "{:.0f}")
    bars(results, axes[1], {"last 4 KiB\nof a cold page": "paced-tail", "1,000 clients,\none cold page": "herd"},
         "whole_p50_us", SERVERS, 1e-3, "{:.0f}")
    bars(results, axes[2], {"1 connection": "miss-1", "4 connections": "miss-4", "4, TLS to\nthe store": "miss-tls-4"},
         "cpu_per_gb", size=6)
    for axis, title in zip(axes, ("Store of 90 MB/s and 30 ms:\nms, less is better",
                                  "The same store: ms to the\nlast byte, p50, less is better",
                                  "Fast store, 16 MiB misses:\nCPU-s per GB, less is better")):
        axis.set_title(title)
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    legend(figure, axes[0])
    return figure


def disk(results, pyplot):
    if not there(results, "disk-4KiB"):
        return None
    columns = ("Cachey", "reference", "nginx", "fio")
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6))
    small = {"of 16 MiB pages": "disk-4KiB", "of 4 MiB objects": "disk-4KiB-of-4MiB"}
    bars(results, axes[0], small, "disk_kib_per_request", columns, form="{:,.0f}")
    bars(results, axes[1], small, "whole_p50_us", columns, 1e-3)
    bars(results, axes[2], {"16 MiB, 4 connections": "disk-16MiB"}, "gb_per_s", columns)
    titles = ("4 KiB hits: KiB read from disk for each\n(log scale, less is better)",
              "4 KiB hits: p50, ms\n(log scale, less is better)", "16 MiB hits: GB/s\n(more is better)")
    for axis, title in zip(axes, titles):
        axis.set_title(title)
    for axis in axes[:2]:
        decades(axis, pyplot)
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    legend(figure, axes[0])
    return figure


def growth(results, pyplot):
    prefixes = {"connections-": "connections", "objects-": "objects of 4 KiB"}
    present = [prefix for prefix in prefixes
               if there(results, *(row for row in results.rows if row.startswith(prefix)))]
    if not present:
        return None
    figure, axes = pyplot.subplots(1, len(present), figsize=(5.5 * len(present), 3.8), squeeze=False)
    for axis, prefix in zip(axes[0], present):
        counts = sorted(int(row.removeprefix(prefix)) for row in results.rows if row.startswith(prefix))
        for column in SERVERS:
            points = [(count, results.values(f"{prefix}{count}", column, "cpu_per_100k")) for count in counts]
            points = [(count, values) for count, values in points if values]
            if points:
                axis.plot([count for count, _ in points], [statistics.median(values) for _, values in points], "o-",
                          color=COLOURS[column], label=column)
                axis.fill_between([count for count, _ in points], [min(values) for _, values in points],
                                  [max(values) for _, values in points], color=COLOURS[column], alpha=0.15, linewidth=0)
        axis.set_xscale("log")
        axis.set_xticks(counts, [f"{count:,}" for count in counts])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel(prefixes[prefix] + " (bands: smallest and largest of the rounds)")
        axis.set_title(f"4 KiB hits by {prefix.strip('-')}: CPU-s per 100,000 (less is better)")
        plain(axis, "both")
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    legend(figure, axes[0][0])
    return figure
