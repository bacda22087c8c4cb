#!/usr/bin/python3
"""A day in small: ten queries by DuckDB and by polars over a month of Parquet files in an S3 store behind a slow link.

    ./dev bench s3_day /var/tmp/day            # the folder keeps the 1 GB of files; 10 minutes
    ./dev bench s3_day /var/tmp/day --json day.json --plot day.svg
    bench/s3_day.py --from day.json --plot day.svg

The store is radosgw. Each answer of it comes 30 ms later, and its body at 90 MB/s on each connection. The clients ask it
directly; through an empty cache; through the same cache again; and after the cache's restart, with what its disk has. All
ways must give the same rows. Times are medians of the rounds.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import servers
from servers import BenchError

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent / "tests" / "origin"))

PROGRAMS = BENCH / "s3_day"
PYTHON = BENCH.parent / "build/tools/s3-data/bin/python"
CACHEY = pathlib.Path(os.environ.get("CACHEY_BIN", BENCH.parent / "build/release/cachey"))
CLIENTS = ("DuckDB", "polars")
WAYS = ("direct", "cold", "warm", "restarted")
BUCKET = "day"
DELAY_SECONDS, BYTES_PER_SECOND = 0.030, 90e6
MEMORY, DISK = "2GiB", "4GiB"
QUERIES_SECONDS_MAX = 600
COLOURS = {"direct": "#6b7280", "cold": "#2563eb", "warm": "#c2410c", "restarted": "#7c3aed"}


class Link:
    """The slow way to the store, and what has passed."""

    def __init__(self, home, store_port):
        self._log = home / "link.log"
        self.port = servers.free_port()
        self.server = servers.Server("link", [PROGRAMS / "link.py", self.port, store_port, self._log, DELAY_SECONDS,
                                              BYTES_PER_SECOND], [self.port], None, home / "link.out")
        self.server.start()

    def passed(self):
        """(requests of objects, their bytes, other requests) so far. A HEAD or a list is an other request."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        objects = [int(size) for method, status, size in lines if method == "GET" and status == "206"]
        return len(objects), sum(objects), len(lines) - len(objects)


class Day:
    def __init__(self, home, files, store, options):
        self._home = home
        self._files = files
        self._store = store
        self._options = options
        self._link = Link(home, store.settings["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])
        self._cachey = None

    def fill_store(self):
        self._store.add_bucket(BUCKET)
        for file in sorted(self._files.rglob("*.parquet")):
            self._store.client.upload_file(str(file), BUCKET, f"visits/{file.relative_to(self._files)}")

    def end(self):
        if self._cachey:
            self._cachey.stop()
        self._link.server.stop()

    def _settings(self, port):
        return self._store.environment() | {"PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8",
                                            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}

    def _start_cachey(self):
        """Returns the port of the S3 endpoint."""
        port, s3_port = servers.free_port(), servers.free_port()
        self._cachey = servers.Server(
            "cachey", [CACHEY, "--origin", "s3", "--listen", "127.0.0.1", "--port", port, "--memory", MEMORY,
                       "--disk-path", self._home / "disk", "--disk-capacity", DISK, "--s3api-open",
                       "--s3api-listen", f"127.0.0.1:{s3_port}", *self._options.more.split()],
            [s3_port], None, self._home / "cachey.log", self._settings(self._link.port))
        self._cachey.start()
        return s3_port

    def _ask(self, client, port):
        """The client's queries: {query: [seconds, digest]}, and what passed the link."""
        before = self._link.passed()
        done = subprocess.run([PYTHON, PROGRAMS / f"{client.lower()}_queries.py"], env=self._settings(port),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=QUERIES_SECONDS_MAX)
        if done.returncode != 0:
            raise BenchError(f"{client}: {done.stderr[-2000:]}")
        passed = [after - earlier for after, earlier in zip(self._link.passed(), before)]
        return {"queries": json.loads(done.stdout), "gets": passed[0], "bytes": passed[1], "others": passed[2]}

    def round(self, client):
        """{way: result}"""
        results = {"direct": self._ask(client, self._link.port)}
        shutil.rmtree(self._home / "disk", ignore_errors=True)
        port = self._start_cachey()
        results["cold"] = self._ask(client, port)
        results["warm"] = self._ask(client, port)
        self._cachey.stop(60)
        results["restarted"] = self._ask(client, self._start_cachey())
        self._cachey.stop(60)
        for way in WAYS:
            for query, (_, digest) in results[way]["queries"].items():
                if digest != results["direct"]["queries"][query][1]:
                    raise BenchError(f"{client}, {way}, {query}: not the rows of the store")
        return results


def measure(home, options):
    from radosgw import RadosGateway
    if not list(options.files.rglob("*.parquet")):
        subprocess.run([PYTHON, PROGRAMS / "make_set.py", options.files], check=True)
    with RadosGateway(home / "store") as store:
        day = Day(home, options.files, store, options)
        try:
            day.fill_store()
            found = {}
            for client in CLIENTS:
                found[client] = []
                for number in range(options.rounds):
                    found[client].append(day.round(client))
                    seconds = {way: sum(took for took, _ in result["queries"].values())
                               for way, result in found[client][-1].items()}
                    print(f"{client}, round {number + 1}: {seconds}", file=sys.stderr, flush=True)
            return found
        finally:
            day.end()


def medians(rounds):
    """{way: {"queries": {query: seconds}, "seconds", "gets", "bytes", "others"}}"""
    shown = {}
    for way in WAYS:
        results = [entry[way] for entry in rounds]
        queries = {query: statistics.median(result["queries"][query][0] for result in results)
                   for query in results[0]["queries"]}
        totals = [sum(took for took, _ in result["queries"].values()) for result in results]
        shown[way] = {"queries": queries, "seconds": statistics.median(totals),
                      **{what: statistics.median(result[what] for result in results) for what in ("gets", "bytes", "others")}}
    return shown


def table(client, shown):
    yield f"| {client} | " + " | ".join(WAYS) + " |"
    yield "|---|" + "---|" * len(WAYS)
    for query in shown["direct"]["queries"]:
        yield f"| {query} | " + " | ".join(f"{shown[way]['queries'][query]:.2f} s" for way in WAYS) + " |"
    yield "| **all ten** | " + " | ".join(f"**{shown[way]['seconds']:.1f} s**" for way in WAYS) + " |"
    yield "| GETs of objects at the store | " + " | ".join(f"{shown[way]['gets']:,.0f}" for way in WAYS) + " |"
    yield "| bytes of objects | " + " | ".join(f"{shown[way]['bytes'] / 1e6:,.0f} MB" for way in WAYS) + " |"
    yield "| HEADs and lists | " + " | ".join(f"{shown[way]['others']:,.0f}" for way in WAYS) + " |"


def plot(found, path):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cachey", "font.size": 9})
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, len(found), figsize=(12, 4.6), sharey=True)
    for axis, (client, rounds) in zip(axes, found.items()):
        shown = medians(rounds)
        queries = list(shown["direct"]["queries"])
        for at, way in enumerate(WAYS):
            places = [index + (at - 1.5) * 0.2 for index in range(len(queries))]
            axis.barh(places, [shown[way]["queries"][query] for query in queries], height=0.18, color=COLOURS[way],
                      label=f"{way}: {shown[way]['seconds']:.1f} s, {shown[way]['bytes'] / 1e6:,.0f} MB of the store")
        axis.set_yticks(range(len(queries)), queries)
        axis.set_xlabel("seconds (less is better)")
        axis.set_title(client, loc="left")
        axis.grid(axis="x", alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, loc="lower right")
    axes[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench s3_day", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=pathlib.Path, nargs="?", metavar="FOLDER", help="where the Parquet files are kept")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--more", default="", help="further options of the server, in one word")
    parser.add_argument("--directory", default="/var/tmp", help="for temporary files, 5 GB (default /var/tmp)")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from", type=pathlib.Path, dest="earlier", metavar="JSON", help="show earlier results")
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    if options.earlier:
        found = json.loads(options.earlier.read_text())
    elif options.files:
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
            found = measure(pathlib.Path(home), options)
    else:
        parser.error("FOLDER is missing")
    if options.json:
        options.json.write_text(json.dumps(found))
    for client, rounds in found.items():
        print("\n".join(table(client, medians(rounds))) + "\n")
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, OSError) as error:
        sys.exit(f"s3_day: {error}")
