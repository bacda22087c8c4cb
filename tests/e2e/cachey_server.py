"""Runs the server under test: starts it, waits until it accepts, stops it, and requires a clean end."""

import os
import pathlib
import re
import signal
import subprocess

import http1
from harness import BINARY, limit, wait_until

ADMIN_TOKEN = "a-token-of-the-admin"
_LISTENING = re.compile(r'listening(?: address=|","address":")127\.0\.0\.1:(\d+)')  # text or JSON
_S3_LISTENING = re.compile(r's3_address(?:=|":")127\.0\.0\.1:(\d+)')  # text or JSON
_ADMIN_LISTENING = re.compile(r'admin_address(?:=|":")127\.0\.0\.1:(\d+)')  # text or JSON
_ALARMS = re.compile(
    r"ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|CHECK failed|\bBUG\b")
_KEPT_FROM_OUTSIDE = ("PATH", "HOME", "TMPDIR", "LANG", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
                      "UBSAN_OPTIONS", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE")

running = []
"""All running servers, for reports of failed tests."""


def base_environment():
    """The environment of a server: ours without any variable that could configure the server."""
    kept = {name: os.environ[name] for name in _KEPT_FROM_OUTSIDE if name in os.environ}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
                   "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


class CacheyServer:
    """A server process. Between start() and stop() it accepts on `port`."""

    def __init__(self, log_path, arguments, environment, under=()):
        """under: command-line words before the server's binary; the process that they start must become the server."""
        self._log_path = pathlib.Path(log_path)
        self.command = [*under, str(BINARY), *arguments]
        defaults = {"--listen": "127.0.0.1", "--port": "0", "--drain-timeout": "5",
                    "--log-level": os.environ.get("CACHEY_TEST_LOG", "info")}
        for flag, value in defaults.items():
            if flag not in arguments:
                self.command += [flag, value]
        # On a busy machine the disk may be slower than the origin, and the origin would get requests that no test expects.
        self._environment = base_environment() | {"CACHEY_DISK_BYPASS": "false"} | environment
        self._process = None
        self._ended = False  # the test has seen the end of the process
        self.port = None

    def start(self):
        assert BINARY.exists(), f"{BINARY} is not built (CACHEY_BIN says where the server is)"
        with open(self._log_path, "wb") as log:
            self._process = subprocess.Popen(self.command, env=self._environment, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log)
        running.append(self)
        found = wait_until(lambda: _LISTENING.search(self.log()) or self._process.poll() is not None,
                           10, "the server's listening line")
        assert not isinstance(found, bool), f"the server ended at once: {self.log()}"
        self.port = int(found.group(1))
        return self

    @property
    def s3_port(self):
        """The port of --s3api-listen 127.0.0.1:0."""
        return int(_S3_LISTENING.search(self.log()).group(1))

    @property
    def admin_port(self):
        """The port of --admin-listen 127.0.0.1:0; without that option, `port`."""
        found = _ADMIN_LISTENING.search(self.log())
        return int(found.group(1)) if found else self.port

    @property
    def pid(self):
        return self._process.pid

    def log(self, offset=0):
        return self._log_path.read_bytes()[offset:].decode("utf-8", "replace")

    def expect_log(self, *texts, count=None):
        """Waits until the log has each of `texts`, `count` times if given. The server writes lines on a thread of its
        own, so that a client may have its answer before the line is in the file."""
        for text in texts:
            wait_until(lambda: (self.log().count(text) == count) if count else text in self.log(), what=f"{text!r} in the log")

    def log_bytes(self):
        return self._log_path.stat().st_size if self._log_path.exists() else 0

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, seconds=15.0):
        """Waits for the exit code; fails if the process does not end in time."""
        try:
            code = self._process.wait(limit(seconds))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end in {limit(seconds):.0f} s\n{self.log()}") from None
        self._ended = True
        return code

    def stop(self):
        """Stops the server by SIGTERM, unless the test has stopped it; the end must be clean."""
        try:
            if not self._ended and self._process is not None:
                if self.alive():
                    self.signal(signal.SIGTERM)
                code = self.wait()
                assert code == 0, f"exit code {code}\n{self.log()}"
                self.check_log()
        finally:
            self.discard()

    def check_log(self):
        alarm = _ALARMS.search(self.log())
        assert not alarm, f"the server's log says {alarm.group(0)!r}\n{self.log()}"

    def discard(self):
        """Kills the process if it still runs. See stop() for the clean end."""
        if self.alive():
            self._process.kill()
            self._process.wait()
        self._ended = True
        if self in running:
            running.remove(self)

    def fetch(self, kind, key, first, last, headers=(), method="GET", **named):
        return http1.fetch(self.port, kind, key, first, last, headers, method, **named)

    def get(self, target, headers=(), **named):
        return http1.exchange(self.port, "GET", target, headers, **named)

    def connect(self, **named):
        return http1.Connection(self.port, **named)

    def connect_s3(self, **named):
        return http1.Connection(self.s3_port, **named)

    def busy_connections(self, bucket, key, count):
        """Connections that take nothing of their responses. The object has 4 MiB or more."""
        busy = []
        for _ in range(count):
            busy.append(self.connect(receive_buffer=4 << 10))
            busy[-1].request("GET", http1.fetch_target(bucket, key), [http1.range_header(0, (4 << 20) - 1)])
            assert busy[-1].read_head().status == 206
        return busy
