"""Is the load the bottleneck? fetch_load, wrk and h2load against the same server, 4 KiB hits over HTTP/1.1."""

import re

import servers
import workloads
from servers import BenchError
from workloads import KIB, MIB

from . import hits
from .load import children_cpu, measured
from .peers import Ours, Terms

CONNECTIONS = 64
ROUNDS = 3


def by_wrk(bench, column):
    script = bench.home / "wrk.lua"
    script.write_text(workloads.wrk_script(hits.ranges(4 * KIB)))
    cpu = children_cpu()
    seconds = max(1, round(bench.seconds))
    done = bench.load.run([servers.find_program("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script,
                           f"http://127.0.0.1:{column.ports['h1']}"], seconds + 60)
    cpu = children_cpu() - cpu
    counted = re.search(r"(\d+) requests in ([0-9.]+)s", done.stdout)
    if counted is None or "WRONG" in done.stdout or "Non-2xx" in done.stdout:
        raise BenchError(f"wrk: {done.stdout}{done.stderr}")
    return {"requests": int(counted[1]), "bytes": int(counted[1]) * 4 * KIB, "seconds": float(counted[2]),
            "client_cpu_seconds": cpu}


def by_h2load(bench, column):
    return bench.load.h2load("http", column.ports["h1"], "h1", [page.name for page in workloads.pages()], 4 * KIB,
                             CONNECTIONS, 1, bench.seconds)


def by_fetch_load(bench, column):
    return bench.load.fetch(column.ports["h1"], hits.ranges(4 * KIB), CONNECTIONS, bench.seconds)


CLIENTS = (("fetch_load", by_fetch_load), ("wrk", by_wrk), ("h2load", by_h2load))


def check(bench):
    """{client: figures of its best round}; `load_busy` near 1 means that the client is the bottleneck."""
    column = Ours(Terms(home=bench.home / "check", origin=bench.choose_origin("fast").endpoint,
                        certificate=bench.certificate, key=bench.key, cpus=bench.server_cpus, memory=512 * MIB))
    column.start()
    try:
        hits.prepare(bench, column)
        best = {}
        for name, client in CLIENTS * ROUNDS:
            figures = measured(bench, column, "h1", lambda client=client: client(bench, column))
            best[name] = max(figures, best.get(name, figures), key=lambda one: one["requests_per_s"])
        return best
    finally:
        column.stop()
