#!/usr/bin/python3
"""What readers notice of warm requests: hits of 4 KiB at a fixed rate, alone and while 10,000 pages of 64 KiB are warmed.

The server has one CPU. The store (nginx), the readers and the clients that warm share the others. The runs alternate:
in each round the same readers run alone, then beside four clients that warm pages that the cache has not, and then
beside four clients that read such pages from the store, at the rate of the warming: the machine has that load, the
server has not. The result is the median of the rounds' quotients of p99: warming / the same reads without the server.
Exit 1: it is more than 1.2, or an answer was wrong. Without --disk the warm pages are in memory alone.

The readers and the server's workers run before all else of their CPU (SCHED_FIFO, if we may), so that other work of the
machine does not count.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

import command
import servers
import workloads
from servers import BenchError
from workloads import KIB

PAGE, PAGES, PAGES_OF_REQUEST = 64 * KIB, 10_000, 64
CLIENTS = 4
BUDGET = 1.2
QUANTILES = ("p50", "p99", "p999")


class Bench:
    """The origin, a server with these options, and the clients."""

    def __init__(self, home, options, memory, more, s3=()):
        self._home, self._data, self._load = home, home / "data", options.load
        self._rate = options.rate
        cpus = sorted(os.sched_getaffinity(0))
        self._others = set(cpus[1:]) or set(cpus)
        for number in range(workloads.HOT_PAGES):
            path = self._data / workloads.BUCKET / workloads.page_name(number)
            workloads.write_object(path, workloads.PAGE_BYTES, number)
        self._origin = servers.Origin(home / "origin", self._data, self._others)
        self._node = servers.Cachey(options.bin, home, self._origin.endpoint, cpus[0], memory=memory, s3=s3,
                                    more=("--kind", f"{workloads.BUCKET}={workloads.BUCKET}", *more))
        self._next = 0

    def start(self):
        self._origin.server.start()
        self._node.server.start()
        self._run_load(workloads.pages(), 4, 60, "--once", "--verify", 1)
        self.fill()
        self.favour_worker()
        for task in self._tasks():
            if int(task.name) != self.worker():
                with contextlib.suppress(PermissionError):
                    os.setpriority(os.PRIO_PROCESS, int(task.name), -10)

    def fill(self):
        """Brings what the cache is to have beside the pages of the readers."""

    def stop(self):
        for server in (self._node.server, self._origin.server):
            server.stop()

    def _tasks(self):
        return Path(f"/proc/{self._node.server.pids()[0]}/task").iterdir()

    def worker(self):
        """The id of the server's one worker thread."""
        return next(int(task.name) for task in self._tasks() if (task / "comm").read_text().startswith("worker-"))

    def favour_worker(self):
        servers.before_all_else(self.worker())

    def readers(self, seconds):
        return self._run_load(workloads.ranges_in_pages(4 * KIB), 16, seconds, "--rate", self._rate, "--verify", 101)

    def _run_load(self, ranges, *words):
        listed = workloads.write_list(self._home / "list", ranges, self._data)

        def settle():
            os.sched_setaffinity(0, self._others)
            servers.before_all_else(0)  # the readers' clocks are not to wait for the store
        command = [self._load, "127.0.0.1", self._node.port, listed, *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                              preexec_fn=settle)
        if done.returncode != 0:
            raise BenchError(f"{command[0]}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def targets(self):
        """(path, first byte) of requests for pages that the cache has not: PAGES of them."""
        per_object = workloads.PAGE_BYTES // (PAGE * PAGES_OF_REQUEST)
        for number in range(PAGES // PAGES_OF_REQUEST):
            at, part = divmod(number, per_object)
            name = workloads.page_name(at % workloads.HOT_PAGES)
            yield f"/{workloads.BUCKET}/fresh-{self._next + at}/{name}", part * PAGE * PAGES_OF_REQUEST
        self._next += PAGES // PAGES_OF_REQUEST // per_object + 1

    def warm(self, faults):
        """Begins to warm; returns the threads, and a list that gets the time of each."""
        return self._clients(self._node.port, "HEAD", "/fetch", {"C0-Config": "warm=1"}, 0, faults)

    def read_past(self, pages_per_second, faults):
        """Begins to read the same number of pages from the store at this rate; returns the same."""
        return self._clients(self._origin.port, "GET", "", {}, CLIENTS * PAGES_OF_REQUEST / pages_per_second, faults)

    def _clients(self, port, method, prefix, fields, seconds, faults):
        """Each client makes a request every `seconds`, or as fast as it can."""
        left, lock, took = list(self.targets()), threading.Lock(), []
        begun = time.monotonic()

        def client():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                due = begun
                while True:
                    with lock:
                        if not left:
                            break
                        path, first = left.pop()
                    last = first + PAGE * PAGES_OF_REQUEST - 1
                    connection.request(method, prefix + path, headers={"Range": f"bytes={first}-{last}"} | fields)
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 206:
                        raise BenchError(f"{method} {path}: {answer.status}")
                    due += seconds
                    time.sleep(max(0, due - time.monotonic()))
            except (OSError, http.client.HTTPException, BenchError) as error:
                faults.append(error)
            took.append(time.monotonic() - begun)
        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads, took


def beside(bench, seconds, begin):
    """(figures of readers, seconds that the clients took) while clients of `begin` run."""
    faults = []
    threads, took = begin(faults)
    figures = bench.readers(seconds)["whole_us"]
    for thread in threads:
        thread.join()
    if faults:
        raise BenchError(str(faults[0]))
    if max(took) < 0.8 * seconds:
        print(f"(the clients took {max(took):.1f} s of {seconds} s)", file=sys.stderr)
    return figures, max(took)


def one_round(bench, seconds):
    """(figures alone, beside warming, beside the same reads from the store; pages warmed a second)."""
    alone = bench.readers(seconds)["whole_us"]
    warming, took = beside(bench, seconds, bench.warm)
    past, _ = beside(bench, seconds, lambda faults: bench.read_past(PAGES / took, faults))
    return alone, warming, past, PAGES / took


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a run (default 5)")
    parser.add_argument("--rate", type=int, default=2000, help="reads a second (default 2000)")
    parser.add_argument("--disk", action="store_true", help="with a disk, to which warm pages are written")


def make(home, options):
    small = ("--page-size", f"{workloads.BUCKET}={PAGE // KIB}KiB")
    disk = ("--disk-path", home / "disk", "--disk-capacity", "6GiB") if options.disk else ()
    return Bench(home, options, "8GiB", (*small, *disk))


def main():
    options = command.options_of("warm", __doc__, "300 MB, with --disk 6 GB", add_options)
    print("Times of hits alone, beside warming, beside the same reads that pass the server by:\n")
    print("| round | p50, ms | p99, ms | p99.9, ms | pages a second |\n|---|---|---|---|---|")
    quotients = []
    with command.started(make, options) as bench:
        for number in range(options.rounds):
            *legs, rate = one_round(bench, options.seconds)
            cells = [", ".join(f"{leg[name] / 1000:.2f}" for leg in legs) for name in QUANTILES]
            print(f"| {number + 1} | {' | '.join(cells)} | {rate:.0f} |", flush=True)
            alone, warming, past = (leg["p99"] for leg in legs)
            quotients.append((warming / alone, warming / past))
    of_alone, of_past = (median(column) for column in zip(*quotients))
    print(f"\np99 beside warming is {of_past:.2f} times that beside the same reads without the server, at most {BUDGET}; "
          f"{of_alone:.2f} times that of readers alone")
    return 0 if of_past <= BUDGET else 1


if __name__ == "__main__":
    command.run("warm", main)
