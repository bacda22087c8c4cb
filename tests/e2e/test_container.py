"""The server in a container without an init: process 1, orphans, a read-only root, no HOME, a user without a name, no io_uring."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

import http1
from cachey_server import base_environment
from credential_program import settings_by_program
from expect import expect_206
from harness import BINARY, limit, wait_until

LEFT_OUT = ("HOME", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
READ_ONLY = "mount -o remount,ro,bind / && "


def namespaces():
    """Arguments of unshare: a file system and process ids of its own."""
    own = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return own if os.geteuid() == 0 else ["--user", "--map-root-user", *own]


def first_child(pid):
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])


class Container:
    """The server as process 1 of a PID namespace."""

    def __init__(self, log, arguments, environment, user=None):
        as_user = f"setpriv --reuid {user} --regid {user} --clear-groups --bounding-set -all " if user else ""
        command = f"{READ_ONLY}exec {as_user}{BINARY} --listen 127.0.0.1 --port 0 --drain-timeout 5 {' '.join(arguments)}"
        self.log = log
        variables = {name: value for name, value in base_environment().items() if name not in LEFT_OUT} | environment
        with open(log, "wb") as output:
            self.process = subprocess.Popen(["unshare", *namespaces(), "sh", "-c", command], env=variables, stdout=output, stderr=output,
                                            stdin=subprocess.DEVNULL)
        found = wait_until(lambda: re.search(r"listening address=127\.0\.0\.1:(\d+)", log.read_text()) or self.process.poll() is not None,
                           what="the server's listening line")
        assert not isinstance(found, bool), log.read_text()
        self.port = int(found.group(1))
        self.pid = first_child(self.process.pid)

    def children(self):
        """Process id and state of each child of the server."""
        found = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, rest = stat.read_text(encoding="ascii", errors="replace").split(" (", 1)
                state, parent = rest.rsplit(") ", 1)[1].split()[:2]
                if int(parent) == self.pid:
                    found[int(pid)] = state
        return found

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        assert self.process.wait(limit(10)) == 0, self.log.read_text()


@pytest.fixture
def container(tmp_path):
    made = []

    def start(*arguments, user=None, **environment):
        made.append(Container(tmp_path / "log", arguments, environment, user))
        return made[-1]
    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_it_serves_and_ends_by_sigterm(container, directory):
    stored = b"hello"
    directory.put("bucket", "object", stored)
    server = container("--origin", f"dir:{directory.path}")
    assert http1.fetch(server.port, "bucket", "object", 0, 9).body == stored
    server.end()


def test_what_a_credential_process_leaves_behind_is_reaped(container, origin, tmp_path, kind):
    settings = settings_by_program(origin, tmp_path, "sleep 1 >/dev/null &")
    stored = origin.put(kind, "object", size=100)
    server = container("--origin", "s3", **settings)
    wait_until(server.children, what="an orphan that the server has got")
    expect_206(http1.fetch(server.port, kind, "object", 0, 9), stored, 0, 9, kind)
    wait_until(lambda: not server.children(), what="the end of the orphan, and no zombie")
    server.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_a_name_and_a_home_is_enough(container, directory, tmp_path):
    for folder in (directory.path, *pathlib.Path(directory.path).parents):
        if len(pathlib.Path(folder).parts) > 2:
            os.chmod(folder, 0o755)
    directory.put("bucket", "object", b"hello")
    server = container("--origin", f"dir:{directory.path}", user=60118)
    assert http1.fetch(server.port, "bucket", "object", 0, 9).body == b"hello"
    server.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_settings_of_s3_it_starts_too(container):
    server = container("--origin", "s3", user=60118, AWS_REGION="eu-central-1")
    assert http1.exchange(server.port, "GET", "/readyz").status == 200
    server.end()


def test_a_check_ends_by_sigterm_too(tmp_path):
    """Process 1 gets no signal that it has no handler for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(limit(10))
        settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
                    "AWS_REGION": "eu-central-1"}
        with subprocess.Popen(["unshare", *namespaces(), str(BINARY), "--check-origin", "bucket/key"], env=base_environment() | settings,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            try:
                with silent.accept()[0]:
                    os.kill(first_child(process.pid), signal.SIGTERM)
                    assert process.wait(limit(5)) == 128 + signal.SIGTERM
            finally:
                process.kill()


def without_call(number):
    return sys.executable, str(pathlib.Path(__file__).with_name("without_call.py")), str(number)


NO_IO_URING, NO_CLONE3 = without_call(425), without_call(435)  # on all architectures


def test_a_refused_io_uring_is_told_once_with_what_to_do(s3_server, origin, disk_path, kind):
    stored = origin.put(kind, "object", size=1000)
    arguments = ["--disk-path", str(disk_path), "--disk-capacity", "64MiB"]
    server = s3_server(*arguments, under=NO_IO_URING)
    server.expect_log("disk opened", "io_uring is refused")
    lines = [line for line in server.log().splitlines() if "io_uring is refused" in line]
    assert len(lines) == 1 and "Operation not permitted" in lines[0], server.log()
    for word in ("seccomp", "SystemCallFilter", "io_uring_disabled", "io_uring_register", "--iouring=false"):
        assert word in lines[0]
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    server.stop()
    asked = s3_server(*arguments, "--iouring=false", under=NO_IO_URING)
    asked.expect_log("disk opened")
    assert "io_uring is refused" not in asked.log()


def test_a_refused_thread_is_told():
    """Docker before 20.10.10 answers clone3 with EPERM; the C library takes only ENOSYS for a reason to call clone."""
    done = subprocess.run([*NO_CLONE3, str(BINARY), "--origin", "dir:/", "--listen", "127.0.0.1", "--port", "0"], env=base_environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit(10), check=False)
    assert done.returncode == 1 and "terminate" not in done.stderr, done.stderr
    assert "threads: " in done.stderr and "clone3" in done.stderr.splitlines()[-1]
