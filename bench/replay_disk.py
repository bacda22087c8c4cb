"""`./dev bench replay --disk`: what is worth a write to the disk? Memory before a disk, under rules of admission.

The first rule is the server's. Sizes are shares of the working set's bytes.
"""

import json
import subprocess

SIZES = ((0.02, 0.2), (0.05, 0.4))  # memory, disk


def rows_of(replay, trace, size):
    """The rows of all rules: {"rule", "memory", "disk": requests that hit; "store", "written": bytes}, as shares."""
    words = [str(int(trace["bytes"] * share)) for share in size]
    return json.loads(subprocess.check_output([replay, "disk", trace["file"], *words]))


def hits(row):
    return row["memory"] + row["disk"]


def mean_and_worst(points):
    """`points`: {trace: difference}. Texts: the mean, the least with its trace."""
    worst = min(points, key=points.get)
    return f"{100 * sum(points.values()) / len(points):+.1f}", f"{100 * points[worst]:+.1f} {worst}"


def summary(rows):
    """`rows`: {trace: {rule: row}}. The first rule is what the others are compared with."""
    rules = list(next(iter(rows.values())))
    today = {trace: of[rules[0]] for trace, of in rows.items()}
    count = len(rows)
    yield "| rule | hits | worst | bytes hit | worst | written | most |"
    yield "|---|---|---|---|---|---|---|"
    yield (f"| {rules[0]} | {sum(hits(row) for row in today.values()) / count:.1%} | "
           f"| {1 - sum(row['store'] for row in today.values()) / count:.1%} | "
           f"| {sum(row['written'] for row in today.values()) / count:.1%} of bytes read | |")
    for rule in rules[1:]:
        more = mean_and_worst({trace: hits(of[rule]) - hits(today[trace]) for trace, of in rows.items()})
        bytes_more = mean_and_worst({trace: today[trace]["store"] - of[rule]["store"] for trace, of in rows.items()})
        written = {trace: of[rule]["written"] / today[trace]["written"] for trace, of in rows.items()}
        most = max(written, key=written.get)
        yield (f"| {rule} | {' | '.join([*more, *bytes_more])} | {sum(written.values()) / count:.0%} "
               f"| {written[most]:.0%} {most} |")


def by_trace(rows):
    """Of each trace: hits and written bytes of the server's rule, and what the others change."""
    rules = list(next(iter(rows.values())))
    yield "| trace | hits | written | " + " | ".join(rules[1:]) + " |"
    yield "|---|---|---|" + "---|" * (len(rules) - 1)
    for trace, of in rows.items():
        today = of[rules[0]]
        cells = [f"{100 * (hits(of[rule]) - hits(today)):+.1f}, {of[rule]['written'] / today['written']:.0%}"
                 for rule in rules[1:]]
        yield f"| {trace} | {hits(today):.1%} | {today['written']:.1%} | " + " | ".join(cells) + " |"


def report(replay, traces, pool):
    """The tables, in Markdown. `traces`: with the path of each one's file."""
    work = [(size, trace) for size in SIZES for trace in traces]
    results = {size: {} for size in SIZES}
    for (size, trace), rows in zip(work, pool.map(lambda at: rows_of(replay, at[1], at[0]), work)):
        results[size][trace["trace"]] = {row["rule"]: row for row in rows if rows[0]["written"] > 0}
    for size, rows in results.items():
        rows = {trace: of for trace, of in rows.items() if of}  # a disk that nothing is written to tells nothing
        yield f"Memory {size[0]:.0%}, disk {size[1]:.0%} of the working set:\n"
        yield from summary(rows)
        yield f"\nOf each trace: points of hits, and bytes written as a share of those of the server's rule:\n"
        yield from by_trace(rows)
        yield ""
