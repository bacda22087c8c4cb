"""The bench itself: its directory, origins, CPUs and load; runs all workloads of a family."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import servers
import workloads
from servers import BenchError

from . import misses
from .load import Load, WrongAnswer
from .peers import NotAble, Ours, Terms

PAUSE_SECONDS = 0.3  # between runs that stop other programs
DISK_BYTES_NEEDED = 25 * 10**9
PACED_ORIGIN = Path(__file__).resolve().parent / "paced_origin.py"


class Stopped(Exception):
    """The run was stopped by a signal or a time limit. Not a BenchError, because no cell is at fault."""


class RunningOrigin:
    """An origin as caches see it, with counts of the requests and bytes that it served."""

    def __init__(self, server, port, endpoint, served):
        self.server = server
        self.port = port
        self.endpoint = endpoint
        self.served = served


class Bench:
    """Owns the temporary directory and every process; close() removes the directory and ends the processes."""

    def __init__(self, options):
        self.seconds = options.seconds
        self.fetch_load = options.load
        self.before_others = options.before_others
        self.turn = 0
        cpus = sorted(os.sched_getaffinity(0))
        self.pinned = len(cpus) > 1
        self.all_cpus = set(cpus)
        self.server_cpus = {cpus[0]} if self.pinned else set(cpus)
        self.load_cpus = {cpus[1]} if self.pinned else set(cpus)
        self.home = Path(tempfile.mkdtemp(prefix="cachey-bench-", dir=options.directory))
        self.data = self.home / "data"
        self.load = Load(self)
        self._fresh = 10**6  # subdirectories: names chosen by the families
        self._running = []
        self._origins = {}
        self._origin = None
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard == resource.RLIM_INFINITY else min(hard, 65536), hard))

    def prepare(self):
        if shutil.disk_usage(self.home).free < DISK_BYTES_NEEDED:
            raise BenchError(f"{self.home} has less than {DISK_BYTES_NEEDED // 10**9} GB free: --directory")
        workloads.make_objects(self.data)
        origin = servers.Origin(self.home / "origin", self.data, self.load_cpus)
        self.certificate, self.key = origin.certificate, self.home / "origin/key.pem"
        self._start(origin.server)
        self._origins["fast"] = RunningOrigin(origin.server, origin.port, origin.endpoint, origin.served)
        self._origins["tls"] = RunningOrigin(origin.server, origin.port, origin.tls_endpoint, origin.served)
        port, log = servers.free_port(), self.home / "paced-served"
        command = [sys.executable, PACED_ORIGIN, port, self.data, log, misses.DELAY_SECONDS, misses.BYTES_PER_SECOND]
        paced = servers.Server("paced origin", command, [port], self.load_cpus, self.home / "paced-log")
        self._start(paced)
        self._origins["paced"] = RunningOrigin(paced, port, f"http://127.0.0.1:{port}", servers.ServedLog(log).read)

    def close(self):
        for server in reversed(self._running):
            server.stop(5)
        shutil.rmtree(self.home, ignore_errors=True)

    def _start(self, server):
        self._running.append(server)
        server.start()

    def next_fresh(self):
        self._fresh += 1
        return self._fresh

    def choose_origin(self, name):
        self._origin = self._origins[name]
        return self._origin

    def origin_served(self):
        return self._origin.served()

    def run(self, family, rounds, results, progress):
        """Runs all rounds of a family. Each round reverses the order of servers and workloads."""
        self.choose_origin(family.origin)
        columns = self._columns(family, results, progress)
        try:
            for number in range(rounds):
                for workload in family.workloads:
                    if number > 0 and not workload.repeats:
                        continue
                    for column in columns if number % 2 == 0 else reversed(columns):
                        self._run(family, workload, column, number, rounds, results, progress)
        finally:
            for column in columns:
                self._end(column)

    def _columns(self, family, results, progress):
        """The columns that started and are prepared; for every other column the reason is recorded."""
        columns = []
        for kind in family.columns:
            progress.step(f"{family.name}: {kind.name}: start", family.seconds)
            threads = family.terms.get("threads", 1)
            terms = Terms(home=self.home / family.name, origin=self._origin.endpoint, running_origin=self._origin,
                          objects=self.data / workloads.BUCKET, certificate=self.certificate, key=self.key,
                          cpus=self.server_cpus if threads == 1 else self.all_cpus,
                          **family.terms | family.terms_of.get(kind.name, {}))
            reason = kind.why_not(terms)
            if reason:
                for workload in family.workloads:
                    results.without(family, workload, kind.name, reason)
                continue
            column = None
            try:
                column = kind(terms)
                columns.append(column)
                self._running += column.owned
                column.start()
                family.prepare(self, column)
                for server in column.owned if self.before_others else ():
                    server.run_before_all_else()
            except (BenchError, OSError, subprocess.TimeoutExpired) as error:
                if column in columns:
                    self._end(columns.pop())
                for workload in family.workloads:
                    results.failed(family, workload, kind.name, error)
                self._blame(kind, error, results, f"{family.name}: {kind.name}")
        return columns

    def _end(self, column):
        column.stop()
        self._running = [server for server in self._running if server not in column.owned]
        column.remove()

    def _run(self, family, workload, column, number, rounds, results, progress):
        if column.name in workload.leaves_out:
            results.without(family, workload, column.name, workload.leaves_out[column.name])
            return
        turn = f", round {number + 1} of {rounds}" if workload.repeats else ""
        progress.step(f"{workload.title}: {column.name}{turn}", workload.seconds)
        if self.before_others:
            time.sleep(PAUSE_SECONDS)
        try:
            results.add(family, workload, column.name, workload.run(self, column))
        except NotAble as reason:
            results.without(family, workload, column.name, str(reason))
        except (BenchError, OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            results.failed(family, workload, column.name, error)
            self._blame(type(column), error, results, f"{workload.title}: {column.name}")
            progress.say(f"{workload.title}: {column.name}: {error}")

    @staticmethod
    def _blame(kind, error, results, where):
        """Records a wrong response of Cachey as a fault of the whole run."""
        if kind is Ours and isinstance(error, WrongAnswer):
            results.faults.append(f"{where}: {error}")


class Progress:
    """Prints the current step, the progress and the remaining time to standard error."""

    def __init__(self, seconds, steps):
        self._total, self._steps = seconds, steps
        self._planned = self._step = 0
        self._begin = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def step(self, what, seconds):
        elapsed = time.monotonic() - self._begin
        pace = elapsed / self._planned if self._planned > 20 else 1
        left = max(0, self._total - self._planned) * pace
        self._planned += seconds
        self._step += 1
        line = f"[{self._step}/{self._steps}, {left // 60:.0f} min {left % 60:02.0f} s left] {what}"
        if self._terminal:
            print(f"\r\x1b[K{line[:shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, text):
        print(("\r\x1b[K" if self._terminal else "") + text, file=sys.stderr, flush=True)

    def end(self):
        self.say(f"done in {(time.monotonic() - self._begin) / 60:.1f} min")
