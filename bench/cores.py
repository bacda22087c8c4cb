#!/usr/bin/python3
"""Contention of workers: CPU, futex calls and context switches a request, by the number of workers.

Hits of 4 KiB of 1,024 pages of 64 KiB, then misses of such pages, on 64 connections; 1 GiB of memory, no disk. The
server, the store (nginx) and the load share all CPUs. Counts are less noisy than times: a futex call is a wait for a
mutex, or the wake-up of a thread that waits. Needs perf (Debian's linux-perf) and root.

--waits tells instead which mutexes: by the class that locks, waits in 1,000 requests, counted by a library between
the server and libc (lock_waits.c), and the mean wait. The work: misses without a disk, misses with a disk of 2 GiB,
both past a full memory of 256 MiB, and hits on that disk. Needs cc and addr2line (Debian's gcc and binutils).
"""

import json
import os
import shutil
import subprocess
import time

import command
import servers
import workloads
from lock_waits import LockWaits
from servers import BenchError
from workloads import KIB, MIB

FUTEX = 202  # of x86-64
PAGE = 64 * KIB
PAGES_OF_OBJECT = 16 * MIB // PAGE
HOT_OBJECTS, CONNECTIONS, MARGIN_SECONDS = 4, 64, 0.3
PLACES_SHOWN = 5  # of a kind of work


def ranges_of(objects, fresh=None):
    """4 KiB of each page of a number of objects; `fresh`: the number of the first name, all of which no cache has."""
    return [workloads.Range(workloads.page_name(number % workloads.HOT_PAGES), page * PAGE, page * PAGE + 4 * KIB - 1,
                            None if fresh is None else fresh + number)
            for number in range(objects) for page in range(PAGES_OF_OBJECT)]


class Bench:
    def __init__(self, home, options):
        self._home, self._options, self._data = home, options, home / "data"
        for number in range(workloads.HOT_PAGES):
            path = self._data / workloads.BUCKET / workloads.page_name(number)
            workloads.write_object(path, workloads.PAGE_BYTES, number)
        self._cpus = set(os.sched_getaffinity(0))
        self._origin = servers.Origin(home / "origin", self._data, self._cpus)
        self._fresh = 0

    def start(self):
        self._origin.server.start()

    def stop(self):
        self._origin.server.stop()

    def counts(self, threads):
        """(CPU-s per 100k, futex calls, context switches a request) of hits, then of misses."""
        node = self._node(threads, "1GiB")
        node.server.start()
        try:
            self._load(node, ranges_of(HOT_OBJECTS), "--once")
            yield self._counted(node, ranges_of(HOT_OBJECTS))
            self._fresh += self._options.objects
            yield self._counted(node, ranges_of(self._options.objects, self._fresh), "--once")
        finally:
            node.server.stop()

    def _node(self, threads, memory, more=(), environment=None):
        bucket = workloads.BUCKET
        return servers.Cachey(self._options.bin, self._home, self._origin.endpoint, self._cpus, memory=memory,
                              threads=threads, environment=environment,
                              more=("--kind", f"{bucket}={bucket}", "--page-size", f"{bucket}=64KiB", *more))

    def waits(self, threads):
        """(what is done, requests, {class: (waits, seconds)}) of each kind of work."""
        shutil.rmtree(self._home / "disk", ignore_errors=True)
        disk = ("--disk-path", self._home / "disk", "--disk-capacity", "2GiB")
        for name, more, fresh in (("misses", (), True), ("misses, disk", disk, True), ("hits on disk", disk, False)):
            counted = LockWaits(self._home, self._options.bin)
            node = self._node(threads, "256MiB", more, counted.environment())
            node.server.start()
            try:
                self._fresh += self._options.objects if fresh else 0
                ranges = ranges_of(self._options.objects, self._fresh)
                done = self._load(node, ranges, "--once", seconds=ONCE_SECONDS_MAX)
                if done["requests"] != len(ranges):
                    raise BenchError(f"{name}: {done['requests']} of {len(ranges)} requests in {ONCE_SECONDS_MAX} s")
            finally:
                node.server.stop()
            yield name, done["requests"], counted.read()

    def _counted(self, node, ranges, *words):
        seconds = self._options.seconds + 2 * MARGIN_SECONDS
        perf = subprocess.Popen(
            ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "--filter", f"id=={FUTEX}", "-e", "context-switches",
             "-p", str(node.server.pids()[0]), "--", "sleep", str(seconds)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(MARGIN_SECONDS)
        before = node.server.cpu_seconds()
        requests = self._load(node, ranges, *words)["requests"]
        cpu = node.server.cpu_seconds() - before
        text = perf.communicate()[1]
        try:
            futexes, switches = (int(line.split(",")[0]) for line in text.splitlines() if "," in line)
        except ValueError as error:
            raise BenchError(f"perf stat: {text}") from error
        return 1e5 * cpu / requests, futexes / requests, switches / requests

    def _load(self, node, ranges, *words, seconds=None):
        listed = workloads.write_list(self._home / "list", ranges, self._data)
        command = [self._options.load, "127.0.0.1", node.port, listed, CONNECTIONS,
                   seconds or self._options.seconds, *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"{command[0]}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def add_options(parser):
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=2.0, help="of a run, at most (default 2)")
    parser.add_argument("--waits", action="store_true", help="who waits for which mutex")
    parser.add_argument("--objects", type=int, default=60, help="of 256 pages each that are missed (default 60)")


def show_waits(bench, threads):
    print("| workers | work | class that locks | waits in 1,000 requests | mean wait, us |\n|---|---|---|---|---|")
    for count in threads:
        for name, requests, places in bench.waits(count):
            most = sorted(places.items(), key=lambda place: -place[1][0])[:PLACES_SHOWN]
            for who, (waits, seconds) in most:
                print(f"| {count} | {name} | {who} | {1000 * waits / requests:.2f} | {1e6 * seconds / waits:.0f} |",
                      flush=True)


def show_counts(bench, threads):
    print("| workers | hits: CPU-s per 100k | futex calls | switches | misses: CPU-s per 100k | futex calls | switches |\n"
          "|---|---|---|---|---|---|---|")
    for count in threads:
        cells = [f"{cpu:.2f} | {futexes:.4f} | {switches:.2f}" for cpu, futexes, switches in bench.counts(count)]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def main():
    options = command.options_of("cores", __doc__, "4 GB", add_options)
    with command.started(Bench, options) as bench:
        (show_waits if options.waits else show_counts)(bench, options.threads)
    return 0


if __name__ == "__main__":
    command.run("cores", main)
