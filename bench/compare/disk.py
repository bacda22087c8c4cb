"""Hits on disk beside a bare read of the same file, a restart, and a zipf mix larger than memory and disk."""

import json
import re
import subprocess
import time
import urllib.request

import servers
import workloads
from servers import BenchError
from workloads import GIB, KIB, MIB, PAGE_BYTES, Range

from .load import measured
from .peers import COLUMNS, Column, Ours, Varnish
from .plan import COST_100K, COST_GB, Family, Workload

MEMORY = 128 * MIB
CAPACITY = 5 * GIB // 2
FOUR = workloads.sized_name(4 * MIB)
FOURS = 256  # objects of 4 MiB: 1 GiB
QUIET_SECONDS_MAX = 30
MIX_OBJECTS = 1024  # of 1 MiB
MIX_MEMORY = MIX_OBJECTS // 10 * MIB
MIX_DISK = MIX_OBJECTS * 6 // 10 * MIB
RESTART_REQUESTS = 1000


class Device(Column):
    """The device alone: fio's random O_DIRECT reads of the file that holds Cachey's pages."""

    name = "fio"

    def settle(self):
        pass

    def read(self, seconds, block, jobs):
        directory = self.terms.home / Ours.name.lower() / "disk"
        file = max(directory.iterdir(), key=lambda path: path.stat().st_size)
        command = [servers.find_program("fio", "fio"), "--name=read", f"--filename={file}", "--direct=1",
                   "--rw=randread", "--ioengine=psync", f"--bs={block}", f"--numjobs={jobs}", "--group_reporting",
                   f"--runtime={seconds}", "--time_based", "--output-format=json",
                   f"--cpus_allowed={','.join(map(str, self.terms.cpus))}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"fio: {done.stderr[-300:]}")
        report = json.loads(done.stdout)["jobs"][0]["read"]
        times = report["clat_ns"]["percentile"]
        return {"gb_per_s": report["bw_bytes"] / 1e9, "whole_p50_us": times["50.000000"] / 1e3,
                "whole_p99_us": times["99.000000"] / 1e3, "requests": report["total_ios"],
                "disk_kib_per_request": block / 1024}


def fours():
    return [Range(FOUR, 0, 4 * MIB - 1, number) for number in range(FOURS)]


def fill(bench, column):
    """Fetches all pages and all objects of 4 MiB, one after the other; returns when no bytes wait to be written."""
    if isinstance(column, Device):
        return
    bench.load.fetch(column.ports["h1"], workloads.pages(workloads.PAGES) + fours(), 1, 120, once=True)
    settle(column)


def settle(column):
    deadline = time.monotonic() + QUIET_SECONDS_MAX
    written, since = -1, time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 0.7:
        now = column.server().disk_written_bytes()
        if now != written:
            written, since = now, time.monotonic()
        time.sleep(0.1)
    column.forget_page_cache()


def overflows(column):
    """The number of entries that the reference's disk tier dropped, by its own counter; None: no counter."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{column.ports['h1']}/metrics", timeout=10) as response:
            counted = re.findall(r'^foyer_storage\S*\{[^}]*op="(?:buffer|channel)_overflow"[^}]*\} (\S+)$',
                                 response.read().decode(), re.M)
    except OSError:
        return None
    return sum(map(float, counted)) if counted else None


def hits(ranges, connections, block):
    def run(bench, column):
        if isinstance(column, Device):
            return column.read(max(1, round(bench.seconds)), block, connections)
        column.forget_page_cache()
        figures = measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], ranges(), connections, bench.seconds, verify=11))
        if column.name == "reference" and overflows(column):
            figures["note"] = (f"its metrics say that {overflows(column):.0f} entries were dropped on their way to its "
                               f"disk (foyer's buffer_overflow and channel_overflow)")
        return figures
    return run


def in_pages():
    return workloads.ranges_in_pages(4 * KIB, of=workloads.PAGES, step=4 * KIB)


def in_fours():
    return [Range(FOUR, r.first % (4 * MIB), r.first % (4 * MIB) + 4 * KIB - 1, number * 7919 % FOURS)
            for number, r in enumerate(in_pages())]


def restart(bench, column):
    """SIGTERM, start, the first correct response, then 1,000 requests of 64 KiB for data on disk."""
    process = column.server()
    process.stop(seconds_max=60)
    column.forget_page_cache()
    begin = time.monotonic()
    process.start()
    bench.load.fetch(column.ports["h1"], in_fours()[:1], 1, 10, once=True)
    ready = time.monotonic() - begin
    asked = [Range(r.name, r.first, r.last, r.fresh) for r in in_fours()[1:RESTART_REQUESTS // 2 + 1]]
    asked += workloads.ranges_in_pages(64 * KIB, of=workloads.PAGES, count=RESTART_REQUESTS // 2, step=4 * KIB)
    return measured(bench, column, "h1", lambda: bench.load.fetch(
        column.ports["h1"], asked, 4, 60, once=True, verify=11)) | {"ready_s": ready}


def mix_ranges(seed, count):
    """Ranges of 64 KiB in objects of 1 MiB; an object's popularity is 1 / rank."""
    name = workloads.sized_name(MIB)
    size = 64 * KIB
    return [Range(name, at % 16 * size, (at % 16 + 1) * size - 1, number)
            for at, number in enumerate(workloads.zipf(range(MIX_OBJECTS), 1.0, count, seed))]


def mix_fill(bench, column):
    bench.load.fetch(column.ports["h1"], mix_ranges(1, 6000), 4, 120, once=True)
    if column.terms.disk:
        column.keep_to_capacity()
        settle(column)


def mix(bench, column):
    bench.turn += 1
    column.keep_to_capacity()
    return measured(bench, column, "h1", lambda: bench.load.fetch(
        column.ports["h1"], mix_ranges(100 + bench.turn, 20_000), 16, bench.seconds * 2, verify=11))


def families(options):
    """A quick run leaves out the mix without a disk."""
    seconds = options.seconds + 0.5
    columns = (*COLUMNS, Device)
    no_device = {Device.name: "a device has no requests"}
    small = ("disk_kib_per_request", "whole_p50_us", "whole_p99_us", COST_100K, "origin_requests_per_request")
    hit_rows = [
        Workload("disk-4KiB", "4 KiB of 16 MiB pages, 1 connection", small, hits(in_pages, 1, 64 * KIB), seconds),
        Workload("disk-4KiB-of-4MiB", "4 KiB of objects of 4 MiB, 1 connection", small, hits(in_fours, 1, 64 * KIB),
                 seconds),
        Workload("disk-16MiB", "16 MiB, 4 connections", ("gb_per_s", COST_GB, "origin_requests_per_request"),
                 hits(lambda: workloads.pages(workloads.PAGES), 4, PAGE_BYTES), seconds),
        Workload("restart", "restart, then 1,000 requests", (
            "ready_s", "whole_p50_us", "whole_p99_us", "origin_requests"), restart, 2, repeats=False,
            leaves_out=no_device),
    ]
    mixed = [Workload("mix", "64 KiB of 1,024 objects of 1 MiB by zipf 1.0, 16 connections", (
        COST_100K, "requests_per_s", "origin_requests_per_request", "origin_bytes_per_byte", "whole_p50_us",
        "whole_p99_us"), mix, 2 * options.seconds + 1)]
    every = [
        Family("disk", "Hits on disk", hit_rows, {"memory": MEMORY, "disk": CAPACITY}, prepare=fill, seconds=9,
               columns=columns,
               note="For servers that read through the page cache, the cache is emptied of their files before each run; "
                    "during a run it fills again without a limit."),
        Family("mix", "A mix: memory for 10 % of the data, disk for 60 %", mixed,
               {"memory": MIX_MEMORY, "disk": MIX_DISK}, prepare=mix_fill, seconds=4,
               note="nginx also has its files in the page cache, without a limit. It removes files past its capacity "
                    "every 10 s: during a run it keeps more on disk than the capacity."),
        Family("mix-memory", "The same mix without a disk tier", mixed_memory(mixed), {"memory": MIX_MEMORY},
               prepare=mix_fill, seconds=4, columns=(Ours, Varnish)),
    ]
    return every[:-1] if options.quick else every


def mixed_memory(mixed):
    row, = mixed
    return [Workload("mix-memory", row.title + ", memory only", row.shows, row.run, row.seconds)]
