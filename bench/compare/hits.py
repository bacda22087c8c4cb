"""Hits in memory: sizes and protocols, times at a fixed rate, connections, threads."""

import workloads
from workloads import KIB, MIB

from .load import measured
from .peers import COLUMNS, Floor
from .plan import COST_100K, COST_GB, Family, Workload

MEMORY = 1024 * MIB
# bytes: title, connections of fetch_load, (clients, streams) of h2load, cost figure, requests a second if the rate is fixed
SIZES = {
    4 * KIB: ("4 KiB", 64, (16, 32), COST_100K, 4000),
    64 * KIB: ("64 KiB", 32, (8, 16), COST_100K, 2000),
    MIB: ("1 MiB", 8, (4, 4), COST_GB, 400),
    16 * MIB: ("16 MiB", 4, (4, 1), COST_GB, 50),
}
PROTOCOLS = {"h1": "HTTP/1.1", "h2c": "HTTP/2", "h1+tls": "HTTP/1.1, TLS 1.3", "h2+tls": "HTTP/2, TLS 1.3"}
TIMES = ("whole_p50_us", "whole_p99_us", "whole_p999_us", "first_byte_p50_us")
CONNECTIONS = (1, 16, 256, 2000)
NOTE = ("The floor is a bare epoll loop over HTTP/1.1 without checks, limits and counts: one recv and one sendmsg a request, "
        "from memory.")


def ranges(size):
    return workloads.pages() if size == workloads.PAGE_BYTES else workloads.ranges_in_pages(size)


def by_fetch_load(size, connections, rate=None, times=1):
    """Runs fetch_load, `times` as long as other runs."""
    def run(bench, column):
        return measured(bench, column, "h1", lambda: bench.load.fetch(
            column.ports["h1"], ranges(size), connections, bench.seconds * times, rate=rate,
            verify=11 if size >= MIB else 101))
    return run


def by_h2load(size, protocol):
    _, connections, (clients, streams), _, _ = SIZES[size]
    if protocol.startswith("h1"):
        clients, streams = connections, 1

    def run(bench, column):
        column.server(protocol)
        scheme = "https" if protocol.endswith("tls") else "http"
        names = [page.name for page in workloads.pages()]
        return measured(bench, column, protocol, lambda: bench.load.h2load(
            scheme, column.ports[protocol], protocol, names, size, clients, streams, bench.seconds))
    return run


def prepare(bench, column):
    """Fetches the pages into each process of the column."""
    bench.load.fetch(column.ports["h1"], workloads.pages() * 2, 4, 60, once=True, verify=1)
    for protocol in column.ports:
        if column.processes[protocol] is not column.processes["h1"]:
            bench.load.h2load("https", column.ports[protocol], protocol, [page.name for page in workloads.pages()],
                              4 * KIB, 4, 1, 1)


def families(options):
    seconds = options.seconds + 0.4
    cost = []
    for protocol, spoken in PROTOCOLS.items():
        for size, (title, connections, _, unit, _) in SIZES.items():
            if protocol.endswith("tls") and 4 * KIB < size < 16 * MIB:
                continue
            run = by_fetch_load(size, connections) if protocol == "h1" else by_h2load(size, protocol)
            shows = (unit, "both_cpu_per_gb", "gb_per_s") if unit == COST_GB else (unit, "requests_per_s")
            cost.append(Workload(f"hit-{title.replace(' ', '')}-{protocol}", f"{title}, {spoken}", shows, run,
                                 seconds if protocol == "h1" else max(1, options.seconds) + 0.4))
    times = 1 if options.quick else 2
    at_rate = [Workload(f"rate-{title.replace(' ', '')}", f"{title}, {rate:,} requests/s", TIMES,
                        by_fetch_load(size, 64, rate, times), times * options.seconds + 0.4)
               for size, (title, _, _, _, rate) in SIZES.items()]
    crowd = [Workload(f"connections-{count}", f"4 KiB, {count:,} connection{'s' if count > 1 else ''}",
                      (COST_100K, "requests_per_s", "whole_p50_us", "whole_p99_us"), by_fetch_load(4 * KIB, count),
                      seconds)
             for count in CONNECTIONS]
    threads = [Workload(f"threads-2-{title.replace(' ', '')}", f"{title}, 2 threads on both CPUs", (unit,),
                        by_fetch_load(size, connections), seconds)
               for size, (title, connections, _, unit, _) in SIZES.items() if size in (4 * KIB, 16 * MIB)]
    terms = {"memory": MEMORY}
    columns = (*COLUMNS, Floor)
    return [
        Family("hits", "Hits in memory", cost, terms | {"tls": True}, prepare=prepare, seconds=3, columns=columns,
               note=NOTE),
        Family("rates", "Hits in memory at a fixed rate", at_rate, terms, prepare=prepare, seconds=1.5,
               columns=columns),
        Family("connections", "How cost grows with connections", crowd, terms, prepare=prepare,
               seconds=1.5, columns=columns),
        Family("threads", "How cost grows with threads", threads, terms | {"threads": 2}, prepare=prepare, seconds=1.5),
    ]
