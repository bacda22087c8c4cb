#!/usr/bin/python3
"""Listings and purges of a prefix among a million objects: how long they take, and what hits notice of them.

The server has one worker, on the first CPU, and 1,000,000 objects of 4 KiB in memory and on disk (--objects). Readers
send hits of 4 KiB at a fixed rate from the other CPUs: alone, and beside one kind of work, which is done again and
again. The kinds are a listing of 1,000 objects, one of 10,000, and a purge of a prefix: first of a ninth of the
objects, another ninth in each round, and then of a prefix that no object has. Each listing and each purge goes through
the whole table and the disk's journal. At the end all objects that are left are listed, as cacheyctl does.

The time of a kind of work is the median of all rounds; of the purges that of those that remove. The longest hold of the
event loop (see tails) is that of all rounds. "Memory" is by how much the resident memory of the server grows at most in
a round. Exit 1: the median of the rounds' quotients of the hits' p99, beside the work / alone, is more than 2; a loop
was held longer than 5 ms, and longer than beside no work (other programs of the machine hold it, too); or an answer was
wrong.
"""

import contextlib
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
from statistics import median

import command
import servers
import warm
import workloads
from servers import BenchError
from tails import HOLD_MS_MAX, QUANTILES, Trace
from workloads import KIB, MIB, Range

AT_ONCE = 50_000  # objects: they fit into the disk's write queue, which drops what arrives too fast
LIMIT, LIMIT_MAX = 10_000, 1_000_000  # objects of a listing; the second one as cacheyctl's answers grow
P99_MAX = 2
ROUNDS_MAX = 9  # each purges the objects of another first digit


class Bench(warm.Bench):
    def __init__(self, home, options):
        port, admin = servers.admin_address(home)
        super().__init__(home, options, "7GiB", (*admin, "--disk-path", home / "disk", "--disk-capacity", "8GiB"))
        self._objects = options.objects
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def fill(self):
        name = workloads.sized_name(4 * KIB)
        workloads.write_object(self._data / workloads.BUCKET / name, 4 * KIB)
        for first in range(0, self._objects, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, self._objects))
            self._run_load([Range(name, 0, 4 * KIB - 1, number) for number in numbers], 32, 400, "--once")
            while self._ask("GET", "/stats")["disk"]["queued_bytes"] > 0:
                time.sleep(0.1)
            print(f"{numbers[-1] + 1:,} objects", file=sys.stderr, flush=True)

    def favour_worker(self):
        """With SCHED_FIFO the kernel would hold up a worker that is busy for a second: for 50 ms."""
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.worker(), -20)

    def _ask(self, method, target):
        self._connection.request(method, target, headers={"Authorization": f"Bearer {servers.TOKEN}"})
        answer = self._connection.getresponse()
        text = answer.read()
        self._connection.close()  # the server ends idle connections, and a load may take minutes
        if answer.status != 200:
            raise BenchError(f"{method} {target}: {answer.status} {text[:200]}")
        return json.loads(text)

    def list(self, limit, after=None):
        query = f"limit={limit}" + (f"&after={urllib.parse.quote(after, safe='')}" if after else "")
        listing = self._ask("GET", f"/admin/objects?{query}")
        if not listing["complete"]:
            raise BenchError("a listing is not complete")
        return listing

    def list_all(self):
        """(objects, answers, seconds)"""
        begun, count, answers, after, limit = time.monotonic(), 0, 0, None, LIMIT
        while answers == 0 or after is not None:
            listing = self.list(limit, after)
            count, answers, after = count + len(listing["objects"]), answers + 1, listing["next"]
            limit = min(4 * limit, LIMIT_MAX)
        return count, answers, time.monotonic() - begun

    def purge(self, text):
        return self._ask("POST", f"/admin/purge?kind={workloads.BUCKET}&prefix=fresh-{text}")["pages"]

    def works(self, number):
        """(name, work) of each kind, in order; no work: hits alone. A work returns whether its time counts."""
        digits = iter([str(number + 1)])
        return (
            ("nothing", None),
            ("a listing of 1,000 objects", lambda: bool(self.list(1000))),
            (f"a listing of {LIMIT:,} objects", lambda: bool(self.list(LIMIT))),
            ("purges of a prefix", lambda: self.purge(next(digits, "none")) > 0),
        )

    def run(self, work, seconds):
        """(times of hits, seconds of each call of work() that counts, longest hold in ms or none, bytes of memory)."""
        took, faults, ended = [], [], threading.Event()

        def repeat():
            try:
                while not ended.is_set():
                    begun = time.monotonic()
                    if work():
                        took.append(time.monotonic() - begun)
            except (OSError, http.client.HTTPException, BenchError) as error:
                faults.append(error)
        thread = threading.Thread(target=repeat)
        with Trace(self._home / "trace", self.worker()) as trace:
            resident = self._node.server.restart_rss_peak()
            if work is not None:
                thread.start()
            try:
                figures = self.readers(seconds)["whole_us"]
            finally:
                ended.set()
                if work is not None:
                    thread.join()
        if faults:
            raise BenchError(str(faults[0]))
        return figures, took, trace.longest_hold_ms, self._node.server.rss_peak_bytes() - resident


def add_options(parser):
    parser.add_argument("--objects", type=int, default=1_000_000, help="default 1000000")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, ROUNDS_MAX + 1), help="default 3")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a run (default 4)")
    parser.add_argument("--rate", type=int, default=2000, help="hits a second (default 2000)")


def report(rows):
    """Prints the table; returns the worst quotient of p99 and whether a loop was held too long."""
    print("| hits beside | seconds | p50, ms | p99, ms | p99.9, ms | longest hold, ms | memory, MiB |")
    print("|---|---|---|---|---|---|---|")
    alone, worst, longest = [figures["p99"] for figures, *_ in rows["nothing"]], 0, {}
    for name, runs in rows.items():
        times = [f"{median(figures[quantile] for figures, *_ in runs) / 1000:.2f}" for quantile in QUANTILES]
        took = [seconds for _, counted, _, _ in runs for seconds in counted]
        holds = [hold for _, _, hold, _ in runs if hold is not None]
        longest[name] = max(holds, default=0)
        worst = max(worst, median(run[0]["p99"] / other for run, other in zip(runs, alone)))
        print(f"| {name} | {f'{median(took):.2f}' if took else ''} | {' | '.join(times)} | "
              f"{f'{max(holds):.1f}' if holds else 'no perf'} | {max(run[3] for run in runs) / MIB:.0f} |")
    return worst, max(longest.values()) > max(HOLD_MS_MAX, longest["nothing"])


def main():
    options = command.options_of("walks", __doc__, "9 GB", add_options)
    rows = {}
    with command.started(Bench, options) as bench:
        for number in range(options.rounds):
            for name, work in bench.works(number):
                rows.setdefault(name, []).append(bench.run(work, options.seconds))
        worst, is_held = report(rows)
        count, answers, seconds = bench.list_all()
    print(f"\nall {count:,} objects that are left, listed in {answers} answers: {seconds:.1f} s")
    print(f"p99 beside the work is {worst:.2f} times that of hits alone, at most {P99_MAX}")
    return 0 if worst <= P99_MAX and not is_held else 1


if __name__ == "__main__":
    command.run("walks", main)
