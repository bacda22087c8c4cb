"""Nodes and HAProxy as the chart starts them, on loopback: the same arguments and the same text, as processes instead
of pods. Each pod has an address of 127.1.0.0/16; a name server tells HAProxy the addresses."""

import contextlib
import http.client
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import time

from chart import ROOT

BINARY = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey"))
_SLOW = float(os.environ.get("CACHEY_TEST_SLOW", "1"))
_addresses = itertools.count(1)


def free_ports(count):
    """Ports that are free at all addresses of loopback."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("0.0.0.0", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until(condition, what, seconds=15):
    deadline = time.monotonic() + seconds * _SLOW
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds * _SLOW:.0f} s"
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
    """A child process with its log; ended by the test, at the latest by the `with`."""

    def __init__(self, command, log, environment=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                             start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Ends the process and its children, such as HAProxy's worker."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def terminate(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def code(self, seconds=20):
        return self._process.wait(seconds * _SLOW)

    def alive(self):
        return self._process.poll() is None


class Node:
    """The pod of an ordinal. start() gives it a new address, as a pod has one after a restart."""

    def __init__(self, name, container, environment, folder, places=()):
        """places: pairs of a path of the container and the path that stands for it."""
        self.name = name
        self._places = [*places]
        self._arguments = container["args"]
        self._port = next(p["containerPort"] for p in container["ports"] if p["name"] == "http")
        self._environment = environment | {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        self._folder = folder
        self.address = None
        self.process = None

    def start(self):
        self.address = f"127.1.{os.getpid() % 250 + 1}.{next(_addresses)}"
        arguments = [moved(one, [("127.0.0.1", self.address), *self._places]) for one in self._arguments]
        self.process = Process([BINARY, *arguments], self._folder / f"{self.name}.log", self._environment)
        wait_until(self.ready, f"{self.name} is ready")
        return self

    def ready(self):
        assert self.process.alive(), self.process.log.read_text()
        if self._places:  # TLS, perhaps with client certificates
            return f'"address":"{self.address}:{self._port}"' in self.process.log.read_text()
        with contextlib.suppress(OSError):
            return get(self.address, self._port, "/readyz")[0] == 200
        return False

    def has(self, target):
        """Whether the node has the object's first byte, without a request to the store."""
        headers = {"Range": "bytes=0-0", "Cache-Control": "only-if-cached"}
        return get(self.address, self._port, target, headers)[0] == 206


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


def start_haproxy(text, folder, name="haproxy", places=()):
    """HAProxy with a rendered text; only the places of its socket and its files differ."""
    path = folder / f"{name}.cfg"
    path.write_text(moved(text, [("/run/haproxy/admin.sock", folder / f"{name}.sock"), *places]))
    return Process(["haproxy", "-db", "-f", path], folder / f"{name}.log")
