#!/usr/bin/python3
"""What the CPU time of a hit over HTTP/1.1 is spent on, by the parts of the kernel and the rooms of the source: Cachey
beside the floor (hit_floor.cc).

Each server has one worker on the first CPU. fetch_load asks from the second one for hits of 4 KiB on 64 connections, as
fast as answers come. In each round each server runs twice: alone for its CPU time, then under perf for the shares of
the parts (4,000 samples a second). The figures are medians of the rounds, and means of the shares. A part is known by
the function that ran and its callers. Loopback brings the bytes to the client's socket and wakes the client within the
server's sendmsg, so both are parts of that call. An inlined function counts for the room that has its source.

Needs perf (Debian's linux-perf) and root. The worker and the client run before all else of their CPU (SCHED_FIFO, if we
may): other programs wait for up to half a second at a time.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

import command
import hit_parts
import servers
import workloads
from servers import BenchError
from workloads import KIB

PAUSE_SECONDS = 0.3  # between runs, for other programs
SHOWN = 0.005  # of a server's CPU time: smaller parts are one row
REST = "smaller parts"


class Side:
    """A server that is measured."""

    def __init__(self, name, server, port, binary):
        self.name, self.server, self.port, self.binary = name, server, port, Path(binary).resolve()
        self.runs, self.shares = [], []

    def cpu_seconds(self):
        """By the scheduler's clock, which is finer than the ticks of /proc/PID/stat."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self.server.tasks()) / 1e9


class Bench:
    def __init__(self, home, options):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise BenchError("two CPUs are needed")
        self._home, self._options, self._client_cpu = home, options, cpus[1]
        self._data = home / "data"
        objects = self._data / workloads.BUCKET
        for number in range(workloads.HOT_PAGES):
            workloads.write_object(objects / workloads.page_name(number), workloads.PAGE_BYTES, number)
        self._origin = servers.Origin(home / "origin", self._data, cpus[1])
        port = servers.free_port()
        floor = servers.Server("floor", [options.floor, port, objects], [port], cpus[0], home / "log-floor")
        cachey = servers.Cachey(options.bin, home, self._origin.endpoint, cpus[0], memory="1GiB")
        self.sides = [Side("floor", floor, port, options.floor), Side("Cachey", cachey.server, cachey.port, options.bin)]

    def start(self):
        self._origin.server.start()
        for side in self.sides:
            side.server.start()
            self._load(side, workloads.pages(), 4, 60, "--once", "--verify", 1)
            side.server.run_before_all_else()

    def stop(self):
        for server in (*(side.server for side in self.sides), self._origin.server):
            server.stop()

    def run(self, side):
        before = side.cpu_seconds()
        done = self._hits(side)
        cpu = 1e5 * (side.cpu_seconds() - before) / done["requests"]
        side.runs.append((cpu, done["requests"] / done["seconds"], done["whole_us"]["p50"], done["whole_us"]["p99"]))
        side.shares.append(self._profile(side))

    def _profile(self, side):
        recorded = self._home / "perf.data"
        self._hits(side, "perf", "record", "-q", "-e", "cpu-clock", "-F", hit_parts.PER_SECOND, "-g", "-m", "4M",
                   "-o", recorded, "-p", side.server.pids()[0], "--")
        return hit_parts.parts(recorded, side.binary)

    def _hits(self, side, *under):
        time.sleep(PAUSE_SECONDS)
        options = self._options
        return self._load(side, workloads.ranges_in_pages(options.kib * KIB), options.connections, options.seconds,
                          "--verify", 101, under=under)

    def _load(self, side, ranges, *words, under=()):
        listed = workloads.write_list(self._home / "list", ranges, self._data)

        def settle():
            os.sched_setaffinity(0, {self._client_cpu})
            servers.before_all_else(0)
        command_line = (*under, self._options.load, "127.0.0.1", side.port, listed, *words)
        done = subprocess.run([str(word) for word in command_line], capture_output=True, text=True, check=False,
                              preexec_fn=settle)
        if done.returncode != 0:
            raise BenchError(f"{side.name}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def table(sides):
    """Rows of (part, CPU-s per 100k of each side), the largest first, and the sum."""
    cpu = [median(run[0] for run in side.runs) for side in sides]
    of_part = {}
    for part in {part for side in sides for shares in side.shares for part in shares}:
        of_part[part] = [seconds * sum(shares.get(part, 0) for shares in side.shares) / len(side.shares)
                         for seconds, side in zip(cpu, sides)]
    small = [part for part, row in of_part.items() if all(value < SHOWN * all_ for value, all_ in zip(row, cpu))]
    if small:
        of_part[REST] = [sum(column) for column in zip(*(of_part.pop(part) for part in small))]
    rows = sorted(of_part.items(), key=lambda row: (row[0] == REST, -row[1][-1]))
    return [*rows, ("all", cpu)]


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a run (default 0.5)")
    parser.add_argument("--kib", type=int, default=4, help="of a hit (default 4)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--floor", type=Path, default=command.REPOSITORY / "build/release/bench/hit_floor")


def main():
    options = command.options_of("hit_profile", __doc__, "600 MB", add_options)
    servers.find_program("perf", "linux-perf")
    with command.started(Bench, options) as bench:
        for number in range(options.rounds):
            for side in bench.sides[::-1 if number % 2 else 1]:
                bench.run(side)
        floor, cachey = bench.sides
        print("| CPU-s of 100,000 hits | floor | Cachey |\n|---|---|---|")
        for part, row in table(bench.sides):
            print(f"| {part} | {row[0]:.3f} | {row[1]:.3f} |")
        for name, at in (("requests/s", 1), ("p50, us", 2), ("p99, us", 3)):
            print(f"| {name} | {' | '.join(f'{median(run[at] for run in side.runs):,.0f}' for side in bench.sides)} |")
        ratios = [ours[0] / bare[0] for ours, bare in zip(cachey.runs, floor.runs)]
        print(f"\nCachey's cost is {median(ratios):.2f} times the floor's ({min(ratios):.2f} to {max(ratios):.2f}).")
    return 0


if __name__ == "__main__":
    command.run("hit_profile", main)
