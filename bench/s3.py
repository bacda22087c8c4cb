#!/usr/bin/python3
"""CPU of a hit in memory: through the S3 endpoint, and through /fetch; signed, and at an open endpoint.

One server has /fetch and the open endpoint; another one, with an access key, checks signatures. The runs alternate: in
each round both faces of a case answer the same requests of the same connections, one after the other, in turn which is
first. The table has the medians of the rounds; the ratio is the median of the rounds' ratios, so a change of the
machine's speed between rounds does not count. Exit 1: a wrong response, or a ratio past its bound.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import botocore.auth
import botocore.credentials
from botocore.awsrequest import AWSRequest

import servers
import workloads
from servers import BenchError
from workloads import KIB

REPOSITORY = Path(__file__).resolve().parent.parent
FETCH, OPEN, SIGNED = "/fetch", "S3, open", "S3, signed"
FACES = (FETCH, OPEN, SIGNED)
ACCESS_KEY, SECRET = "AKIABENCH", "a-secret-for-benchmarks"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    faces: tuple  # the ratio is of the second to the first
    ranges: Callable
    connections: int
    units: Callable  # of a run's report
    unit: str
    verify: int  # the bytes of one response in this number are compared
    most: float  # the largest ratio


def small_case(faces, most):
    return Case("4 KiB", faces, lambda: workloads.ranges_in_pages(4 * KIB), 64, lambda done: done["requests"] / 1e5,
                "CPU-s per 100k", 101, most)


CASES = (
    small_case((FETCH, OPEN), 1.15),
    Case("16 MiB", (FETCH, OPEN), workloads.pages, 4, lambda done: done["bytes"] / 1e9, "CPU-s per GB", 11, 1.05),
    small_case((OPEN, SIGNED), 1.6),
)


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
        self.cachey = self.signed = None
        self._binary, self._cpu = options.bin, cpus[0]

    def start(self):
        self.origin.server.start()
        keys = self._home / "keys"
        keys.touch(mode=0o600)
        keys.write_text(f"{ACCESS_KEY} {SECRET}\n")
        self.cachey, self.signed = (
            servers.Cachey(self._binary, self._home / f"cachey-{number}", self.origin.endpoint, self._cpu, memory="1GiB",
                           s3=access) for number, access in enumerate((("--s3api-open",), ("--s3api-keys", keys))))
        for cachey in (self.cachey, self.signed):
            cachey.server.start()
        for face in FACES:  # the pages come into memory
            self._fetch(face, workloads.pages(), 4, 60, "--once", "--verify", 1)

    def stop(self):
        for cachey in (self.cachey, self.signed):
            if cachey:
                cachey.server.stop()
        self.origin.server.stop()

    def _server(self, face):
        return self.signed if face == SIGNED else self.cachey

    def _signed_fields(self, key):
        """A file with the lines that sign a request for the key, whatever its Range is."""
        request = AWSRequest(method="GET", url=f"http://bench/{key}")  # the Host that fetch_load sends
        credentials = botocore.credentials.Credentials(ACCESS_KEY, SECRET)
        botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        path = self._home / f"fields-{key.replace('/', '-')}"
        path.write_bytes("".join(f"{name}: {value}\r\n" for name, value in request.headers.items()).encode())
        return path

    def _list(self, face, ranges):
        fields = {key: self._signed_fields(key) for key in {asked.key for asked in ranges}} if face == SIGNED else None
        prefix = "/fetch" if face == FETCH else ""
        return workloads.write_list(self._home / "list", ranges, self._data, prefix, fields)

    def _fetch(self, face, ranges, connections, seconds, *flags):
        """Runs fetch_load and returns its report."""
        listed = self._list(face, ranges)
        port = self._server(face).port if face == FETCH else self._server(face).s3_port
        command = [self._load, "127.0.0.1", port, listed, connections, seconds, *flags]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, self._load_cpus))
        if done.returncode != 0:
            raise BenchError(f"fetch_load, {face}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def cost(self, face, case):
        """The server's CPU-seconds a unit in one run."""
        server = self._server(face).server
        before = server.cpu_seconds()
        done = self._fetch(face, case.ranges(), case.connections, self._seconds, "--verify", case.verify)
        return (server.cpu_seconds() - before) / case.units(done)

    def rounds(self, case, count):
        """The costs of each face, a figure a round."""
        costs = {face: [] for face in case.faces}
        for number in range(count):
            for face in case.faces[::-1 if number % 2 == 1 else 1]:
                costs[face].append(self.cost(face, case))
        return costs


def show(case, costs):
    """Prints the case's line of the table. False: the ratio is past the bound."""
    first, second = case.faces
    ratio = median(new / old for old, new in zip(costs[first], costs[second]))
    cells = [f"{face}: {median(costs[face]):.3f} ({min(costs[face]):.3f}-{max(costs[face]):.3f})" for face in case.faces]
    print(f"| {case.name} hit, {case.unit} | {' | '.join(cells)} | {ratio:.2f} | {case.most:.2f} |", flush=True)
    return ratio <= case.most


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
            print("| | first | second | ratio | at most |\n|---|---|---|---|---|")
            good = [show(case, bench.rounds(case, options.rounds)) for case in CASES]
        finally:
            bench.stop()
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, OSError) as error:
        sys.exit(f"s3: {error}")
