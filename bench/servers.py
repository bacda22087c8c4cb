"""The servers of a benchmark (origin, nginx, Cachey) and the cost of each.

This module starts every server as a process tree and ends it by pid.
"""

import contextlib
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 60  # under callgrind on a busy machine a start takes more than 10 s
STOP_SECONDS_MAX = 10
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class BenchError(Exception):
    """The benchmark cannot run, or a server gave a wrong response. The text is one line for a person."""


def find_program(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise BenchError(f"{name} is missing: apt-get install -y --no-install-recommends {package}")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def before_all_else(task):
    """The task, 0 for this process, runs before other work of its CPU, if we may."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(2))


class Server:
    """A process tree on `cpu` (a CPU or a set of CPUs), from start() until stop(); may be started again.

    CPU time is read from /proc for the whole tree: for children that are alive, and for children that
    ended and were waited for (their time is included in their parent's).
    """

    def __init__(self, name, command, ports, cpu, log_path, environment=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.ports = ports
        self._cpu = cpu
        self._log_path = Path(log_path)
        self._environment = environment
        self._process = None

    def start(self):
        def settle():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if self._cpu is not None:
                os.sched_setaffinity(0, {self._cpu} if isinstance(self._cpu, int) else self._cpu)

        with open(self._log_path, "wb") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, preexec_fn=settle, start_new_session=True)
        for port in self.ports:
            self._wait_for_port(port)

    def _wait_for_port(self, port):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended at its start:\n{self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise BenchError(f"{self.name} does not listen on port {port}:\n{self.log_tail()}")

    def log(self):
        return self._log_path.read_text(errors="replace")

    def log_tail(self):
        return self.log()[-2000:]

    def pids(self):
        """The tree's processes, parents before children."""
        parent_of = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                fields = _stat_fields(int(entry))
                if fields is not None:
                    parent_of[int(entry)] = int(fields[1])
        tree = [self._process.pid]
        for pid in tree:
            tree += [child for child, parent in parent_of.items() if parent == pid]
        return tree

    def tasks(self):
        """The threads of the tree's processes, as folders of /proc."""
        return [task for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir()]

    def run_before_all_else(self):
        """The threads that there are now, and those that they start."""
        for task in self.tasks():
            before_all_else(int(task.name))

    def cpu_seconds(self):
        if self._process.poll() is not None:
            raise BenchError(f"{self.name} ended while it was measured:\n{self.log_tail()}")
        ticks = 0
        for pid in self.pids():
            fields = _stat_fields(pid)
            if fields is not None:
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_SECOND

    def disk_read_bytes(self):
        return self._disk_bytes("read_bytes")

    def disk_written_bytes(self):
        return self._disk_bytes("write_bytes")

    def _disk_bytes(self, what):
        """Bytes that the tree's processes read from or wrote to the disk, by /proc/PID/io."""
        total = 0
        for pid in self.pids():
            try:
                total += int(re.search(rf"^{what}: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.M)[1])
            except OSError:
                pass
        return total

    def rss_peak_bytes(self):
        """The peak RSS of the largest process of the tree."""
        peak = 0
        for pid in self.pids():
            try:
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]) * 1024)
            except OSError:
                pass
        return peak

    def restart_rss_peak(self):
        """The peak RSS is that of now. Returns it."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        return self.rss_peak_bytes()

    def stop(self, seconds_max=STOP_SECONDS_MAX):
        if self._process is None or self._process.poll() is not None:
            return
        tree = self.pids()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            for pid in tree:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._process.wait()


def _stat_fields(pid):
    """/proc/PID/stat from the state on: [0] state, [1] parent, [11..14] utime stime cutime cstime."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def _nginx_frame(http, workers, nopush):
    user = pwd.getpwuid(os.geteuid()).pw_name
    # nginx accepts the directive only if its master runs as root.
    as_user = f"user {user};\n" if os.geteuid() == 0 else ""
    return as_user + f"""worker_processes {workers};
worker_rlimit_nofile 16384;
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  default_type application/octet-stream;
  server_tokens off;
  sendfile on;
  tcp_nopush {nopush};
  tcp_nodelay on;
  keepalive_timeout 600;
  keepalive_requests 1000000000;
  client_body_temp_path temp_body;
  proxy_temp_path temp_proxy;
  fastcgi_temp_path temp_fastcgi;
  uwsgi_temp_path temp_uwsgi;
  scgi_temp_path temp_scgi;
{http}
}}
"""


def nginx(name, home, http, ports, cpu, workers=1, nopush="on"):
    program = find_program("nginx", "nginx-light")
    home.mkdir(parents=True, exist_ok=True)
    config = home / "nginx.conf"
    config.write_text(_nginx_frame(http, workers, nopush))
    return Server(name, [program, "-e", "stderr", "-p", home, "-c", config], ports, cpu, home / "log")


CERTIFICATES = """[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


def make_certificate(certificate, key):
    """Makes a certificate for 127.0.0.1. The file also has its authority: a server's chain, and the CA for clients."""
    home = certificate.parent
    home.mkdir(parents=True, exist_ok=True)
    (home / "certificates.cnf").write_text(CERTIFICATES)

    def make(name, extensions, out, key_out, *signed_by):
        subprocess.run(
            [find_program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={name}", "-config", home / "certificates.cnf", "-extensions", extensions,
             "-keyout", key_out, "-out", out, *signed_by], check=True, capture_output=True)

    authority, authority_key = home / "authority.pem", home / "authority-key.pem"
    make("bench authority", "authority", authority, authority_key)
    make("bench", "leaf", certificate, key, "-CA", authority, "-CAkey", authority_key)
    with open(certificate, "a", encoding="ascii") as chain:
        chain.write(authority.read_text())


class Origin:
    """nginx, with and without TLS. It serves DATA/{bucket}/{key} as files, and the same file as
    /{bucket}/fresh-N/{key}: a name that was never requested before; and DATA/{bucket}.xml as any list of the bucket. Its
    log has the number of requests and bytes served."""

    def __init__(self, home, data, cpu):
        self.port = free_port()
        self.tls_port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.tls_endpoint = f"https://127.0.0.1:{self.tls_port}"
        self.certificate = home / "certificate.pem"
        log = home / "served"
        self._served = ServedLog(log)
        make_certificate(self.certificate, home / "key.pem")
        self.server = nginx("origin", home, f"""
  log_format served '$status $body_bytes_sent';
  access_log {log} served;
  open_file_cache max=256 inactive=10m;
  open_file_cache_valid 10m;
  server {{
    listen 127.0.0.1:{self.port};
    listen 127.0.0.1:{self.tls_port} ssl;
    ssl_certificate {self.certificate};
    ssl_certificate_key {home / "key.pem"};
    ssl_protocols TLSv1.3;
    root {data};
    location ~ ^/([^/]+)/?$ {{ default_type application/xml; try_files /$1.xml =404; }}
    location / {{ rewrite "^/([^/]+)/fresh-[0-9]+/(.*)$" /$1/$2 break; }}
  }}""", [self.port, self.tls_port], cpu)

    def served(self):
        """(requests, body bytes) since the start."""
        return self._served.read()


class ServedLog:
    """Counts a growing log of lines `STATUS BYTES`."""

    def __init__(self, path):
        self._path = path
        self._offset = self._requests = self._bytes = 0

    def read(self):
        """(requests, body bytes) so far."""
        if self._path.exists():
            with open(self._path, "rb") as log:
                log.seek(self._offset)
                new = log.read()
            new = new[:new.rfind(b"\n") + 1]
            lines = new.splitlines()
            self._offset += len(new)
            self._requests += len(lines)
            self._bytes += sum(int(line.split()[1]) for line in lines)
        return self._requests, self._bytes


def s3_environment(endpoint, certificate=None):
    """The environment that S3 clients need, without any variable of this shell."""
    named = {"PATH": os.environ.get("PATH", ""), "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
             "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}
    return named | ({"SSL_CERT_FILE": str(certificate)} if certificate else {})


TOKEN = "bench-admin-token-0123456789"


def admin_address(home):
    """(port, options) of an admin address that takes TOKEN."""
    port, tokens = free_port(), home / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{TOKEN}\n")
    return port, ("--admin-listen", f"127.0.0.1:{port}", "--admin-tokens", tokens)


class Cachey:
    """The server under test. `under`: command-line words before the binary; `more`: words after it; `s3`: the option
    for access to the S3 endpoint, which is on `s3_port` and for objects that do not change; none: no such endpoint;
    `environment`: more variables."""

    def __init__(self, binary, home, endpoint, cpu, certificate=None, memory="2GiB", threads=1, more=(), under=(),
                 s3=(), environment=None):
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.s3_port = free_port() if s3 else None
        if s3:
            more = [*more, "--s3api-listen", f"127.0.0.1:{self.s3_port}", *s3,
                    "--s3api-revalidate", "*=86400"]
        self.server = Server(
            "cachey", [*under, binary, "--origin", "s3", "--listen", "127.0.0.1", "--port", self.port,
                       "--memory", memory, "--threads", threads, *more],
            [self.port], cpu, home / f"log-{self.port}", s3_environment(endpoint, certificate) | (environment or {}))
