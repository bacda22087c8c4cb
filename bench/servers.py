"""The servers of a comparison: the origin, nginx as the peer, Cachey; and what each has cost.

Every server is a process tree that this module started, knows by pid and ends by pid.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 10
STOP_SECONDS_MAX = 10
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class BenchError(Exception):
    """The bench cannot run, or a server gave a wrong answer. One line for a person."""


def find_program(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise BenchError(f"{name} is missing: apt-get install -y --no-install-recommends {package}")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process tree on one CPU, from start() until stop().

    CPU time is read from /proc for the whole tree: the children that live, and those that ended and
    were waited for (their time is in their parent's).
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
                os.sched_setaffinity(0, {self._cpu})

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

    def cpu_seconds(self):
        if self._process.poll() is not None:
            raise BenchError(f"{self.name} ended while it was measured:\n{self.log_tail()}")
        ticks = 0
        for pid in self.pids():
            fields = _stat_fields(pid)
            if fields is not None:
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_SECOND

    def rss_peak_bytes(self):
        """The largest of the tree's processes."""
        peak = 0
        for pid in self.pids():
            try:
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]) * 1024)
            except OSError:
                pass
        return peak

    def stop(self):
        if self._process is None or self._process.poll() is not None:
            return
        tree = self.pids()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS_MAX)
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


def _nginx_frame(http):
    user = pwd.getpwuid(os.geteuid()).pw_name
    # The directive is only known to a master that runs as root.
    as_user = f"user {user};\n" if os.geteuid() == 0 else ""
    return as_user + f"""worker_processes 1;
worker_rlimit_nofile 16384;
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  default_type application/octet-stream;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
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


def nginx(name, home, http, ports, cpu):
    program = find_program("nginx", "nginx-light")
    home.mkdir(parents=True, exist_ok=True)
    config = home / "nginx.conf"
    config.write_text(_nginx_frame(http))
    return Server(name, [program, "-e", "stderr", "-p", home, "-c", config], ports, cpu, home / "log")


def make_certificate(certificate, key):
    certificate.parent.mkdir(parents=True)
    subprocess.run(
        [find_program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)


class Origin:
    """nginx that serves DATA/{bucket}/{key} as files, and /{bucket}/fresh-N/{key} as the same file
    under a name nobody asked for before, with and without TLS. Its log tells how many requests and
    bytes it served."""

    def __init__(self, home, data, cpu):
        self.port = free_port()
        self.tls_port = free_port()
        self.certificate = home / "certificate.pem"
        self._log = home / "served"
        make_certificate(self.certificate, home / "key.pem")
        self.server = nginx("origin", home, f"""
  log_format served '$status $body_bytes_sent';
  access_log {self._log} served;
  open_file_cache max=256 inactive=10m;
  open_file_cache_valid 10m;
  server {{
    listen 127.0.0.1:{self.port};
    listen 127.0.0.1:{self.tls_port} ssl;
    ssl_certificate {self.certificate};
    ssl_certificate_key {home / "key.pem"};
    ssl_protocols TLSv1.3;
    root {data};
    location / {{ rewrite "^/([^/]+)/fresh-[0-9]+/(.*)$" /$1/$2 break; }}
  }}""", [self.port, self.tls_port], cpu)

    def served(self):
        """(requests, body bytes) since the start."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return len(lines), sum(int(line.split()[1]) for line in lines)


class Peer:
    """nginx as a cache and as a bare proxy: one worker, three ports, the paths of Cachey."""

    def __init__(self, home, cache_dir, origin, tls, cpu):
        self._upstream = "https://origin" if tls else "http://origin"
        self.slice_1m_port, self.slice_16m_port, self.pass_port = ports = [
            free_port() for _ in range(3)]
        cache_dir.mkdir(parents=True)
        self.server = nginx("nginx", home, f"""
  access_log off;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_trusted_certificate {origin.certificate};
  upstream origin {{
    server 127.0.0.1:{origin.tls_port if tls else origin.port};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
  }}
  proxy_cache_path {cache_dir}/1m levels=1:2 keys_zone=one:16m max_size=2g inactive=1d
    use_temp_path=off;
  proxy_cache_path {cache_dir}/16m levels=1:2 keys_zone=sixteen:16m max_size=2g inactive=1d
    use_temp_path=off;
  proxy_cache_valid 200 206 1d;
  proxy_cache_key $uri$slice_range;
  open_file_cache_valid 10m;
{self._slice_server(ports[0], "1m", "one", 2048)}
{self._slice_server(ports[1], "16m", "sixteen", 128)}
  server {{
    listen 127.0.0.1:{ports[2]};
    location /fetch/ {{
      proxy_buffering off;
      proxy_buffer_size 256k;
      proxy_buffers 4 256k;
      proxy_pass {self._upstream}/;
    }}
  }}""", ports, cpu)

    def _slice_server(self, port, size, zone, files_open):
        return f"""  server {{
    listen 127.0.0.1:{port};
    open_file_cache max={files_open} inactive=10m;
    location /fetch/ {{
      slice {size};
      proxy_cache {zone};
      proxy_set_header Range $slice_range;
      proxy_buffer_size 64k;
      proxy_buffers 8 128k;
      proxy_busy_buffers_size 256k;
      proxy_pass {self._upstream}/;
    }}
  }}"""


class Cachey:
    """The binary under test: one worker thread, memory tier only. `under`: the words before it on the command line."""

    def __init__(self, binary, home, origin, tls, cpu, memory="2GiB", under=()):
        home.mkdir(parents=True)
        self.port = free_port()
        endpoint = f"https://127.0.0.1:{origin.tls_port}" if tls else f"http://127.0.0.1:{origin.port}"
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "SSL_CERT_FILE": str(origin.certificate),
        }
        self.server = Server(
            "cachey", [*under, binary, "--origin", "s3", "--listen", "127.0.0.1", "--port", self.port,
                       "--memory", memory, "--threads", "1"],
            [self.port], cpu, home / "log", environment)
