#!/usr/bin/python3
"""Cachey beside nginx, in one run, on loopback: 4 KiB hits, 16 MiB hits, misses.

What it measures, and what it does not say: README.md beside this file.
"""

import argparse
import dataclasses
import http.client
import json
import os
import platform
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import servers
import workloads
from servers import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent
DISK_BYTES_NEEDED = 8 * 10**9
WARM_SECONDS_MAX = 60
COLD_CACHES_NOTE = (
    "[2] so short a run begins with empty caches: most of their CPU is the kernel's first touch of "
    "memory. It tells that the path works, not what it costs. Use --seconds 2 or more.\n")
TICK_SECONDS = 1 / servers.TICKS_PER_SECOND


@dataclasses.dataclass(frozen=True)
class Column:
    """One of the servers that a workload compares."""

    label: str
    server: servers.Server
    port: int
    prefix: str = "/fetch"
    caches: bool = True


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    connections: int
    hits: bool
    ranges: list | None  # None: fresh pages for each run
    tls: bool = False  # to the origin


@dataclasses.dataclass
class Run:
    """One measurement: one server, one workload, one round."""

    round: int
    requests: int
    bytes: int
    seconds: float
    server_cpu_seconds: float
    client_cpu_seconds: float
    origin_requests: int
    origin_bytes: int
    first_byte_us: dict
    whole_us: dict

    @property
    def cpu_per_100k(self):
        return self.server_cpu_seconds / self.requests * 1e5

    @property
    def cpu_per_gb(self):
        return self.server_cpu_seconds / self.bytes * 1e9

    @property
    def both_cpu_per_gb(self):
        return (self.server_cpu_seconds + self.client_cpu_seconds) / self.bytes * 1e9


class Bench:
    """Owns the temporary directory and every server; close() ends and removes all of it."""

    def __init__(self, options):
        self.options = options
        cpus = sorted(os.sched_getaffinity(0))
        self.server_cpu, self.load_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 else (None, None)
        self.faults = []
        self._running = []
        self._fresh = workloads.FreshPages()
        self._homes = 0
        self.home = Path(tempfile.mkdtemp(prefix="cachey-bench-", dir=options.dir))
        self.nginx_home = self.home
        if options.nginx_cache == "shm":
            self.nginx_home = Path(tempfile.mkdtemp(prefix="cachey-bench-", dir="/dev/shm"))

    def close(self):
        for server in reversed(self._running):
            server.stop()
        for home in {self.home, self.nginx_home}:
            shutil.rmtree(home, ignore_errors=True)

    def prepare(self):
        if shutil.disk_usage(self.home).free < DISK_BYTES_NEEDED:
            raise BenchError(f"{self.home} has less than {DISK_BYTES_NEEDED // 10**9} GB free: --dir")
        self.data = self.home / "data"
        workloads.make_objects(self.data)
        self.origin = servers.Origin(self.home / "origin", self.data, self.load_cpu)
        self._start(self.origin.server)

    def _start(self, server):
        self._running.append(server)
        server.start()
        return server

    def _stop(self, server):
        server.stop()
        self._running.remove(server)

    def _new_home(self):
        self._homes += 1
        return self.home / f"servers-{self._homes}"

    def measure(self, family):
        """All rounds of workloads that share their servers: {workload: {column: [Run]}}."""
        home = self._new_home()
        cache_dir = self.nginx_home / f"cache-{self._homes}"
        peer = servers.Peer(home / "nginx", cache_dir, self.origin, family[0].tls, self.server_cpu)
        self._start(peer.server)
        cachey = None
        if not self.options.peers_only:
            cachey = servers.Cachey(
                self.options.bin, home / "cachey", self.origin, family[0].tls, self.server_cpu)
            self._start(cachey.server)
        columns = self._columns(family, cachey, peer)
        for column in columns:
            self._check_bytes(family, column)
            self._warm(family, column)
        results = {workload.name: {column.label: [] for column in columns} for workload in family}
        for number in range(self.options.rounds):
            for workload in family:
                for column in columns if number % 2 == 0 else reversed(columns):
                    run = self._run(workload, column, number)
                    results[workload.name][column.label].append(run)
        checks = self._wrk_checks(family, columns)
        if cachey is not None:
            checks["cachey_rss_peak_bytes"] = cachey.server.rss_peak_bytes()
            self._stop(cachey.server)
        self._stop(peer.server)
        shutil.rmtree(cache_dir, ignore_errors=True)
        return results, checks

    def _columns(self, family, cachey, peer):
        columns = [] if cachey is None else [Column("Cachey", cachey.server, cachey.port)]
        if family[0].hits:
            columns.append(Column("nginx, slice 1m", peer.server, peer.slice_1m_port))
        columns.append(Column("nginx, slice 16m", peer.server, peer.slice_16m_port))
        if not family[0].hits:
            columns.append(
                Column("nginx, proxy only", peer.server, peer.pass_port, caches=False))
        if not family[0].hits and not family[0].tls:
            columns.append(
                Column("origin itself", self.origin.server, self.origin.port, "", caches=False))
        return columns

    def _check_bytes(self, family, column):
        """One answer of each kind, byte for byte; of a cache also the second time, from itself."""
        samples = [workloads.page(1, 1), workloads.small_ranges()[0]]
        if not family[0].hits:
            samples = self._fresh.take(2)
        for sample in samples + samples:
            status, content_range, body = _get(column.port, f"{column.prefix}/{sample.key}", sample)
            wanted = f"bytes {sample.first}-{sample.last}/{workloads.OBJECT_BYTES}"
            what = f"{column.label}: {sample.key} {wanted}"
            if status != 206 or content_range != wanted:
                raise BenchError(f"{what}: answered {status} {content_range} {body[:200]!r}")
            if body != sample.expected(self.data):
                raise BenchError(f"{what}: WRONG BYTES")

    def _warm(self, family, column):
        """Hits: what is asked is in the cache. Misses: a cache is full, so that it must evict."""
        ranges = workloads.hit_pages()
        if not family[0].hits:
            if not column.caches or not self.options.fills_caches:
                return
            ranges = self._fresh.take(144)
        self._fetch(column, ranges, 4, WARM_SECONDS_MAX, once=True)

    def _fetch(self, column, ranges, connections, seconds, once):
        path = workloads.write_list(self.home / "list", ranges, column.prefix)
        command = [self.options.load, "127.0.0.1", str(column.port), str(path), str(connections),
                   str(seconds)] + (["--once"] if once else [])
        done = self._on_load_cpu(command, seconds + 60)
        if done.returncode != 0:
            raise BenchError(f"{column.label}: {shlex.join(command)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def _on_load_cpu(self, command, seconds_max):
        def settle():
            if self.load_cpu is not None:
                os.sched_setaffinity(0, {self.load_cpu})

        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds_max, preexec_fn=settle, check=False)

    def _run(self, workload, column, number):
        seconds = self.options.seconds
        ranges = workload.ranges or self._fresh.enough_for(seconds)
        origin_before = self.origin.served()
        cpu_before = column.server.cpu_seconds()
        load = self._fetch(column, ranges, workload.connections, seconds, once=not workload.hits)
        cpu = column.server.cpu_seconds() - cpu_before
        time.sleep(0.05)  # the origin logs a request after its last byte
        served = [after - before for before, after in zip(origin_before, self.origin.served())]
        if workload.hits and served[0] > 0:
            self.faults.append(f"{workload.name}, {column.label}: {served[0]} requests went to the "
                               "origin in a run of hits")
        run = Run(number + 1, load["requests"], load["bytes"], load["seconds"], cpu,
                  load["client_cpu_seconds"], *served, load["first_byte_us"], load["whole_us"])
        _say(f"  {workload.name} round {number + 1} {column.label}: {run.requests} requests, "
             f"{run.bytes / run.seconds / 1e9:.2f} GB/s, {run.cpu_per_100k:.3f} CPU-s/100k, "
             f"{run.cpu_per_gb:.3f} CPU-s/GB")
        return run

    def _wrk_checks(self, family, columns):
        """wrk beside fetch_load, once for each server: CPU-s per 100k requests."""
        if family[0].name != "hits-4k" or not self.options.wrk:
            return {}
        wrk = servers.find_program("wrk", "wrk")
        checks = {}
        for column in columns:
            script = self.home / "wrk.lua"
            script.write_text(workloads.wrk_script(family[0].ranges, column.prefix))
            cpu_before = column.server.cpu_seconds()
            done = self._on_load_cpu(
                [wrk, "-t1", f"-c{family[0].connections}", f"-d{max(1, round(self.options.seconds))}s",
                 "-s", str(script), f"http://127.0.0.1:{column.port}"], self.options.seconds + 60)
            cpu = column.server.cpu_seconds() - cpu_before
            counted = re.search(r"(\d+) requests in", done.stdout)
            if counted is None or "WRONG" in done.stdout or "Non-2xx" in done.stdout:
                raise BenchError(f"{column.label}: wrk: {done.stdout}{done.stderr}")
            checks[column.label] = cpu / int(counted[1]) * 1e5
        return {"wrk_cpu_seconds_per_100k": checks}


def _get(port, path, wanted):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Range": f"bytes={wanted.first}-{wanted.last}"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Range"), answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"GET {path} from port {port}: {error!r}") from error
    finally:
        connection.close()


def families(what):
    """Workloads in groups that share their servers."""
    small, pages = workloads.small_ranges(), workloads.hit_pages()
    every = {
        "hits-4k": [Workload("hits-4k", "4 KiB hits, 64 connections", 64, True, small)],
        "hits-16m": [Workload(f"hits-16m-c{connections}", f"16 MiB hits, {connections} connections",
                              connections, True, pages) for connections in (4, 16)],
        "misses": [Workload("misses-c1", "16 MiB misses, 1 connection", 1, False, None),
                   Workload("misses-c4", "16 MiB misses, 4 connections", 4, False, None)],
        "misses-tls": [
            Workload("misses-tls-c1", "16 MiB misses over TLS, 1 connection", 1, False, None, True),
            Workload("misses-tls-c4", "16 MiB misses over TLS, 4 connections", 4, False, None, True)],
    }
    return list(every.values()) if what == "all" else [every[what]]


def _spread(values, form):
    if not values:
        return "-"
    median = format(statistics.median(values), form)
    if len(values) == 1:
        return median
    return f"{median} ({min(values):{form}}..{max(values):{form}})"


def table(workload, by_column):
    """Markdown. `x Cachey` is made of pairs of the same round, which share the machine's mood."""
    titles = ["server", "CPU-s per 100k requests", "CPU-s per GB", "x Cachey", "client's CPU-s per GB",
              "server + client, x Cachey", "requests/s", "GB/s", "first byte p50, us",
              "whole p50 / p99, us"]
    if not workload.hits:
        titles.append("origin requests, bytes per asked")
    lines = [f"### {workload.title}", "", "| " + " | ".join(titles) + " |",
             "|" + "---|" * len(titles)]
    ours = by_column.get("Cachey")
    for label, runs in by_column.items():
        pairs = list(zip(runs, ours)) if ours else []
        ratios = [run.cpu_per_gb / own.cpu_per_gb for run, own in pairs]
        ratios_of_both = [run.both_cpu_per_gb / own.both_cpu_per_gb for run, own in pairs]
        cells = [
            label,
            _spread([run.cpu_per_100k for run in runs], ".3f" if workload.hits else ".1f"),
            _spread([run.cpu_per_gb for run in runs], ".3f"),
            _spread(ratios, ".2f"),
            _spread([run.client_cpu_seconds / run.bytes * 1e9 for run in runs], ".3f"),
            _spread(ratios_of_both, ".2f"),
            _spread([run.requests / run.seconds for run in runs], ".0f"),
            _spread([run.bytes / run.seconds / 1e9 for run in runs], ".2f"),
            _spread([run.first_byte_us["p50"] for run in runs], ".0f"),
            f"{statistics.median([run.whole_us['p50'] for run in runs]):.0f} / "
            f"{statistics.median([run.whole_us['p99'] for run in runs]):.0f}",
        ]
        if not workload.hits:
            asked_bytes = sum(run.bytes for run in runs)
            asked = sum(run.requests for run in runs)
            cells.append(f"{sum(run.origin_requests for run in runs) / asked:.3f}, "
                         f"{sum(run.origin_bytes for run in runs) / asked_bytes:.3f}")
        if min(run.server_cpu_seconds for run in runs) < 100 * TICK_SECONDS:
            cells[0] += " [1]"
        lines.append("| " + " | ".join(cells) + " |")
    if any("[1]" in line for line in lines):
        lines += ["", "[1] under 1 CPU-s in a run: read in ticks of 10 ms, so good to no more than "
                  "a few percent. Use a larger --seconds."]
    return "\n".join(lines) + "\n"


def machine(options, bench):
    def output(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip()

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    git = ["git", "-C", str(REPOSITORY)]
    changed = output(*git, "status", "--porcelain", "--untracked-files=no") != ""
    nginx = servers.find_program("nginx", "nginx-light")
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_average_at_start": os.getloadavg(),
        "server_cpu": bench.server_cpu,
        "load_and_origin_cpu": bench.load_cpu,
        "commit": output(*git, "rev-parse", "--short", "HEAD") + (" with changes" if changed else ""),
        "nginx": output(nginx, "-v"),
        "nginx_cache": str(bench.nginx_home),
        "cachey": None if options.peers_only else output(str(options.bin), "--version"),
        "command": shlex.join(sys.argv),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def print_head(facts):
    pinned = (f"servers on CPU {facts['server_cpu']}, load and origin on CPU "
              f"{facts['load_and_origin_cpu']}" if facts["server_cpu"] is not None else
              "one CPU only: nothing is pinned, so load and server disturb each other")
    load = " ".join(f"{value:.2f}" for value in facts["load_average_at_start"])
    print(f"- machine: {facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}; load average "
          f"at start {load}; {pinned}")
    print(f"- commit {facts['commit']}; {facts['cachey'] or 'without Cachey'}; {facts['nginx']}, "
          f"cache in {facts['nginx_cache']}")
    print(f"- `{facts['command']}`: {facts['rounds']} rounds of {facts['seconds']:g} s, in "
          "alternating order; median (min..max); GB = 10^9 bytes; CPU = user + system of the "
          "server's processes\n", flush=True)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="all",
                        choices=["hits-4k", "hits-16m", "misses", "misses-tls", "all"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each run (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run there")
    parser.add_argument("--bin", type=Path, help="Cachey (default: CACHEY_BIN, else build/release)",
                        default=os.environ.get("CACHEY_BIN", REPOSITORY / "build/release/cachey"))
    parser.add_argument("--load", type=Path, help="the load client (default: FETCH_LOAD, else "
                        "build/release)", default=os.environ.get(
                            "FETCH_LOAD", REPOSITORY / "build/release/bench/fetch_load"))
    parser.add_argument("--peers-only", action="store_true", help="measure nginx without Cachey")
    parser.add_argument("--wrk", action="store_true", help="cross-check the 4 KiB hits with wrk")
    parser.add_argument("--nginx-cache", choices=["disk", "shm"], default="disk",
                        help="where nginx keeps its files: --dir, or /dev/shm")
    parser.add_argument("--dir", help="for all temporary files (default: TMPDIR, else /tmp)")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    # Fetching 2.4 GB into each cache takes longer than short runs are worth.
    options.fills_caches = options.seconds >= 2
    return options


def check_programs(options):
    servers.find_program("nginx", "nginx-light")
    if options.wrk:
        servers.find_program("wrk", "wrk")
    wanted = [options.load] + ([] if options.peers_only else [options.bin])
    for program in wanted:
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} is missing: build it first (./dev build)")


def run(options):
    check_programs(options)
    bench = Bench(options)
    report = {"workloads": {}, "checks": {}}
    try:
        report["machine"] = machine(options, bench)
        print_head(report["machine"])
        bench.prepare()
        for family in families(options.what):
            results, checks = bench.measure(family)
            report["checks"][family[0].name] = checks
            for workload in family:
                by_column = results[workload.name]
                print(table(workload, by_column), flush=True)
                if not workload.hits and not options.fills_caches:
                    print(COLD_CACHES_NOTE, flush=True)
                report["workloads"][workload.name] = {
                    label: [dataclasses.asdict(one) | {
                        "cpu_per_100k": one.cpu_per_100k, "cpu_per_gb": one.cpu_per_gb}
                        for one in runs] for label, runs in by_column.items()}
            for label, cpu in checks.get("wrk_cpu_seconds_per_100k", {}).items():
                print(f"- cross-check, wrk: {label}: {cpu:.3f} CPU-s per 100k requests")
            if "cachey_rss_peak_bytes" in checks:
                print(f"- Cachey's peak RSS: {checks['cachey_rss_peak_bytes'] / 2**20:.0f} MiB\n")
        report["faults"] = bench.faults
    finally:
        bench.close()
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    for fault in bench.faults:
        _say(f"bench failed: {fault}")
    return 1 if bench.faults else 0


def main():
    options = parse(sys.argv[1:])

    def end(number, _frame):
        for quiet in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(quiet, signal.SIG_IGN)  # the servers are being ended
        raise BenchError("out of time" if number == signal.SIGALRM else "stopped by a signal")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.alarm(int(120 + 2 * 20 * options.rounds * options.seconds))
    try:
        return run(options)
    except (BenchError, subprocess.TimeoutExpired) as error:
        _say(f"bench failed: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
