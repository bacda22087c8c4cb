#!/usr/bin/python3
"""CPU of Python clients: the Python client beside http.client, requests, httpx, aiohttp, obstore, and boto3 by S3.

    ./dev bench client                        # 3 minutes
    ./dev bench client --rounds 3 --only cachey_client

Each client reads ranges one after the other, on one connection, in a process of its own; all are hits in memory of one
server. The figure is the client's own CPU time: the median of the rounds, and the median of the rounds' ratios to
http.client, which does the least that a client can do. `into` reads into a buffer of the caller. Exit 1: a ratio of the
Python client is past --most, or a byte was wrong.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import servers
from servers import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHON = REPOSITORY / "build/tools/bench-client/bin/python"
CACHEY = Path(os.environ.get("CACHEY_BIN", REPOSITORY / "build/release/cachey"))
KIB, MIB = 1 << 10, 1 << 20
OBJECTS, OBJECT_BYTES = 8, 16 * MIB
BUCKET = "objects"
# A client, and the one that it is compared with.
CLIENTS = {"http.client": "http.client", "http.client, into": "http.client, into", "cachey_client": "http.client",
           "cachey_client, into": "http.client, into", "obstore": "http.client", "requests": "http.client",
           "aiohttp": "http.client", "httpx": "http.client", "boto3": "http.client"}
RUN_SECONDS_MAX = 300


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    bytes: int
    count: int  # of reads in a run
    unit: str
    units: float  # of a run


CASES = (
    Case("4 KiB", 4 * KIB, 3000, "CPU-s per 100k", 3000 / 1e5),
    Case("1 MiB", MIB, 1000, "CPU-s per GB", 1000 * MIB / 1e9),
    Case("16 MiB", 16 * MIB, 60, "CPU-s per GB", 60 * 16 * MIB / 1e9),
)


class Bench:
    def __init__(self, home):
        self._folder = home / "data" / BUCKET
        self._folder.mkdir(parents=True)
        for number in range(OBJECTS):
            (self._folder / f"object-{number}").write_bytes(os.urandom(OBJECT_BYTES))
        self._port, self._s3_port = servers.free_port(), servers.free_port()
        self.server = servers.Server(
            "cachey", [CACHEY, "--origin", f"dir:{home / 'data'}", "--listen", "127.0.0.1", "--port", self._port, "--memory", "512MiB",
                       "--threads", 1, "--s3api-open", "--s3api-listen", f"127.0.0.1:{self._s3_port}", "--s3api-revalidate", "*=never"],
            [self._port, self._s3_port], None, home / "log")

    def cost(self, client, case):
        words = [PYTHON, REPOSITORY / "bench/client/reads.py", client, self._port, self._s3_port, self._folder, case.bytes, case.count]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=RUN_SECONDS_MAX)
        if done.returncode != 0:
            raise BenchError(f"{client}, {case.name}: {done.stderr[-2000:]}")
        return float(done.stdout) / case.units

    def rounds(self, clients, count):
        """{case: {client: [cost a round]}}"""
        costs = {case.name: {client: [] for client in clients} for case in CASES}
        for number in range(count):
            for case in CASES:
                for client in clients[::-1 if number % 2 else 1]:
                    costs[case.name][client].append(self.cost(client, case))
            print(f"round {number + 1} of {count}", file=sys.stderr, flush=True)
        return costs


def ratio(costs, client):
    return median(own / least for own, least in zip(costs[client], costs[CLIENTS[client]]))


def table(costs, clients):
    yield "| | " + " | ".join(f"{case.name}, {case.unit}" for case in CASES) + " |"
    yield "|---|" + "---|" * len(CASES)
    for client in clients:
        cells = [f"{median(costs[case.name][client]):.2f} ({ratio(costs[case.name], client):.2f})" for case in CASES]
        yield f"| {client} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench client", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", choices=list(CLIENTS), help="this client and the one it is compared with")
    parser.add_argument("--most", type=float, default=1.3, help="times the CPU of http.client, for the Python client (1.3)")
    parser.add_argument("--directory", default="/var/tmp", help="for temporary files, 150 MB (default /var/tmp)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    chosen = options.only or list(CLIENTS)
    clients = [client for client in CLIENTS if client in chosen or client in {CLIENTS[one] for one in chosen}]
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
        bench = Bench(Path(home))
        try:
            bench.server.start()
            costs = bench.rounds(clients, options.rounds)
        finally:
            bench.server.stop()
    if options.json:
        options.json.write_text(json.dumps(costs, indent=1) + "\n")
    print("\n".join(table(costs, clients)))
    bad = [f"{client}, {case.name}: {ratio(costs[case.name], client):.2f} times {CLIENTS[client]}" for case in CASES
           for client in clients if client.startswith("cachey_client") and ratio(costs[case.name], client) > options.most]
    print("\n".join(bad), file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"client: {error}")
