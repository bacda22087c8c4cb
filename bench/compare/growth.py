"""How cost grows with the number of cached objects, and the time of a restart with all of them on disk."""

import itertools
import random
import time

import workloads
from workloads import GIB, KIB, Range

from .disk import settle
from .load import measured
from .peers import COLUMNS, Ours
from .plan import COST_100K, Family, Workload

NAME = workloads.sized_name(4 * KIB)
MEMORY = 6 * GIB
DISK = 8 * GIB
LIST = 50_000
CONNECTIONS = 64
FILL_SECONDS_MAX = 400
AT_ONCE = 50_000  # objects: they fit into the disk's write queue, which drops what arrives too fast


def objects(numbers):
    return [Range(NAME, 0, 4 * KIB - 1, number) for number in numbers]


def up_to(count, repeats):
    """Fills the cache up to `count` objects, then measures hits among all of them: one run per repetition."""
    def run(bench, column):
        have = getattr(column, "objects", 0)
        for first in range(have, count, AT_ONCE):
            bench.load.fetch(column.ports["h1"], objects(range(first, min(first + AT_ONCE, count))), 32,
                             FILL_SECONDS_MAX, once=True)
            if column.terms.disk:
                settle(column)
        column.objects = count
        asked = objects(random.Random(workloads.SEED).choices(range(count), k=LIST))
        return [measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], asked, CONNECTIONS, bench.seconds)) for _ in range(repeats)]
    return run


def restart(bench, column):
    process = column.server()
    time.sleep(1)  # the index is written shortly after the data
    process.stop(seconds_max=120)
    begin = time.monotonic()
    process.start()
    bench.load.fetch(column.ports["h1"], objects([0]), 1, 10, once=True)
    ready = time.monotonic() - begin
    asked = objects(random.Random(1).choices(range(column.objects), k=1000))
    return measured(bench, column, "h1", lambda: bench.load.fetch(
        column.ports["h1"], asked, 4, 60, once=True)) | {"ready_s": ready}


def families(options):
    """Peers stop at 100,000 objects, in a quick run at 1,000, because filling them takes too long."""
    counts = [1_000, 100_000] + ([] if options.quick else [1_000_000])
    repeats = max(2, options.rounds)
    rows = []
    for before, count in zip(itertools.chain([0], counts), counts):
        most = 1_000 if options.quick else 100_000
        left_out = {kind.name: f"filled to {most:,} only" for kind in COLUMNS if kind is not Ours and count > most}
        rows.append(Workload(f"objects-{count}", f"4 KiB hits, {count:,} objects of 4 KiB",
                             (COST_100K, "requests_per_s", "whole_p50_us", "whole_p99_us", "rss_peak_mib"),
                             up_to(count, repeats), (count - before) / 4500 + repeats * options.seconds, repeats=False,
                             leaves_out=left_out))
    rows.append(Workload("restart-objects", f"restart with {counts[-1]:,} objects on disk, then 1,000 requests",
                         ("ready_s", "whole_p50_us", "whole_p99_us", "origin_requests"), restart, 4, repeats=False,
                         leaves_out={kind.name: "see the restart above" for kind in COLUMNS if kind is not Ours}))
    return [Family("objects", "How cost grows with objects", rows, {"memory": MEMORY, "many_files": True}, seconds=1,
                   terms_of={Ours.name: {"disk": DISK}},
                   note="Cachey also writes the objects to disk; the peers do not. nginx has its files in /dev/shm.")]
