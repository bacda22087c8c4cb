#!/usr/bin/python3
"""Hits on Cachey's disk beside fio on the same file in the same run; and misses before and after the disk is full.

Exit 1: a wrong answer, or a hit that went to the origin. README.md says how to read such figures.
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
from workloads import BUCKET, KIB, MIB, PAGE_BYTES, SEED, TURN_BYTES

REPOSITORY = Path(__file__).resolve().parent.parent
LOAD = REPOSITORY / "build/release/bench/fetch_load"
PAGES = 64
CAPACITY = 1280 * MIB
STEADY_CAPACITY = 512 * MIB
STEADY_SIZES = {"64k": 64 * KIB, "1m": MIB, "16m": PAGE_BYTES}
WINDOWS = 6  # of about the capacity each


class Cachey:
    """The server with a disk and so little memory that hits are the disk's."""

    def __init__(self, home, name, data, capacity):
        self.path = home / name
        self.path.mkdir()
        self.port = servers.free_port()
        command = [REPOSITORY / "build/release/cachey", "--origin", f"dir:{data}", "--listen", "127.0.0.1", "--port", self.port,
                   "--memory", "128MiB", "--disk-path", self.path, "--disk-capacity", str(capacity)]
        self.server = servers.Server("cachey", command, [self.port], None, home / f"{name}.log")
        self.server.start()

    @property
    def file(self):
        return max(self.path.iterdir(), key=lambda file: file.stat().st_size)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as response:
            return float(re.search(rf"^{name} (\S+)$", response.read().decode(), re.M).group(1))

    def load(self, ranges, connections, seconds, *flags):
        """What fetch_load measured: `ranges` are lines of first, last and key."""
        listed = self.path.parent / "list"
        listed.write_text("".join(f"{first} {last} /fetch/{key} {file}\n" for first, last, key, file in ranges))
        command = [str(word) for word in [LOAD, "127.0.0.1", self.port, listed, connections, seconds, "--verify", 50, *flags]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"fetch_load: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def fio(file, block, jobs, seconds):
    """(GB/s, median microseconds) of random reads of the file."""
    command = [servers.find_program("fio", "fio"), "--name=read", f"--filename={file}", "--direct=1", "--rw=randread", "--ioengine=psync",
               f"--bs={block}", f"--numjobs={jobs}", "--group_reporting", f"--runtime={seconds}", "--time_based", "--output-format=json"]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["jobs"][0]["read"]
    return done["bw_bytes"] / 1e9, done["clat_ns"]["percentile"]["50.000000"] / 1e3


def write_object(path, size):
    block = random.Random(SEED).randbytes(PAGE_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for page in range(-(-size // PAGE_BYTES)):
            turn = page * TURN_BYTES % PAGE_BYTES
            file.write((block[turn:] + block[:turn])[:size - page * PAGE_BYTES])
        file.flush()
        os.fsync(file.fileno())


def hits(home, data, seconds):
    """Full pages and small ranges from the disk, in turns with fio."""
    key, file = f"{BUCKET}/large", data / BUCKET / "large"
    write_object(file, PAGES * PAGE_BYTES)
    cachey = Cachey(home, "hits", data, CAPACITY)
    try:
        pages = [(at * PAGE_BYTES, (at + 1) * PAGE_BYTES - 1, key, file) for at in range(PAGES)]
        cachey.load(pages, 1, 600, "--once")
        while cachey.metric("cachey_disk_queued_bytes") or cachey.metric("cachey_disk_pages") < PAGES:
            pass
        ingress = cachey.metric("cachey_ingress_bytes_total")
        draw = random.Random(SEED)
        small = [(at, at + 4 * KIB - 1, key, file) for at in (draw.randrange(PAGES * PAGE_BYTES // 4096) * 4096 for _ in range(10_000))]
        draw.shuffle(pages)
        for what, ranges, block, connections in [("16 MiB", pages, "16m", 1), ("16 MiB", pages, "16m", 4), ("4 KiB", small, "64k", 1)]:
            read = cachey.metric("cachey_disk_read_bytes_total")
            fio_rate, fio_median = fio(cachey.file, block, connections, seconds)
            ours = cachey.load(ranges, connections, seconds)
            rate, median = ours["bytes"] / ours["seconds"] / 1e9, ours["whole_us"]["p50"]
            read = (cachey.metric("cachey_disk_read_bytes_total") - read) / ours["requests"]
            print(f"{what} hits, {connections} connections: {rate:.2f} GB/s, p50 {median:.0f} us, {read / KIB:.0f} KiB read a hit; "
                  f"fio, {block}: {fio_rate:.2f} GB/s, p50 {fio_median:.0f} us; "
                  + (f"{rate / fio_rate:.2f} of fio's rate" if block == "16m" else f"{median / fio_median:.2f} times fio's p50"))
        if cachey.metric("cachey_ingress_bytes_total") != ingress:
            raise BenchError("hits went to the origin")
    finally:
        cachey.server.stop()


def steady(home, data):
    """Misses, each of a new object, past twice the capacity and more."""
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
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
        home = Path(home)
        hits(home, home / "data", options.seconds)
        steady(home, home / "data")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"disk: {error}")
