#!/usr/bin/python3
"""CPU of a hit in memory: through the S3 endpoint, and through /fetch.

One server has both. The runs alternate: in each round both faces answer the same requests of the same connections, one
after the other, in turn which is first. The table has the medians of the rounds; the ratio is the median of the rounds'
ratios, so a change of the machine's speed between rounds does not count. Exit 1: a wrong response, or a ratio past its
bound.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import servers
import workloads
from servers import BenchError
from workloads import KIB

REPOSITORY = Path(__file__).resolve().parent.parent
SMALL, LARGE = "4 KiB", "16 MiB"
# the requests; connections; a unit, its name; the largest ratio
CASES = {
    SMALL: (lambda: workloads.ranges_in_pages(4 * KIB), 64, lambda done: done["requests"] / 1e5, "CPU-s per 100k", 1.15),
    LARGE: (workloads.pages, 4, lambda done: done["bytes"] / 1e9, "CPU-s per GB", 1.05),
}
PREFIXES = {"/fetch": "/fetch", "S3": ""}


class Bench:
    def __init__(self, home, options):
        self._home = home
        self._data = home / "data"
        self._load = options.load
        self._seconds = options.seconds
        cpus = sorted(os.sched_getaffinity(0))
        self._load_cpus = {cpus[-1]}
        for number in range(workloads.HOT_PAGES):
            workloads.write_object(self._data / workloads.BUCKET / workloads.page_name(number), workloads.PAGE_BYTES, number)
        self.origin = servers.Origin(home / "origin", self._data, self._load_cpus)
        self.cachey = None
        self._binary, self._cpu = options.bin, cpus[0]

    def start(self):
        self.origin.server.start()
        self.cachey = servers.Cachey(self._binary, self._home / "cachey", self.origin.endpoint, self._cpu, memory="1GiB",
                                     s3=True)
        self.cachey.server.start()
        for face in PREFIXES:  # the pages come into memory
            self._fetch(face, workloads.pages(), 4, 60, "--once", "--verify", 1)

    def stop(self):
        if self.cachey:
            self.cachey.server.stop()
        self.origin.server.stop()

    def _fetch(self, face, ranges, connections, seconds, *flags):
        """Runs fetch_load and returns its report."""
        listed = workloads.write_list(self._home / "list", ranges, self._data, PREFIXES[face])
        port = self.cachey.s3_port if face == "S3" else self.cachey.port
        command = [self._load, "127.0.0.1", port, listed, connections, seconds, *flags]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, self._load_cpus))
        if done.returncode != 0:
            raise BenchError(f"fetch_load, {face}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def cost(self, face, case):
        """The server's CPU-seconds a unit in one run."""
        ranges, connections, units, _, _ = CASES[case]
        before = self.cachey.server.cpu_seconds()
        done = self._fetch(face, ranges(), connections, self._seconds, "--verify", 101 if case == SMALL else 11)
        return (self.cachey.server.cpu_seconds() - before) / units(done)

    def rounds(self, case, count):
        """The costs of each face, a figure a round."""
        costs = {face: [] for face in PREFIXES}
        for number in range(count):
            for face in sorted(PREFIXES, reverse=number % 2 == 1):
                costs[face].append(self.cost(face, case))
        return costs


def show(case, costs):
    """Prints the case's line of the table. False: the ratio is past the bound."""
    *_, unit, most = CASES[case]
    ratio = median(s3 / fetch for s3, fetch in zip(costs["S3"], costs["/fetch"]))
    cells = [f"{median(costs[face]):.3f} ({min(costs[face]):.3f}-{max(costs[face]):.3f})" for face in ("/fetch", "S3")]
    print(f"| {case} hit, {unit} | {' | '.join(cells)} | {ratio:.2f} | {most:.2f} |", flush=True)
    return ratio <= most


def main():
    parser = argparse.ArgumentParser(prog="./dev bench s3", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.5, help="of a run (default 1.5)")
    parser.add_argument("--directory", default="/var/tmp", help="for temporary files, 300 MB (default /var/tmp)")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / "build/release/cachey")
    parser.add_argument("--load", type=Path, default=REPOSITORY / "build/release/bench/fetch_load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
        bench = Bench(Path(home), options)
        try:
            bench.start()
            print("| | /fetch | S3 endpoint | ratio | at most |\n|---|---|---|---|---|")
            good = [show(case, bench.rounds(case, options.rounds)) for case in CASES]
        finally:
            bench.stop()
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, OSError) as error:
        sys.exit(f"s3: {error}")
