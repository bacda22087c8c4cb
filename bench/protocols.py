#!/usr/bin/python3
"""What HTTP/2 and TLS cost: hits from Cachey's memory beside nginx that serves the same bytes as files, by h2load.

CPU is the server's, user and system. Table on standard output; README.md says how to read such figures.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import servers
import workloads
from servers import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent
PROTOCOLS = {"h1": ("http", ["--h1"]), "h2c": ("http", []), "h1+tls": ("https", ["--h1"]), "h2+tls": ("https", [])}
# name: bytes of a request, requests, connections and streams of HTTP/1.1, of HTTP/2, unit, requests or bytes a unit
SIZES = {
    "4 KiB": (4 * workloads.KIB, 200_000, (64, 1), (16, 32), "CPU-s per 100k", lambda n, size: n / 100_000),
    "16 MiB": (16 * workloads.MIB, 200, (4, 1), (4, 1), "CPU-s/GB", lambda n, size: n * size / 1e9),
}


class Pair:
    """One server with a port in clear text and one with TLS."""

    def __init__(self, name, plain, tls, processes):
        self.name = name
        self.ports = {"http": plain, "https": tls}
        self.processes = processes

    def cpu_seconds(self, scheme):
        return self.processes[scheme].cpu_seconds()


def nginx(home, data, certificate, key):
    plain, tls = servers.free_port(), servers.free_port()
    server = servers.nginx("nginx", home, f"""
  open_file_cache max=256 inactive=10m;
  open_file_cache_valid 10m;
  ssl_session_cache off;
  http2_max_concurrent_streams 128;
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    rewrite ^/fetch/(.*)$ /$1 last;
    root {data};
  }}""", [plain, tls], 0)
    return Pair("nginx", plain, tls, {"http": server, "https": server})


def cachey(home, data, certificate, key):
    home.mkdir()
    ports, processes = [], {}
    for scheme, more in (("http", []), ("https", ["--tls-cert", certificate, "--tls-key", key])):
        ports.append(servers.free_port())
        command = [REPOSITORY / "build/release/cachey", "--origin", f"dir:{data}", "--memory", "1GiB", "--threads", "1",
                   "--listen", "127.0.0.1", "--port", ports[-1], *more]
        processes[scheme] = servers.Server(f"cachey {scheme}", command, [ports[-1]], 0, home / f"{scheme}.log")
    return Pair("Cachey", *ports, processes)


def load(pair, protocol, size):
    """CPU seconds a unit of one run."""
    bytes_each, requests, of_1, of_2, _, units = SIZES[size]
    scheme, options = PROTOCOLS[protocol]
    clients, streams = of_2 if protocol.startswith("h2") else of_1
    url = f"{scheme}://127.0.0.1:{pair.ports[scheme]}/fetch/{workloads.BUCKET}/{workloads.object_name(0)}"
    command = [servers.find_program("h2load", "nghttp2-client"), *options, "-n", requests, "-c", clients, "-m", streams,
               "-H", f"Range: bytes=0-{bytes_each - 1}", url]
    before = pair.cpu_seconds(scheme)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {1}))
    cost = pair.cpu_seconds(scheme) - before
    whole = re.search(r"(\d+) succeeded, 0 failed, 0 errored", done.stdout)
    if not whole or int(whole.group(1)) != requests:
        raise BenchError(f"{pair.name} {protocol} {size}: {done.stdout[-600:]}{done.stderr[-300:]}")
    return cost / units(requests, bytes_each)


def measure(pairs, rounds):
    figures = {}
    for turn in range(rounds):
        for size in SIZES:
            for protocol in PROTOCOLS:
                for pair in pairs if turn % 2 == 0 else pairs[::-1]:
                    if pair.name == "nginx" and protocol == "h2c":
                        continue  # nginx 1.22 has no port that takes both versions in clear text
                    print(f"round {turn + 1} of {rounds}: {size} {protocol} {pair.name}", file=sys.stderr)
                    figures.setdefault((size, protocol, pair.name), []).append(load(pair, protocol, size))
    return figures


def table(figures, pairs):
    lines = ["| | | " + " | ".join(pair.name for pair in pairs) + " |", "|---|---|" + "---|" * len(pairs)]
    for size, (*_, unit, _) in SIZES.items():
        for protocol in PROTOCOLS:
            cells = []
            for pair in pairs:
                values = figures.get((size, protocol, pair.name))
                cells.append(f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})" if values else "")
            lines.append(f"| {size}, {unit} | {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cachey-bench-") as directory:
        home = Path(directory)
        data = home / "data"
        workloads.make_objects(data)
        certificate, key = home / "tls/certificate.pem", home / "tls/key.pem"
        servers.make_certificate(certificate, key)
        pairs = [cachey(home / "cachey", data, certificate, key), nginx(home / "nginx", data, certificate, key)]
        processes = [process for pair in pairs for process in set(pair.processes.values())]
        try:
            for process in processes:
                process.start()
            for pair in pairs:
                for protocol in ("h1", "h1+tls"):  # into memory
                    load(pair, protocol, "16 MiB")
            print(table(measure(pairs, options.rounds), pairs))
        finally:
            for process in processes:
                process.stop()


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
