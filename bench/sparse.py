#!/usr/bin/env python3
"""Random small reads of large cold objects: exact, and with pages of several sizes; beside the reference.

    ./dev bench sparse                         # prints tables in Markdown; 10,000 reads: about 30 minutes
    bench/sparse.py --reads 2000 --plot sparse.svg --json sparse.json
    bench/sparse.py --from sparse.json --plot sparse.svg   # draws earlier results

Reads of 4 KiB at random places of ten objects of 1 GiB, through 8 connections, from a store that sends a head after 30 ms
and 90 MB/s on each connection. Each server has 512 MiB of memory and 4 GiB of disk. The second pass asks for the same reads
in the same order, after all fills and writes of the first have ended. Then one client reads 256 MiB of another object, cold,
16 MiB at a time.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import time

import servers
from workloads import BUCKET, GIB, KIB, MIB, SEED, write_object

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
CACHEY = pathlib.Path(os.environ.get("CACHEY_BIN", REPOSITORY / "build/release/cachey"))
REFERENCE = pathlib.Path(os.environ.get("CACHEY_REFERENCE", REPOSITORY / "build/peers/bin/server"))
OBJECTS = 10
READ_BYTES = 4 * KIB
LONG_BYTES, LONG_READ_BYTES = 256 * MIB, 16 * MIB
CONNECTIONS = 8
MEMORY, DISK = 512 * MIB, 4 * GIB
DELAY_SECONDS, BYTES_PER_SECOND = 0.030, 90e6
QUIET_SECONDS = 2  # without a new request to the store or a write to the disk: the first pass has ended
QUIET_SECONDS_MAX = 120
EXACT = "C0-Exact: true\r\n"


def cachey(home, endpoint, *more):
    return servers.Cachey(CACHEY, home, endpoint, None, memory=MEMORY, threads=2, more=(
        "--disk-path", home / "disk", "--disk-capacity", DISK, "--kind", f"{BUCKET}={BUCKET}", *more))


class Reference:
    """The reference implementation, on the same terms."""

    def __init__(self, home, endpoint):
        self.port = servers.free_port()
        command = [REFERENCE, "--memory", f"{MEMORY // MIB}MiB", "--port", self.port, "--disk-path", home / "disk",
                   "--disk-kind", "fs", "--disk-capacity", f"{DISK // MIB}MiB"]
        self.server = servers.Server("reference", command, [self.port], None, home / "log",
                                     servers.s3_environment(endpoint) | {"RUST_LOG": "error"})


def sized(size):
    return lambda home, endpoint: cachey(home, endpoint, "--page-size", f"{BUCKET}={size}")


WAYS = {
    "Cachey, C0-Exact": (cachey, EXACT),
    "Cachey, 64 KiB pages": (sized("64KiB"), ""),
    "Cachey, 1 MiB pages": (sized("1MiB"), ""),
    "Cachey, 16 MiB pages": (sized("16MiB"), ""),
    "reference, C0-Exact": (Reference, EXACT),
    "reference": (Reference, ""),
}


def random_reads(count):
    """Reads as tuples (object, first, bytes)."""
    draw = random.Random(SEED)
    return [(f"object-{draw.randrange(OBJECTS)}", draw.randrange(GIB - READ_BYTES), READ_BYTES) for _ in range(count)]


def long_reads():
    return [("fresh-1/object-0", first, LONG_READ_BYTES) for first in range(0, LONG_BYTES, LONG_READ_BYTES)]


class Reader:
    """Clients that send the reads one after the other, each on a connection of its own."""

    def __init__(self, port, fields, expected):
        self.port = port
        self.fields = fields
        self.expected = expected
        self.seconds, self.hits, self.failed = [], 0, 0

    async def client(self, reads):
        stream, out = await asyncio.open_connection("127.0.0.1", self.port)
        for name, first, count in reads:
            start = time.perf_counter()
            out.write(f"GET /fetch/{BUCKET}/{name} HTTP/1.1\r\nHost: bench\r\n{self.fields}"
                      f"Range: bytes={first}-{first + count - 1}\r\n\r\n".encode())
            head = (await stream.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await stream.readexactly(int(re.search(r"content-length: *(\d+)", head, re.I)[1]))
            self.seconds.append(time.perf_counter() - start)
            if head.split(" ", 2)[1] != "206":
                self.failed += 1
                continue
            if body != self.expected[first:first + count]:
                raise servers.BenchError("a response has a wrong byte")
            self.hits += re.search(r"c0-status: *[^;]*;[^;]*; *(\d+)", head, re.I)[1] != "0"
        out.close()

    async def run(self, reads, connections):
        work = iter(reads)
        await asyncio.gather(*(self.client(work) for _ in range(connections)))


def pass_over(port, fields, reads, connections, expected, served):
    before = served.read()
    reader = Reader(port, fields, expected)
    start = time.monotonic()
    asyncio.run(reader.run(reads, connections))
    seconds = time.monotonic() - start
    times = sorted(reader.seconds)
    return {"seconds": seconds, "p50_ms": 1e3 * times[len(times) // 2], "p99_ms": 1e3 * times[len(times) * 99 // 100],
            "hit_ratio": reader.hits / len(reads), "failed": reader.failed, "before": before}


def wait_until_quiet(served, server):
    """Fills and writes go on after the last answer."""
    deadline = time.monotonic() + QUIET_SECONDS_MAX
    seen, since = None, time.monotonic()
    while time.monotonic() < min(deadline, since + QUIET_SECONDS):
        time.sleep(0.2)
        now = served.read(), server.disk_written_bytes()
        if now != seen:
            seen, since = now, time.monotonic()


def measure(home, name, reads, data, expected):
    make, fields = WAYS[name]
    home.mkdir()
    (home / "disk").mkdir()
    port, log = servers.free_port(), home / "served"
    origin = servers.Server("origin", ["/usr/bin/python3", REPOSITORY / "bench/compare/paced_origin.py", port, data, log,
                                       DELAY_SECONDS, BYTES_PER_SECOND], [port], None, home / "origin-log")
    server = None
    try:
        origin.start()
        served = servers.ServedLog(log)
        made = make(home, f"http://127.0.0.1:{port}")
        server = made.server
        server.start()
        row = {"name": name, "reads": len(reads)}
        for which, work, connections in (("first", reads, CONNECTIONS), ("second", reads, CONNECTIONS),
                                         ("long", long_reads(), 1)):
            row[which] = pass_over(made.port, fields, work, connections, expected, served)
            wait_until_quiet(served, server)
            gets, sent = served.read()
            gets_before, sent_before = row[which].pop("before")
            row[which] |= {"gets": gets - gets_before, "store_bytes": sent - sent_before,
                           "rss_bytes": server.rss_peak_bytes(), "disk_bytes": server.disk_written_bytes()}
        return row
    finally:
        if server:
            server.stop(60)
        origin.stop()


def amount(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:,.{0 if count >= 1e7 else 1}f} MB"


def table(rows):
    yield "| | bytes from the store | GETs | peak RSS | written to disk | p50 | p99 | second pass: hits | p50 | p99 | failed | long read: MB/s | GETs |"
    yield "|---|" + "---|" * 12
    for row in rows:
        first, second = row["first"], row["second"]
        times = [f"{one[what]:.1f} ms" for one in (first, second) for what in ("p50_ms", "p99_ms")]
        yield (f"| {row['name']} | {amount(first['store_bytes'])} | {first['gets']:,} | {amount(first['rss_bytes'])} | "
               f"{amount(first['disk_bytes'])} | {times[0]} | {times[1]} | {second['hit_ratio']:.1%} | {times[2]} | "
               f"{times[3]} | {first['failed'] + second['failed']} | {LONG_BYTES / row['long']['seconds'] / 1e6:.0f} | {row['long']['gets']:,} |")


def plot(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "font.size": 10, "axes.titlesize": 10.5,
                                "axes.titlelocation": "left"})
    from matplotlib import pyplot
    names = [row["name"] for row in rows][::-1]
    colours = ["#2563eb" if name.startswith("reference") else "#c2410c" for name in names]
    panels = (("MB from the store", lambda row: row["first"]["store_bytes"] / 1e6, "log"),
              ("MB written to disk", lambda row: row["first"]["disk_bytes"] / 1e6, "log"),
              ("cold p99, ms", lambda row: row["first"]["p99_ms"], "log"),
              ("hits of a second pass, %", lambda row: 100 * row["second"]["hit_ratio"], "linear"))
    figure, axes = pyplot.subplots(1, len(panels), figsize=(14, 3.2), sharey=True)
    for axis, (title, value, scale) in zip(axes, panels):
        values = [value(row) for row in rows][::-1]
        shown = axis.barh(names, values, color=colours, height=0.7)
        axis.bar_label(shown, [f"{one:,.0f}" if one >= 10 else f"{one:.2g}" for one in values], fontsize=8, padding=2)
        axis.set_xscale(scale)
        axis.set_xlim(left=0 if scale == "linear" else max(0.01, min(values) / 4),
                      right=max(values) * (1.25 if scale == "linear" else 8))
        axis.set_title(title)
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def run(count, only):
    reads = random_reads(count)
    with tempfile.TemporaryDirectory(prefix="cachey-sparse-", dir=REPOSITORY / "build") as directory:
        home = pathlib.Path(directory)
        data = home / "data"
        write_object(data / BUCKET / "object-0", GIB)
        for number in range(1, OBJECTS):
            os.link(data / BUCKET / "object-0", data / BUCKET / f"object-{number}")
        expected = (data / BUCKET / "object-0").read_bytes()
        rows = []
        for at, name in enumerate(WAYS):
            if only and name not in only:
                continue
            if name.startswith("reference") and not REFERENCE.exists():
                print(f"{name}: not available, {REFERENCE} is missing", file=sys.stderr)
                continue
            rows.append(measure(home / str(at), name, reads, data, expected))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--only", action="append", choices=list(WAYS))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from", dest="earlier", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    rows = json.loads(options.earlier.read_text()) if options.earlier else run(options.reads, options.only)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    print("\n".join(table(rows)))
    if options.plot:
        plot(rows, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
