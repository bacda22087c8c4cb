"""Nodes and HAProxy as processes on loopback: the programs, arguments and files that are shipped, at other addresses.

A node has an address of its own in 127.0.0.0/8, so that all nodes have the same port, as machines do.
"""

import contextlib
import http.client
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey"))
SLOW = float(os.environ.get("CACHEY_TEST_SLOW", "1"))
PORT = 8080
_KEPT_FROM_OUTSIDE = ("PATH", "TMPDIR", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")
_WITH_ITS_PARENT = ("setpriv", "--pdeathsig", "KILL")
LONG = os.environ.get("CACHEY_TEST_FLEET") == "long"
_addresses = itertools.count(1)
running = []
"""All running processes, for reports of failed tests."""


def free_ports(count):
    """Ports that are free at all addresses of loopback."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("0.0.0.0", 0))
        return [one.getsockname()[1] for one in sockets]


def new_address():
    """An address of loopback that no other test process takes."""
    (high, low), (more, number) = divmod(os.getpid(), 250), divmod(next(_addresses), 250)
    return f"127.{2 + (high + 50 * more) % 250}.{low + 1}.{number + 1}"


def wait_until(condition, what, seconds=15):
    deadline = time.monotonic() + seconds * SLOW
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds * SLOW:.0f} s"
        time.sleep(0.02)


def get(address, port, target, headers=None, timeout=30):
    """(status, body) of a GET on a connection of its own. A body that breaks off raises."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", target, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Process:
    """A child process with its log; ended by the test, at the latest by the `with`, or by the kernel if the tests are
    killed."""

    def __init__(self, command, log, environment=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            # The kernel's word is for the thread that made the process, so this is not for threads that end.
            bound = _WITH_ITS_PARENT if threading.current_thread() is threading.main_thread() else ()
            self._process = subprocess.Popen([*bound, *(str(word) for word in command)], env=environment, stdin=subprocess.DEVNULL,
                                             stdout=out, stderr=out, start_new_session=True)
        running.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        """Ends the process and its children, such as HAProxy's worker."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self in running:
            running.remove(self)

    def terminate(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def code(self, seconds=20):
        return self._process.wait(seconds * SLOW)

    def alive(self):
        return self._process.poll() is None


class Node:
    """A node of a fleet. Without `address`, start() gives it a new one, as a pod has one after a restart."""

    def __init__(self, name, arguments, environment, folder, address=None, port=PORT, places=(), under=()):
        """arguments: with the node's own address as 127.0.0.1. places: pairs of a text of the arguments and what stands
        for it. under: command-line words before the server's."""
        self.name = name
        self.address = address
        self.port = port
        self.process = None
        self._moves = address is None
        self._places = [*places]
        self._arguments = arguments
        self._under = under
        kept = {name: os.environ[name] for name in _KEPT_FROM_OUTSIDE if name in os.environ}
        self._environment = kept | {"AWS_EC2_METADATA_DISABLED": "true"} | environment
        self._folder = folder

    @classmethod
    def of_pod(cls, name, container, environment, folder, places=()):
        """The node that a container of the chart's StatefulSet is."""
        port = next(p["containerPort"] for p in container["ports"] if p["name"] == "http")
        return cls(name, container["args"], environment, folder, port=port, places=places)

    def start(self):
        if self._moves:
            self.address = new_address()
        arguments = [moved(str(one), [("127.0.0.1", self.address), *self._places]) for one in self._arguments]
        self.process = Process([*self._under, BINARY, *arguments], self._folder / f"{self.name}.log", self._environment)
        wait_until(self.ready, f"{self.name} is ready")
        return self

    def ready(self):
        assert self.process.alive(), self.process.log.read_text()
        if self._places:  # TLS, perhaps with client certificates
            return f'"address":"{self.address}:{self.port}"' in self.process.log.read_text()
        with contextlib.suppress(OSError):
            return get(self.address, self.port, "/readyz")[0] == 200
        return False

    def alive(self):
        return self.process is not None and self.process.alive()

    def end(self):
        """kill -9, if the node runs."""
        if self.process:
            self.process.kill()

    def has(self, target, at=0):
        """Whether the node has that byte of the object, without a request to the store."""
        headers = {"Range": f"bytes={at}-{at}", "Cache-Control": "only-if-cached"}
        return get(self.address, self.port, target, headers)[0] == 206


def servers_up(admin_port, backend="nodes"):
    """How many servers of a backend are up, as HAProxy's metrics say."""
    with contextlib.suppress(OSError):
        lines = get("127.0.0.1", admin_port, "/metrics")[1].decode().splitlines()
        return sum(line.startswith(f'haproxy_server_status{{proxy="{backend}",') and line.endswith('state="UP"} 1')
                   for line in lines)
    return 0


def moved(text, places):
    for old, new in places:
        text = text.replace(old, str(new))
    return text


def start_haproxy(text, folder, name="haproxy", places=(), after=None):
    """HAProxy with a rendered text; only the places of its socket and its files differ. after: the process id of an
    HAProxy that ends once this one listens."""
    path = folder / f"{name}.cfg"
    path.write_text(moved(text, [("/run/haproxy/admin.sock", folder / f"{name}.sock"), *places]))
    return Process(["haproxy", "-db", "-f", path, *(["-sf", after] if after else [])], folder / f"{name}.log")
