"""The columns of a comparison: how Cachey, the reference, nginx and Varnish are started on the same terms.

A Column has its ports and processes by protocol. Each class takes the same Terms.
"""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import servers
from servers import BenchError
from workloads import MIB

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE_VERSION = "0.13.2"
REFERENCE_FEATURES = "jemalloc"  # its official image has this allocator
REFERENCE_ROOT = REPOSITORY / f"build/peers/cachey-{REFERENCE_VERSION}-{REFERENCE_FEATURES}"
REFERENCE = Path(os.environ.get("CACHEY_REFERENCE", REFERENCE_ROOT / "bin/server"))
PROTOCOLS = ("h1", "h2c", "h1+tls", "h2+tls")


@dataclasses.dataclass(frozen=True)
class Terms:
    """The settings that every server of a family gets."""

    home: Path
    origin: str  # http(s)://address:port
    certificate: Path  # for the origin and the servers
    key: Path
    cpus: set
    memory: int
    disk: int = 0  # bytes; 0: no disk tier
    tls: bool = False  # between server and clients
    threads: int = 1
    many_files: bool = False  # the server makes many files; removing them from a disk would take minutes
    running_origin: object = None  # the origin's own process and port
    objects: Path = None  # the directory of the origin's files


class NotAble(BenchError):
    """The server lacks a feature; the text is the reason, for a note in the table."""


class Column:
    """One kind of server: a port and a process by protocol (several protocols may share a process)."""

    name = ""

    def __init__(self, terms):
        self.terms = terms
        self.home = terms.home / self.name.lower()
        self.home.mkdir(parents=True)
        self.disk_path = self.home / "disk"
        self.ports = {}
        self.processes = {}
        self.settle()

    @classmethod
    def why_not(cls, _terms):
        """The reason why the server cannot run on these terms; None: it can."""
        return None

    def settle(self):
        """Sets ports and processes; starts nothing."""
        raise NotImplementedError

    def add(self, protocols, process, port):
        for protocol in protocols:
            self.ports[protocol] = port
            self.processes[protocol] = process

    def server(self, protocol="h1"):
        if protocol not in self.processes:
            raise NotAble(f"{self.name} does not speak {protocol} here")
        return self.processes[protocol]

    @property
    def owned(self):
        """The processes that the column starts and ends."""
        return set(self.processes.values())

    def start(self):
        for process in self.owned:
            process.start()

    def stop(self):
        for process in self.owned:
            process.stop(seconds_max=60)

    def keep_to_capacity(self):
        """Returns when the disk holds at most the capacity."""

    def remove(self):
        """Removes all files of the server."""
        for directory in (self.home, self.disk_path):
            shutil.rmtree(directory, ignore_errors=True)

    def disk_files(self):
        return [path for path in self.disk_path.rglob("*") if path.is_file()]

    def disk_bytes(self):
        total = 0
        for path in self.disk_files():
            with contextlib.suppress(FileNotFoundError):  # the server may remove the file meanwhile
                total += path.stat().st_size
        return total

    def forget_page_cache(self):
        """Drops the server's files from the page cache, so that reads go to the disk."""
        for path in self.disk_files():
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Ours(Column):
    name = "Cachey"
    binary = REPOSITORY / "build/release/cachey"
    options = ()

    def settle(self):
        terms = self.terms
        disk = []
        if terms.disk:
            self.disk_path.mkdir()
            disk = ["--disk-path", self.disk_path, "--disk-capacity", terms.disk]
        for protocols, tls in ((("h1", "h2c"), []), (("h1+tls", "h2+tls"), ["--tls-cert", terms.certificate,
                                                                             "--tls-key", terms.key])):
            if tls and not terms.tls:
                continue
            made = servers.Cachey(self.binary, self.home, terms.origin, terms.cpus, terms.certificate,
                                  memory=terms.memory, threads=terms.threads, more=[*disk, *tls, *self.options])
            self.add(protocols, made.server, made.port)


class Reference(Column):
    """github.com/s2-streamstore/cachey, built as its official image is. One worker for each CPU that it may use.

    It opens its files with O_DIRECT, as Cachey does: neither reads through the page cache.
    """

    name = "reference"

    @classmethod
    def why_not(cls, _terms):
        return None if REFERENCE.exists() else "not available: build/peers has no build of it"

    def settle(self):
        terms = self.terms
        disk = []
        if terms.disk:
            self.disk_path.mkdir()
            disk = ["--disk-path", self.disk_path, "--disk-kind", "fs", "--disk-capacity", f"{terms.disk // MIB}MiB"]
        environment = servers.s3_environment(terms.origin, terms.certificate) | {"RUST_LOG": "warn"}
        for protocols, tls in ((("h1", "h2c"), []), (("h1+tls", "h2+tls"), ["--tls-cert", terms.certificate,
                                                                             "--tls-key", terms.key])):
            if tls and not terms.tls:
                continue
            port = servers.free_port()
            command = [REFERENCE, "--memory", f"{terms.memory // MIB}MiB", "--port", port, *disk, *tls]
            log = self.home / f"log-{port}"
            self.add(protocols, servers.Server(self.name, command, [port], terms.cpus, log, environment), port)


class Nginx(Column):
    """proxy_cache with slice 16m: pages like Cachey's, kept in files. tcp_nopush would delay ranges of 64 KiB by 40 ms."""

    name = "nginx"

    def settle(self):
        terms = self.terms
        if terms.many_files:
            self.disk_path = Path(tempfile.mkdtemp(prefix="cachey-bench-", dir="/dev/shm"))
        plain, h2c, tls = (servers.free_port() for _ in range(3))
        tls_listen = f"""listen 127.0.0.1:{tls} ssl http2;
    ssl_certificate {terms.certificate};
    ssl_certificate_key {terms.key};
    ssl_protocols TLSv1.3;""" if terms.tls else ""
        ports = [plain, h2c] + ([tls] if terms.tls else [])
        process = servers.nginx("nginx", self.home / "nginx", f"""
  access_log off;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_trusted_certificate {terms.certificate};
  http2_max_requests 1000000000;
  upstream origin {{
    server {terms.origin.split("://")[1]};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
  }}
  proxy_cache_path {self.disk_path} levels=1:2 keys_zone=pages:64m max_size={terms.disk or terms.memory} inactive=1d
    use_temp_path=off;
  proxy_cache_valid 200 206 1d;
  proxy_cache_key $uri$slice_range;
  proxy_cache_lock on;
  proxy_cache_lock_timeout 60s;
  open_file_cache max=2048 inactive=10m;
  open_file_cache_valid 10m;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{h2c} http2;
    {tls_listen}
    location /fetch/ {{
      slice 16m;
      proxy_cache pages;
      proxy_set_header Range $slice_range;
      proxy_buffer_size 64k;
      proxy_buffers 8 128k;
      proxy_busy_buffers_size 256k;
      proxy_pass {terms.origin.split("://")[0]}://origin/;
    }}
  }}""", ports, terms.cpus, terms.threads, nopush="off")
        self.add(["h1"], process, plain)
        self.add(["h2c"], process, h2c)
        if terms.tls:
            self.add(["h1+tls", "h2+tls"], process, tls)

    def keep_to_capacity(self):
        """nginx's cache manager runs every 10 s."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.disk_bytes() > self.terms.disk:
            time.sleep(0.2)


class Varnish(Column):
    """Varnish 7.1 with malloc storage. It fetches and keeps whole objects."""

    name = "Varnish"

    @classmethod
    def why_not(cls, terms):
        if terms.disk:
            return "no disk tier that survives in the free edition"
        return "no TLS to origins" if terms.origin.startswith("https") else None

    def settle(self):
        terms = self.terms
        port = servers.free_port()
        address = terms.origin.split("://")[1].split(":")
        rules = self.home / "rules.vcl"
        rules.write_text(f"""vcl 4.1;
backend default {{ .host = "{address[0]}"; .port = "{address[1]}"; }}
sub vcl_recv {{ set req.url = regsub(req.url, "^/fetch", ""); return (hash); }}
sub vcl_backend_response {{ set beresp.ttl = 1d; set beresp.grace = 0s; }}
""")
        command = [servers.find_program("varnishd", "varnish"), "-F", "-j", "none", "-n", self.home / "run",
                   "-T", "none", "-a", f"127.0.0.1:{port}", "-f", rules, "-s", f"malloc,{terms.memory}",
                   "-p", "feature=+http2"]
        self.add(["h1", "h2c"], servers.Server(self.name, command, [port], terms.cpus, self.home / "log"), port)


class Floor(Column):
    """hit_floor: the least that a server of hits can do on one thread. It caches nothing, and has all objects in memory."""

    name = "floor"
    binary = REPOSITORY / "build/release/bench/hit_floor"

    def settle(self):
        port = servers.free_port()
        command = [self.binary, port, self.terms.objects]
        self.add(["h1"], servers.Server(self.name, command, [port], self.terms.cpus, self.home / "log"), port)


COLUMNS = (Ours, Reference, Nginx, Varnish)


def install_reference(say):
    """Builds the reference once if cargo and its registry are available. A missing reference is not an error."""
    tried = REFERENCE_ROOT / "tried"
    if REFERENCE.exists() or tried.exists() or shutil.which("cargo") is None:
        return
    log_path = REFERENCE_ROOT / "log"
    say(f"building the reference {REFERENCE_VERSION} by cargo, once: some minutes; its output is in {log_path}")
    REFERENCE_ROOT.mkdir(parents=True, exist_ok=True)
    command = ["nice", "-n", "15", "cargo", "install", "cachey", "--version", REFERENCE_VERSION, "--locked",
               "--features", REFERENCE_FEATURES, "--bin", "server", "--root", REFERENCE_ROOT]
    with open(log_path, "wb") as log:
        done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        tried.write_text("It could not be built; remove this file to try again.\n")
        say("the reference could not be built: its column says so")


def versions():
    def said(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return None
        lines = (done.stdout or done.stderr).strip().splitlines()
        return lines[0] if lines else None

    reference = said(REFERENCE, "--version")
    if reference and REFERENCE.is_relative_to(REFERENCE_ROOT):
        reference += f" (with the feature {REFERENCE_FEATURES}, as its image is built)"
    return {"Cachey": said(Ours.binary, "--version"), "reference": reference,
            "nginx": said(servers.find_program("nginx", "nginx-light"), "-v"),
            "Varnish": said(servers.find_program("varnishd", "varnish"), "-V")}
