"""The load and the cost of one run: fetch_load for HTTP/1.1, h2load for HTTP/2 and TLS."""

import json
import os
import re
import subprocess
import time

import servers
import workloads
from servers import BenchError

VERIFY_ONE_IN = 101
TIMES = {"p50": 1, "p99": 100, "p999": 1000}  # samples needed to report a percentile


class WrongAnswer(BenchError):
    """Wrong bytes, a wrong status, or no response."""


class Load:
    """Runs the load client on its CPU, against one column at a time."""

    def __init__(self, bench):
        self._bench = bench
        self._fetch_load = bench.fetch_load

    def run(self, command, seconds_max):
        def settle():
            os.sched_setaffinity(0, self._bench.load_cpus)
            if self._bench.before_others:
                servers.before_all_else(0)

        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds_max, preexec_fn=settle, check=False)

    def fetch(self, port, ranges, connections, seconds, once=False, rate=None, verify=VERIFY_ONE_IN, prefix="/fetch"):
        """Runs fetch_load over HTTP/1.1 and returns its report."""
        listed = workloads.write_list(self._bench.home / "list", ranges, self._bench.data, prefix)
        flags = (["--once"] if once else []) + (["--rate", rate] if rate else []) + ["--verify", verify]
        done = self.run([self._fetch_load, "127.0.0.1", port, listed, connections, seconds, *flags], seconds + 120)
        if done.returncode == 0:
            return json.loads(done.stdout)
        reason = re.search(r'"first_error": "([^"]*)"', done.stdout)
        reason = reason[1] if reason else (done.stderr or done.stdout).strip().removeprefix("fetch_load: ")
        raise WrongAnswer(f"fetch_load: {reason}")

    def h2load(self, scheme, port, protocol, names, size, clients, streams, seconds):
        """Runs h2load for the first `size` bytes of the objects in turn; returns a report like fetch_load's, without times."""
        listed = self._bench.home / "uris"
        listed.write_text("".join(f"{scheme}://127.0.0.1:{port}/fetch/{workloads.BUCKET}/{name}\n" for name in names))
        before = time.monotonic(), children_cpu()
        version = ["--h1"] if protocol.startswith("h1") else []
        done = self.run([servers.find_program("h2load", "nghttp2-client"), *version, "-D", max(1, round(seconds)),
                         "-c", clients, "-m", streams, "-i", listed, "-H", f"Range: bytes=0-{size - 1}"], seconds + 60)
        elapsed, cpu = time.monotonic() - before[0], children_cpu() - before[1]
        counted = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
        data = re.search(r"\((\d+)\) data", done.stdout)
        if not counted or not data:
            raise BenchError(f"h2load: {(done.stdout + done.stderr)[-300:]}")
        succeeded, failed, errored = (int(number) for number in counted.groups())
        under_way = clients * streams  # h2load aborts these when the time is over
        short, long = succeeded * size, (succeeded + 2 * under_way) * size
        if succeeded == 0 or failed + errored > under_way or not short <= int(data[1]) <= long:
            raise WrongAnswer(f"h2load: {counted[0]}; {data[1]} bytes for {succeeded} times {size}")
        return {"requests": succeeded, "bytes": int(data[1]), "seconds": elapsed, "client_cpu_seconds": cpu}


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def measured(bench, column, protocol, run):
    """Calls `run()` for a report of the load, and adds the cost at the server, the origin and the disk."""
    server = column.server(protocol)
    origin, disk, cpu = bench.origin_served(), server.disk_read_bytes(), server.cpu_seconds()
    report = run()
    cpu = server.cpu_seconds() - cpu
    time.sleep(0.05)  # the origin logs a request after sending its last byte
    served = [after - before for before, after in zip(origin, bench.origin_served())]
    requests, size = report["requests"], report["bytes"]
    if requests == 0:
        raise BenchError("no request was answered")
    figures = {
        "requests": requests, "bytes": size, "seconds": report["seconds"], "server_cpu_seconds": cpu,
        "client_cpu_seconds": report["client_cpu_seconds"],
        "cpu_per_100k": cpu / requests * 1e5, "cpu_per_gb": cpu / size * 1e9,
        "both_cpu_per_gb": (cpu + report["client_cpu_seconds"]) / size * 1e9,
        "requests_per_s": requests / report["seconds"], "gb_per_s": size / report["seconds"] / 1e9,
        "load_busy": report["client_cpu_seconds"] / report["seconds"],
        "origin_requests": served[0], "origin_bytes": served[1],
        "origin_requests_per_request": served[0] / requests, "origin_bytes_per_byte": served[1] / size,
        "disk_kib_per_request": (server.disk_read_bytes() - disk) / requests / 1024,
        "rss_peak_mib": server.rss_peak_bytes() / 2**20,
    }
    for what in ("first_byte", "whole"):
        for time_of in [name for name, least in TIMES.items() if report.get(f"{what}_us") and requests >= least]:
            figures[f"{what}_{time_of}_us"] = report[f"{what}_us"][time_of]
    return figures
