#!/usr/bin/python3
"""Counts instructions per request by callgrind: exact, unlike times. Exit 1 if a scenario exceeds its baseline
(instructions.json) by more than 5 %.

The server runs each scenario twice, with few requests and with more. The difference is the cost of the requests, without
start and end. One worker, one connection, one request (HTTP/2: one batch) at a time, so that runs are repeatable. The main
thread is left out: its work once a second depends on how long a run takes, and no request is served there.
"""

import argparse
import dataclasses
import json
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings

import servers
import workloads
from servers import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent
BASELINE = Path(__file__).with_suffix(".json")
GROWTH_MAX = 0.05
S3_RATIO_MAX = 1.2  # a hit through the S3 endpoint, in hits of /fetch
WINDOW_MAX = 2**31 - 1
SECONDS_MAX = 30  # without progress
OBJECT = "object"  # of 1 MiB


class Http1:
    """One keep-alive connection."""

    def __init__(self, port):
        self._socket = connect(port)

    def fetch(self, name, size, path="/fetch"):
        head = f"GET {path}/{workloads.BUCKET}/{name} HTTP/1.1\r\nHost: cache.test\r\nRange: bytes=0-{size - 1}\r\n\r\n"
        self._socket.sendall(head.encode())
        answer = bytearray()
        while b"\r\n\r\n" not in answer or len(answer) < answer.index(b"\r\n\r\n") + 4 + size:
            answer += receive(self._socket)
        if not answer.startswith(b"HTTP/1.1 206 "):
            raise BenchError(f"{name}: {bytes(answer[:200])}")


class Http2:
    """One connection with windows that never close: only requests are sent on it."""

    def __init__(self, port):
        self._socket = connect(port)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        first = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_MAX}
        self._h2.local_settings = h2.settings.Settings(client=True, initial_values=first)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW_MAX - 65535)

    def fetch_together(self, count, name, size):
        for _ in range(count):
            self._h2.send_headers(self._h2.get_next_available_stream_id(), [
                (":method", "GET"), (":scheme", "http"), (":authority", "cache.test"),
                (":path", f"/fetch/{workloads.BUCKET}/{name}"), ("range", f"bytes=0-{size - 1}")], end_stream=True)
        self._socket.sendall(self._h2.data_to_send())
        ended = size_received = 0
        while ended < count:
            for event in self._h2.receive_data(receive(self._socket)):
                ended += isinstance(event, h2.events.StreamEnded)
                size_received += len(event.data) if isinstance(event, h2.events.DataReceived) else 0
        if size_received != count * size:
            raise BenchError(f"{name}: {size_received} bytes of {count * size}")


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def receive(client):
    data = client.recv(workloads.MIB)
    if not data:
        raise BenchError("the server closed the connection")
    return data


def hits_http1(port, requests):
    client = Http1(port)
    for _ in range(requests):
        client.fetch(OBJECT, 4 * workloads.KIB)


def hits_s3(port, requests):
    """The same bytes with the same request, through the S3 endpoint."""
    client = Http1(port)
    for _ in range(requests):
        client.fetch(OBJECT, 4 * workloads.KIB, path="")


def hits_http2(port, requests):
    client = Http2(port)
    for _ in range(requests // 32):
        client.fetch_together(32, OBJECT, 4 * workloads.KIB)


def misses(port, requests):
    client = Http1(port)
    for number in range(requests):
        client.fetch(f"fresh-{number}/{OBJECT}", workloads.MIB)


def hits_disk(port, requests):
    """Hits of pages that an earlier server process left on the disk."""
    client = Http1(port)
    for number in range(requests):
        client.fetch(f"fresh-{number}/{OBJECT}", 4 * workloads.KIB)


@dataclasses.dataclass(frozen=True)
class Scenario:
    do: Callable
    few: int  # requests of the short run
    many: int  # requests of the long run
    disk: bool = False
    s3: bool = False  # at the S3 endpoint


SCENARIOS = {
    "4 KiB hit, HTTP/1.1": Scenario(hits_http1, 100, 500),
    "4 KiB hit, S3 endpoint": Scenario(hits_s3, 100, 500, s3=True),
    "4 KiB hit, HTTP/2, 32 at a time": Scenario(hits_http2, 160, 800),
    "4 KiB hit on disk": Scenario(hits_disk, 20, 100, disk=True),
    "1 MiB miss, S3": Scenario(misses, 20, 100),
}


def live(scenario, requests, s3=False, **server):
    """Starts the server, runs the scenario, stops the server; returns its log."""
    access = ("--s3api-open",) if s3 else ()
    cachey = servers.Cachey(cpu=None, memory="256MiB", s3=access, **server)
    cachey.server.start()
    try:
        Http1(cachey.port).fetch(OBJECT, workloads.MIB)  # brings the object into memory
        scenario(cachey.s3_port if s3 else cachey.port, requests)
    finally:
        cachey.server.stop()
    return cachey.server.log()


def count_run(binary, home, origin, scenario, requests):
    """Instructions of one server process from start to end, without its main thread."""
    server = {"binary": binary, "home": home, "endpoint": origin.endpoint, "s3": scenario.s3}
    if scenario.disk:
        (home / "disk").mkdir(parents=True)
        server["more"] = ["--disk-path", home / "disk", "--disk-capacity", "256MiB"]
        live(misses, scenario.many, **server)
    counted = home.with_name(home.name + ".callgrind")
    callgrind = [servers.find_program("valgrind", "valgrind"), "--tool=callgrind", "--separate-threads=yes",
                 f"--callgrind-out-file={counted}"]
    log = live(scenario.do, requests, under=callgrind, **server)
    threads = sorted(counted.parent.glob(f"{counted.name}-*"))
    if len(threads) < 2 or not threads[0].name.endswith("-01"):
        raise BenchError(f"callgrind tells no counts of threads:\n{log[-2000:]}")
    return sum(count_of(thread) for thread in threads[1:])


def count_of(file):
    """What callgrind has counted of one thread."""
    found = re.search(r"^totals: (\d+)$", file.read_text(), re.MULTILINE)
    if not found:
        raise BenchError(f"{file}: no totals")
    return int(found[1])


def without_debug_info(binary, home):
    """A copy of the binary without debug information: callgrind of Debian 12 fails on DWARF 5."""
    stripped = home / "cachey"
    subprocess.run([servers.find_program("strip", "binutils"), "--strip-debug", "-o", stripped, binary], check=True)
    return stripped


def measure(binary):
    with tempfile.TemporaryDirectory(prefix="cachey-instructions-") as home:
        return measure_in(Path(home), binary)


def measure_in(home, binary):
    data = home / "data"
    (data / workloads.BUCKET).mkdir(parents=True)
    (data / workloads.BUCKET / OBJECT).write_bytes(bytes(workloads.MIB))
    binary = without_debug_info(binary, home)
    origin = servers.Origin(home / "origin", data, cpu=None)
    origin.server.start()
    counts = {}
    try:
        for name, scenario in SCENARIOS.items():
            short, long = (count_run(binary, home / f"{scenario.do.__name__}-{requests}", origin, scenario, requests)
                           for requests in (scenario.few, scenario.many))
            counts[name] = round((long - short) / (scenario.many - scenario.few))
    finally:
        origin.server.stop()
    return counts


def compare(counts, baseline):
    """Prints a table. Returns False if a scenario costs too much."""
    good = True
    print(f"{'instructions a request':34} {'baseline':>10} {'now':>10} {'change':>8}")
    for name, count in counts.items():
        before = baseline.get(name)
        growth = count / before - 1 if before else float("inf")
        verdict = "too much" if growth > GROWTH_MAX else "better: --update" if growth < -GROWTH_MAX else ""
        good = good and growth <= GROWTH_MAX
        print(f"{name:34} {before or '-':>10} {count:>10} {growth:>+8.1%} {verdict}")
    ratio = counts["4 KiB hit, S3 endpoint"] / counts["4 KiB hit, HTTP/1.1"]
    print(f"a hit through the S3 endpoint costs {ratio:.2f} times a hit of /fetch; at most {S3_RATIO_MAX}")
    return good and ratio <= S3_RATIO_MAX


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=REPOSITORY / "build/release/cachey")
    parser.add_argument("--update", action="store_true", help="what is counted now is the baseline from now on")
    options = parser.parse_args()
    counts = measure(options.binary)
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    good = compare(counts, baseline)
    if not good and not options.update:  # the kernel decides in how many pieces a body arrives
        again = measure(options.binary)
        good = compare({name: min(count, again[name]) for name, count in counts.items()}, baseline)
    if options.update:
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n")
    return 0 if good or options.update else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchError, OSError) as error:
        sys.exit(f"instructions: {error}")
