"""One client that reads a large cold object in order, from a store that paces each connection."""

import workloads
from workloads import MIB, PAGE_BYTES, Range

from .load import measured
from .misses import CopyLoop
from .peers import Ours
from .plan import COST_GB, Family, Workload

NAME, BYTES = "long", 384 * MIB
MEMORY = 1024 * MIB


class Parts(Ours):
    name = "Cachey, 8 parts"
    options = ("--origin-parts", "8")


class Ahead(Ours):
    name = "Cachey, 8 pages ahead"
    options = ("--read-ahead", "8")


class Both(Ours):
    name = "Cachey, 4 pages ahead in 4 parts"
    options = ("--read-ahead", "4", "--origin-parts", "4")


def prepare(bench, _column):
    path = bench.data / workloads.BUCKET / NAME
    if not path.exists():
        workloads.write_object(path, BYTES)


def read(bench, column):
    fresh = bench.next_fresh()
    pages = [Range(NAME, first, first + PAGE_BYTES - 1, fresh) for first in range(0, BYTES, PAGE_BYTES)]
    return measured(bench, column, "h1", lambda: bench.load.fetch(column.ports["h1"], pages, 1, 60, once=True, verify=7))


def families(_options):
    whole = Workload("long-read", f"{BYTES // MIB} MiB, page after page", (
        "gb_per_s", "whole_p50_us", COST_GB, "origin_bytes_per_byte"), read, 4)
    return [Family("long-reads", "A long read, slow store", [whole], {"memory": MEMORY}, origin="paced",
                   prepare=prepare, seconds=1, columns=(Ours, Parts, Ahead, Both, CopyLoop),
                   note="One connection, 16 MiB a request; the store sends 90 MB/s on each of its connections.")]
