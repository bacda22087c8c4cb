#!/usr/bin/python3
"""Misses before and after Cachey's disk is full.

Exit 1: a wrong response, or more disk space used than the capacity. docs/benchmarks.md says how to read the figures.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import servers
from servers import BenchError
from workloads import BUCKET, KIB, MIB, PAGE_BYTES, SEED, write_object

REPOSITORY = Path(__file__).resolve().parent.parent
LOAD = REPOSITORY / "build/release/bench/fetch_load"
STEADY_CAPACITY = 512 * MIB
STEADY_SIZES = {"64k": 64 * KIB, "1m": MIB, "16m": PAGE_BYTES}
WINDOWS = 6  # each writes about the capacity


class Cachey:
    """The server with a disk and little memory, so that hits come from the disk."""

    def __init__(self, home, name, data, capacity):
        self.path = home / name
        self.path.mkdir()
        self.port = servers.free_port()
        command = [REPOSITORY / "build/release/cachey", "--origin", f"dir:{data}", "--listen", "127.0.0.1", "--port", self.port,
                   "--memory", "128MiB", "--disk-path", self.path, "--disk-capacity", str(capacity)]
        self.server = servers.Server("cachey", command, [self.port], None, home / f"{name}.log")
        self.server.start()

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as response:
            return float(re.search(rf"^{name} (\S+)$", response.read().decode(), re.M).group(1))

    def load(self, ranges, connections, seconds, *flags):
        """Runs fetch_load and returns its report; `ranges` are tuples (first, last, key, file)."""
        listed = self.path.parent / "list"
        listed.write_text("".join(f"{first} {last} /fetch/{key} {file}\n" for first, last, key, file in ranges))
        command = [str(word) for word in [LOAD, "127.0.0.1", self.port, listed, connections, seconds, "--verify", 50, *flags]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"fetch_load: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def steady(home, data):
    """Misses of new objects, until more than twice the capacity is written."""
    for name, size in STEADY_SIZES.items():
        write_object(data / BUCKET / name, size)
    cachey = Cachey(home, "steady", data, STEADY_CAPACITY)
    draw = random.Random(SEED)
    try:
        first = None
        for window in range(WINDOWS):
            ranges, total = [], 0
            while total < 0.8 * STEADY_CAPACITY:
                name = draw.choice(list(STEADY_SIZES))
                link = data / BUCKET / f"{window}-{len(ranges)}"
                os.link(data / BUCKET / name, link)
                ranges.append((0, STEADY_SIZES[name] - 1, f"{BUCKET}/{link.name}", link))
                total += STEADY_SIZES[name]
            done = cachey.load(ranges, 4, 600, "--once")
            rate, late = total / done["seconds"] / 1e9, done["whole_us"]["p99"] / 1e3
            first = first or (rate, late)
            used = cachey.metric("cachey_disk_used_bytes")
            dropped = cachey.metric('cachey_disk_drops_total{cause="queue_full"}')
            print(f"misses, {window * 0.8:.1f} to {window * 0.8 + 0.8:.1f} of the capacity: {rate:.2f} GB/s, p99 {late:.0f} ms "
                  f"({rate / first[0]:.2f}, {late / first[1]:.2f} of the first); used {used / STEADY_CAPACITY:.3f}, dropped {dropped:.0f}")
            if used > STEADY_CAPACITY:
                raise BenchError("more is used than the capacity")
    finally:
        cachey.server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", default="/var/tmp", help="on the disk to be measured; 4 GB (default /var/tmp)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
        home = Path(home)
        steady(home, home / "data")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"disk: {error}")
