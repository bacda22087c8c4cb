"""Budgets and promised ratios: met or missed."""

from workloads import MIB

from . import misses
from .figures import text

US, REFERENCE, FLOOR = "Cachey", "reference", "floor"
COPY, COPY_TIMES = "copy loop", 1.15
YARDSTICKS = ("fio", "origin itself", COPY, FLOOR)


def _verdict(met):
    return "not measured" if met is None else "met" if met else "**missed**"


def _at_most(value, limit):
    return None if value is None or limit is None else value <= limit


def _shown(figure, value):
    return "-" if value is None else text(figure, value)


TO_THE_FLOOR = (  # title, row, row of the floor, figure, at most as many times the floor's
    ("4 KiB memory hit, HTTP/1.1: CPU", "hit-4KiB-h1", "hit-4KiB-h1", "cpu_per_100k", 1.2),
    ("4 KiB memory hit, HTTP/2: CPU", "hit-4KiB-h2c", "hit-4KiB-h1", "cpu_per_100k", 0.7),
    ("1 MiB memory hit, HTTP/1.1: CPU of server + client", "hit-1MiB-h1", "hit-1MiB-h1", "both_cpu_per_gb", 1.05),
    ("16 MiB memory hit, HTTP/1.1: CPU of server + client", "hit-16MiB-h1", "hit-16MiB-h1", "both_cpu_per_gb", 1.05),
)


def to_the_floor(results, path, row, floor_row, figure, limit):
    """A budget as a ratio to the floor in the same run, which is over HTTP/1.1."""
    ours, floor = results.median(row, US, figure), results.median(floor_row, FLOOR, figure)
    ratio = ours / floor if ours and floor else None
    return path, f"<= {limit:g}x of the floor", f"{ratio:.2f}x" if ratio else "-", _at_most(ratio, limit)


def ahead_of_peers(results):
    """The hits of all sizes and protocols: large ones by the CPU of server and client, small ones by the server's."""
    ahead, behind = 0, []
    for name, row in results.rows.items():
        if row["family"] != "hits":
            continue
        figure = "both_cpu_per_gb" if "both_cpu_per_gb" in row["shows"] else row["shows"][0]
        costs = {column: results.median(name, column, figure) for column in row["cells"] if column not in YARDSTICKS}
        peers = {column: cost for column, cost in costs.items() if cost and column != US}
        if not costs.get(US) or not peers:
            continue
        best = min(peers, key=peers.get)
        if text(figure, costs[US]) == text(figure, peers[best]) or costs[US] < peers[best]:
            ahead += 1
        else:
            behind.append(f"{row['title']}: {costs[US] / peers[best]:.2f}x of {best}")
    rows = ahead + len(behind)
    measured = "; ".join([f"{ahead} of {rows}", *behind]) if rows else "-"
    return "memory hits: CPU, all rows", "<= every peer", measured, not behind if rows else None


def budgets(results):
    """One line per budget: name, limit, result, verdict."""
    of = lambda row, figure, column=US: results.median(row, column, figure)

    def simple(path, row, figure, limit, what):
        value = of(row, figure)
        return path, what, _shown(figure, value), _at_most(value, limit)

    def times_the_loop(path, row):
        ours, floor = of(row, "cpu_per_gb"), of(row, "cpu_per_gb", COPY)
        times = ours / floor if ours and floor else None
        return path, f"<= {COPY_TIMES}x the bare copy loop", f"{times:.2f}x" if times else "-", _at_most(times, COPY_TIMES)

    device, ours = of("disk-4KiB", "whole_p50_us", "fio"), of("disk-4KiB", "whole_p50_us")
    slowness = ours / device if ours and device else None
    rate, whole = of("disk-16MiB", "gb_per_s", "fio"), of("disk-16MiB", "gb_per_s")
    share = whole / rate if whole and rate else None
    first, bare = (of("paced-first-byte", "first_byte_p50_us", column) for column in (US, "origin itself"))
    late = first - bare if first and bare else None
    over = [value - misses.MEMORY / MIB for row in ("miss-64", "herd")
            for value in results.values(row, US, "rss_peak_mib")]
    rows = [
        *(to_the_floor(results, *row) for row in TO_THE_FLOOR),
        ahead_of_peers(results),
        simple("4 KiB disk hit: read", "disk-4KiB", "disk_kib_per_request", 64.5, "one read of <= 64 KiB"),
        ("4 KiB disk hit: time", "p50 <= 2x a bare O_DIRECT read of 64 KiB", f"{slowness:.2f}x" if slowness else "-",
         _at_most(slowness, 2)),
        ("16 MiB disk hit", ">= 80 % of fio's rate", f"{share:.0%}" if share else "-",
         None if share is None else share >= 0.8),
        ("miss: first byte", "<= the origin's + 2 ms", f"+ {late / 1e3:.2f} ms" if late is not None else "-",
         _at_most(late, 2000)),
        *(times_the_loop(f"miss: CPU, {what}", row) for what, row in (
            ("1 connection", "miss-1"), ("4 connections", "miss-4"), ("64 connections", "miss-64"),
            ("TLS to the store, 64 connections", "miss-tls-64"))),
        simple("miss: bytes from the origin", "miss-4", "origin_bytes_per_byte", 1.02, "<= 1.02 a byte asked"),
        simple("1,000 clients on a cold page", "herd", "origin_requests", 1, "1 GET"),
        simple(results.rows.get("restart-objects", {}).get("title", "restart").split(", then")[0],
               "restart-objects", "ready_s", 1, "<= 1 s"),
        ("RSS past --memory, misses and the crowd", "<= 64 MiB", f"{max(over):+.0f} MiB" if over else "-",
         _at_most(max(over), 64) if over else None),
    ]
    yield "| path | budget | measured | |"
    yield "|---|---|---|---|"
    for path, budget, value, met in rows:
        yield f"| {path} | {budget} | {value} | {_verdict(met)} |"


DELAY = "miss, first byte at 90 MB/s, past the origin's own"
RATIOS = (  # title, row, figure, required factor against the reference
    ("4 KiB memory hits, CPU", "hit-4KiB-h1", "cpu_per_100k", 2),
    ("16 MiB memory hits, CPU", "hit-16MiB-h1", "cpu_per_gb", 1.5),
    ("4 KiB of 4 MiB objects on disk, bytes read", "disk-4KiB-of-4MiB", "disk_kib_per_request", 20),
    ("miss, first byte at 90 MB/s", "paced-first-byte", "first_byte_p50_us", 20),
    (DELAY, "paced-first-byte", "first_byte_p50_us", 20),
    ("1,000 clients on a cold page, GETs", "herd", "origin_requests", 1),
    ("1,000 clients on a cold page, p50", "herd", "whole_p50_us", 1),
    ("peak RSS, misses on 4 connections", "miss-4", "rss_peak_mib", 1),
    ("peak RSS, misses on 64 connections", "miss-64", "rss_peak_mib", 1),
    ("peak RSS, the crowd", "herd", "rss_peak_mib", 1),
)
FLAT = 0.10


def ratios(results):
    yield "| | Cachey | reference | times better | wanted | |"
    yield "|---|---|---|---|---|---|"
    for what, row, figure, wanted in RATIOS:
        ours, theirs = (results.median(row, column, figure) for column in (US, REFERENCE))
        ratio = theirs / ours if ours and theirs is not None else None
        if what == DELAY:
            bare = results.median(row, "origin itself", figure)
            ours, theirs = (value - bare if value and bare else None for value in (ours, theirs))
            ratio = theirs / ours if ours and theirs else None
        times = "-" if not ratio else f"{ratio:,.2f}" if ratio < 10 else f"{ratio:,.0f}"
        yield (f"| {what} | {_shown(figure, ours)} | {_shown(figure, theirs)} | {times} | {wanted} | "
               f"{_verdict(None if ratio is None else ratio >= wanted)} |")
    yield ""
    yield "| Cachey's cost of a 4 KiB hit, CPU-s per 100k | from | to | change | wanted | |"
    yield "|---|---|---|---|---|---|"
    for what, prefix in (("objects", "objects-"), ("connections, 16 and more", "connections-")):
        rows = [row for row in results.rows if row.startswith(prefix) and row != "connections-1"]
        costs = {row: results.median(row, US, "cpu_per_100k") for row in rows}
        costs = {row: value for row, value in costs.items() if value}
        if len(costs) < 2:
            continue
        low, high = min(costs, key=costs.get), max(costs, key=costs.get)
        change = costs[high] / costs[low] - 1
        count = lambda row: f"{costs[row]:.2f} ({int(row.removeprefix(prefix)):,})"
        yield (f"| {what} | {count(low)} | {count(high)} | {change:+.0%} | +-{FLAT:.0%} | "
               f"{_verdict(change <= 2 * FLAT)} |")
