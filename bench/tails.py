#!/usr/bin/python3
"""What hits wait for while the server does other work: the tail of their times, and how long an event loop is held.

The server has one worker, on the first CPU. Readers send hits of 4 KiB at a fixed rate from the other ones. They run
alone, and beside each kind of work: misses of large and of small pages into a full memory of 1 GiB, which are written
to a disk of 3 GiB; hits on disk; lists of 1,000 keys that the S3 endpoint passes on from the store; scrapes of /metrics
and /stats; listings of all objects; purges of a kind. The figures of a kind are medians of the rounds; its longest hold
is that of all rounds.

A hold is the time from the return of one epoll_wait to the call of the next one, by perf's tracepoints (root, Debian's
linux-perf). The readers and the worker run before all else of their CPU (SCHED_FIFO, if we may). Exit 1: a loop was
held longer than 5 ms, or an answer was wrong.
"""

import http.client
import itertools
import re
import shutil
import subprocess
import threading
import time
from statistics import median

import command
import servers
import warm
import workloads
from servers import BenchError
from workloads import KIB, MIB

HOLD_MS_MAX = 5
OLD_PAGES = 110
LIST_KEYS = 1000
SMALL = "small"  # a second kind of the same bucket, with pages of 64 KiB
EPOLL_WAIT = 232  # of x86-64
EVENT = re.compile(r"^\s*([\d.]+):\s+raw_syscalls:sys_(enter|exit):")
QUANTILES = ("p50", "p99", "p999")


class Bench(warm.Bench):
    def __init__(self, home, options):
        self.admin, admin = servers.admin_address(home)
        small = ("--kind", f"{SMALL}={workloads.BUCKET}", "--page-size", f"{SMALL}=64KiB")
        disk = ("--disk-path", home / "disk", "--disk-capacity", "3GiB")
        super().__init__(home, options, "1GiB", (*small, *admin, *disk), ("--s3api-open",))
        workloads.write_bucket_list(self._data, LIST_KEYS)
        self._ended = threading.Event()

    def get(self, connection, method, path, fields):
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 206, 409):
            raise BenchError(f"{method} {path}: {answer.status}")

    def repeat(self, port, seconds, requests):
        """Sends the requests of an endless iterator, one every `seconds`, until the round ends."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not self._ended.wait(seconds):
            self.get(connection, *next(requests))

    def misses(self, kind, size):
        while True:
            self._next += 1
            name = workloads.page_name(self._next % workloads.HOT_PAGES)
            yield ("GET", f"/fetch/{kind}/fresh-{self._next}/{name}",
                   {"Range": f"bytes=0-{size - 1}", "C0-Bucket": workloads.BUCKET})

    def old_pages(self):
        """Pages that start() has brought: more than memory holds, so that most are on disk only."""
        for number in itertools.count():
            at = number % OLD_PAGES + 1
            name = workloads.page_name(at % workloads.HOT_PAGES)
            yield "GET", f"/fetch/{workloads.BUCKET}/fresh-{at}/{name}", {"Range": "bytes=65536-69631"}

    def start(self):
        super().start()
        connection = http.client.HTTPConnection("127.0.0.1", self._node.port, timeout=60)
        for request in itertools.islice(self.misses(workloads.BUCKET, 16 * MIB), OLD_PAGES):
            self.get(connection, *request)

    def lists(self):
        while True:
            yield "GET", f"/{workloads.BUCKET}?list-type=2&max-keys={LIST_KEYS}", {}

    def admin_requests(self, method, path):
        while True:
            yield method, path, {"Authorization": f"Bearer {servers.TOKEN}"}

    def works(self):
        """(name, port, seconds between requests, requests) of each kind of work, in order; none: hits alone."""
        port = self._node.port
        return (
            ("hits alone", port, 0, None),
            ("misses of 64 KiB, 500 a second", port, 0.002, self.misses(SMALL, 64 * KIB)),
            ("misses of 16 MiB, 10 a second", port, 0.1, self.misses(workloads.BUCKET, 16 * MIB)),
            ("hits on disk, 300 a second", port, 0.0033, self.old_pages()),
            ("S3 lists of 1,000 keys, 20 a second", self._node.s3_port, 0.05, self.lists()),
            ("/metrics, 10 a second", self.admin, 0.1, self.admin_requests("GET", "/metrics")),
            ("/stats, 10 a second", self.admin, 0.1, self.admin_requests("GET", "/stats")),
            ("/admin/objects, 2 a second", self.admin, 0.5, self.admin_requests("GET", "/admin/objects?limit=1000")),
            ("purges of a kind, 2 a second", self.admin, 0.5,
             self.admin_requests("POST", f"/admin/purge?kind={SMALL}&all=true")),
        )

    def run(self, work, seconds):
        """(times of hits, the longest hold in ms or none) beside this work."""
        _, port, pause, requests = work
        self._ended.clear()
        faults = []

        def client():
            try:
                self.repeat(port, pause, requests)
            except (OSError, http.client.HTTPException, BenchError) as error:
                faults.append(error)
        thread = threading.Thread(target=client)
        if requests is not None:
            thread.start()
        try:
            with Trace(self._home / "trace", self.worker()) as trace:
                figures = self.readers(seconds)["whole_us"]
        finally:
            self._ended.set()
            if requests is not None:
                thread.join()
        if faults:
            raise BenchError(str(faults[0]))
        return figures, trace.longest_hold_ms


class Trace:
    """Records the epoll_wait calls of a thread, if perf is there and may."""

    def __init__(self, path, thread):
        self._path = path
        perf = shutil.which("perf")
        events = [word for event in ("raw_syscalls:sys_enter", "raw_syscalls:sys_exit")
                  for word in ("-e", event, "--filter", f"id=={EPOLL_WAIT}")]
        self._command = [perf, "record", "-q", "-m", "32M", "-o", path, *events, "-t", str(thread)] if perf else None
        self._process = None
        self.longest_hold_ms = None

    def __enter__(self):
        if self._command:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL)
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        script = ["perf", "script", "--show-lost-events", "-i", self._path, "-F", "time,event,trace"]
        text = subprocess.run(script, capture_output=True, text=True, check=False).stdout
        self._path.unlink(missing_ok=True)
        returned = None
        for line in text.splitlines():
            event = EVENT.match(line)
            if not event:
                returned = None if "LOST" in line else returned  # what is lost would look like a hold
                continue
            at, entered = float(event[1]), event[2] == "enter"
            if entered and returned is not None:
                self.longest_hold_ms = max(self.longest_hold_ms or 0, 1000 * (at - returned))
            returned = None if entered else at


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a run (default 4)")
    parser.add_argument("--rate", type=int, default=2000, help="hits a second (default 2000)")


def main():
    options = command.options_of("tails", __doc__, "4 GB", add_options)
    rows = {}
    with command.started(Bench, options) as bench:
        for _ in range(options.rounds):
            for work in bench.works():
                rows.setdefault(work[0], []).append(bench.run(work, options.seconds))
    print("| hits beside | p50, ms | p99, ms | p99.9, ms | longest hold, ms |\n|---|---|---|---|---|")
    longest = 0
    for name, runs in rows.items():
        times = [f"{median(figures[quantile] for figures, _ in runs) / 1000:.2f}" for quantile in QUANTILES]
        holds = [hold for _, hold in runs if hold is not None]
        longest = max([longest, *holds])
        print(f"| {name} | {' | '.join(times)} | {f'{max(holds):.1f}' if holds else 'no perf'} |")
    return 0 if longest <= HOLD_MS_MAX else 1


if __name__ == "__main__":
    command.run("tails", main)
