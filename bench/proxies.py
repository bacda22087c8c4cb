#!/usr/bin/python3
"""What HAProxy costs in front of a node: hits in memory, directly and through deploy/haproxy, with and without
splicing, and as a redirect.

One node and its HAProxys share a CPU, the load client has another one. The runs alternate: in each round all ways
answer the same requests of the same number of connections. The table has the medians of CPU-seconds, of the node and
of HAProxy each. A redirected read is the redirect, on a connection of its own because HAProxy closes it, and then a
direct read. The last rows are times of requests that are due at even distances. Exit 1: a wrong answer, or HAProxy
takes more than its budget.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from statistics import median
from types import SimpleNamespace

import command
import servers
import workloads
from servers import BenchError
from workloads import KIB, MIB

sys.path.append(str(command.REPOSITORY / "tests" / "fleet"))

from balancer import HAProxy  # noqa: E402

DIRECT, COPIED, SPLICED, REDIRECTED = "direct", "HAProxy, copying", "HAProxy as shipped", "302"
WAYS = (DIRECT, COPIED, SPLICED, REDIRECTED)
BUDGET = 0.5  # CPU-seconds of HAProxy as shipped, a GB, at 16 MiB
RATE = 300  # requests a second
CASES = (
    # name, size, connections, one answer in this number is compared
    ("4 KiB", 4 * KIB, 32, 101),
    ("64 KiB", 64 * KIB, 32, 101),
    ("1 MiB", MIB, 8, 31),
    ("16 MiB", 16 * MIB, 4, 11),
)


def cost_unit(size):
    """(name, requests of this size)."""
    return ("CPU-s per 100k", 1e5) if size < 64 * KIB else ("CPU-s/GB", 1e9 / size)


class Bench:
    def __init__(self, home, options):
        self._home, self._data = home, home / "data"
        self._load, self._seconds = options.load, options.seconds
        cpus = sorted(os.sched_getaffinity(0))
        self._cpu, self._load_cpus = cpus[0], {cpus[-1]}
        for number in range(workloads.HOT_PAGES):
            path = self._data / workloads.BUCKET / workloads.page_name(number)
            workloads.write_object(path, workloads.PAGE_BYTES, number)
        self._origin = servers.Origin(home / "origin", self._data, self._load_cpus)
        self._node = servers.Cachey(options.bin, home, self._origin.endpoint, self._cpu, memory="1GiB")
        self._proxies, self._ports = {}, {DIRECT: self._node.port}

    def start(self):
        self._origin.server.start()
        self._node.server.start()
        self._start_proxy(SPLICED, "haproxy.cfg")
        self._start_proxy(COPIED, "haproxy.cfg", lambda text: replaced(text, "    option splice-response\n", ""))
        self._start_proxy(REDIRECTED, "haproxy-redirect.cfg")
        for way in (DIRECT, COPIED, SPLICED):  # the pages come into memory
            self._fetch(way, workloads.pages(), 4, 60, "--once", "--verify", 1)

    def _start_proxy(self, way, file, change=None):
        node = SimpleNamespace(name="n1", address="127.0.0.1")
        name = f"haproxy-{len(self._proxies)}"
        made = HAProxy(self._home, [node], files=(file,), name=name, change=change)
        text = replaced(made.text, "127.0.0.1:8080", f"127.0.0.1:{self._node.port}")
        config = self._home / f"{name}.cfg"
        config.write_text(replaced(text, "/run/haproxy/admin.sock", str(self._home / f"{name}.sock")))
        command = [servers.find_program("haproxy", "haproxy"), "-db", "-f", config]
        self._proxies[way] = servers.Server(way, command, [made.port], self._cpu, self._home / f"{name}.log")
        self._ports[way] = made.port
        self._proxies[way].start()

    def stop(self):
        for server in (*self._proxies.values(), self._node.server, self._origin.server):
            server.stop()

    def _fetch(self, way, ranges, connections, seconds, *flags):
        listed = workloads.write_list(self._home / "list", ranges, self._data)
        return json.loads(self._run([self._load, "127.0.0.1", self._ports[way], listed, connections, seconds, *flags]))

    def _run(self, command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, self._load_cpus))
        if done.returncode != 0:
            raise BenchError(f"{command[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def _redirects(self, connections):
        """The number of redirects in one run; wrk asks, because fetch_load wants 206."""
        target = f"http://127.0.0.1:{self._ports[REDIRECTED]}/fetch/{workloads.BUCKET}/{workloads.page_name(0)}"
        seconds = max(1, round(self._seconds))
        told = self._run(["wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "-H", "Range: bytes=0-4095", target])
        count = int(re.search(r"(\d+) requests in", told)[1])
        if count == 0 or re.search(r"Non-2xx or 3xx", told):
            raise BenchError(f"not only redirects: {told}")
        return count

    def cost(self, way, size, connections, verify):
        """(CPU-seconds of the node, of HAProxy) a request."""
        used = [self._node.server] + ([self._proxies[way]] if way in self._proxies else [])
        before = [server.cpu_seconds() for server in used]
        if way == REDIRECTED:
            requests = self._redirects(connections)
        else:
            ranges = workloads.pages() if size == workloads.PAGE_BYTES else workloads.ranges_in_pages(size)
            requests = self._fetch(way, ranges, connections, self._seconds, "--verify", verify)["requests"]
        spent = [(server.cpu_seconds() - start) / requests for server, start in zip(used, before)]
        return spent[0], (spent[1] if len(spent) > 1 else 0.0)

    def times(self, way):
        """(p50, p99) of 4 KiB, in microseconds."""
        done = self._fetch(way, workloads.ranges_in_pages(4 * KIB), 16, self._seconds * 2, "--rate", RATE)
        return done["whole_us"]["p50"], done["whole_us"]["p99"]


def replaced(text, old, new):
    if old not in text:
        raise BenchError(f"deploy/haproxy has no {old.strip()!r}")
    return text.replace(old, new)


def measure(bench, rounds):
    """Prints the rows of costs; returns HAProxy's cost as shipped a GB at 16 MiB."""
    print("| hit in memory | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS), flush=True)
    for name, size, connections, verify in CASES:
        costs = defaultdict(list)
        for number in range(rounds):
            for way in WAYS[::-1 if number % 2 else 1]:
                costs[way].append(bench.cost(way, size, connections, verify))
        unit, requests = cost_unit(size)
        found = {way: [median(one[at] for one in costs[way]) * requests for at in (0, 1)] for way in WAYS}
        found[REDIRECTED][0] = found[DIRECT][0]  # after the redirect
        cells = [f"{node:.3f}" + ("" if way == DIRECT else f" + {proxy:.3f}") for way, (node, proxy) in found.items()]
        print(f"| {name}, {unit}: node + HAProxy | {' | '.join(cells)} |", flush=True)
    return found[SPLICED][1]


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a run (default 2)")
    parser.add_argument("--short", action="store_true", help="2 rounds of 1 s: half a minute")


def main():
    options = command.options_of("proxies", __doc__, "300 MB", add_options)
    if options.short:
        options.rounds, options.seconds = 2, 1.0
    with command.started(Bench, options) as bench:
        found = measure(bench, options.rounds)
        times = {way: [bench.times(way) for _ in range(options.rounds)] for way in (DIRECT, COPIED, SPLICED)}
    for at, name in enumerate(("p50", "p99")):
        cells = [f"{median(one[at] for one in times[way]) / 1000:.2f} ms" for way in times]
        print(f"| 4 KiB, {RATE} a second, {name} | {' | '.join(cells)} | and a round trip |")
    print(f"HAProxy as shipped at 16 MiB: {found:.3f} CPU-s/GB, at most {BUDGET}")
    return 0 if found <= BUDGET else 1


if __name__ == "__main__":
    command.run("proxies", main)
