"""Misses: throughput, the first byte from a slow store, a crowd on one cold page; also over TLS to the store."""

import servers
import workloads
from workloads import KIB, MIB, PAGE_BYTES, Range

from .load import measured
from .peers import COLUMNS, REPOSITORY, Column
from .plan import COST_GB, Family, Workload

MEMORY = 512 * MIB
DELAY_SECONDS = 0.030
BYTES_PER_SECOND = 90e6
CROWD = 1000
FILL_PAGES = MEMORY // PAGE_BYTES + 8
BYTES_PER_SECOND_MAX = 3e9  # makes a list of misses long enough for the duration of a run


class Origin(Column):
    """The baseline of any cache: the origin, requested directly."""

    name = "origin itself"
    prefix = ""

    def settle(self):
        running = self.terms.running_origin
        self.add(["h1"], running.server, running.port)

    @property
    def owned(self):
        return set()


class CopyLoop(Column):
    """The floor: a bare loop that receives each byte from the origin into memory, and sends the byte from there."""

    name = "copy loop"
    binary = REPOSITORY / "build/release/bench/copy_floor"

    def settle(self):
        terms = self.terms
        port = servers.free_port()
        authorities = [terms.certificate] if terms.origin.startswith("https") else []
        command = [self.binary, port, terms.origin.rsplit(":", 1)[1], terms.memory, *authorities]
        self.add(["h1"], servers.Server(self.name, command, [port], terms.cpus, self.home / "log"), port)


def prefix(column):
    return getattr(column, "prefix", "/fetch")


def fresh_pages(bench, count):
    return [Range(workloads.page_name(number % workloads.PAGES), 0, PAGE_BYTES - 1, bench.next_fresh())
            for number in range(count)]


def fill(bench, column):
    """Fills the memory, so that every further page evicts another."""
    if not isinstance(column, (Origin, CopyLoop)):
        bench.load.fetch(column.ports["h1"], fresh_pages(bench, FILL_PAGES), 8, 60, once=True)


def unpaced(connections):
    def run(bench, column):
        pages = fresh_pages(bench, int(BYTES_PER_SECOND_MAX * bench.seconds / PAGE_BYTES) + 2 * connections)
        return measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], pages, connections, bench.seconds, once=True, verify=11, prefix=prefix(column)))
    return run


def first_bytes(count, memory_used):
    """First bytes with memory that was never written to, and with memory reused from other pages."""
    def run(bench, column):
        if memory_used and not getattr(column, "filled", False):
            fill(bench, column)
            column.filled = True
        return measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], fresh_pages(bench, count), 1, 60, once=True, verify=1, prefix=prefix(column)))
    return run


def tail(count):
    """The last 4 KiB of a cold page."""
    def run(bench, column):
        ends = [Range(page.name, PAGE_BYTES - 4 * KIB, PAGE_BYTES - 1, page.fresh)
                for page in fresh_pages(bench, count)]
        return measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], ends, 1, 60, once=True, verify=1, prefix=prefix(column)))
    return run


def herd(apart):
    """All clients at once: the same 64 KiB of a cold page, or a different 16 KiB each."""
    def run(bench, column):
        page, = fresh_pages(bench, 1)
        size = 16 * KIB if apart else 64 * KIB
        asked = [Range(page.name, at * size * apart, at * size * apart + size - 1, page.fresh) for at in range(CROWD)]
        return measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], asked, CROWD, 60, once=True, verify=1))
    return run


def families(options):
    seconds = options.seconds + 0.6
    pages = 4 if options.quick else 8
    origin_once = {Origin.name: "the other servers fetch from it"}
    misses = [Workload(f"miss-{connections}",
                       f"16 MiB misses, {connections} connection{'s' if connections > 1 else ''}",
                       (COST_GB, "gb_per_s", "origin_requests_per_request", "origin_bytes_per_byte", "rss_peak_mib"),
                       unpaced(connections), seconds) for connections in (1, 4, 64)]
    crowd = ("origin_requests", "origin_bytes", "whole_p50_us", "whole_p99_us", "rss_peak_mib")
    first = ("first_byte_p50_us", "whole_p50_us", "origin_requests_per_request", "origin_bytes_per_byte")
    slow = [
        Workload("paced-first-byte-new", "16 MiB miss, store at 90 MB/s and 30 ms, server just started", first[:1],
                 first_bytes(4, False), 1, repeats=False),
        Workload("paced-first-byte", "16 MiB miss, the same store, memory full", first, first_bytes(pages, True),
                 pages * 0.25),
        Workload("paced-tail", "last 4 KiB of a cold page, the same store", (
            "whole_p50_us", "origin_requests_per_request"), tail(pages), pages * 0.25),
        Workload("herd", f"{CROWD:,} clients on one cold page, the same store", crowd, herd(False), 1,
                 leaves_out=origin_once),
        Workload("herd-apart", f"{CROWD:,} clients, each another 16 KiB of a cold page", crowd, herd(True), 1,
                 leaves_out=origin_once),
    ]
    secure = [Workload(f"miss-tls-{connections}",
                       f"16 MiB misses, TLS 1.3 to the store, {connections} connections", (COST_GB, "gb_per_s"),
                       unpaced(connections), seconds) for connections in (4, 64)]
    columns = (*COLUMNS, Origin)
    return [
        Family("misses", "Misses", misses, {"memory": MEMORY}, prepare=fill, seconds=2, columns=(*columns, CopyLoop)),
        Family("slow-store", "Misses, slow store", slow, {"memory": MEMORY}, origin="paced", seconds=0.5,
               columns=columns,
               note="One connection, one page after the other. Varnish fetches the object, not a range of it; here an "
                    "object is one page."),
        Family("misses-tls", "Misses, TLS to the store", secure, {"memory": MEMORY}, origin="tls", prepare=fill,
               seconds=2, columns=(*COLUMNS, CopyLoop)),
    ]
