"""A leg of the day: a fleet of its own, one way to read from it, and what happens to its nodes."""

import os
import pathlib
import subprocess
import sys
import threading
import time

import servers

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tests" / "fleet"))

from balancer import HAProxy  # noqa: E402
from fleet import PORT, Node, new_address, wait_until  # noqa: E402

import objects  # noqa: E402

START_NODES = 5
LEAVE_SECONDS = 3  # the Python client looks at its list of nodes once a second


class Leg:
    """n1 to n5 at first. The kind, and so the bucket, has the name of the way; by this the store tells legs apart."""

    way = None

    def __init__(self, home, stack, store, memory, disk):
        self._home, self._stack = home / self.way, stack
        self._home.mkdir()
        self._environment = {name: value for name, value in servers.s3_environment(store).items() if name != "PATH"}
        self._arguments = ["--origin", "s3", "--listen", "127.0.0.1", "--port", PORT, "--threads", 1, "--memory", memory,
                           "--disk-capacity", disk, "--kind", f"{self.way}={self.way}", "--page-size",
                           f"{self.way}={objects.PAGE_BYTES}"]
        self._nodes = {}
        self._readers = None
        self.out = self._home / "reads"
        for _ in range(START_NODES):
            self._new_node()
        self._begin()

    def _new_node(self):
        name = f"n{len(self._nodes) + 1}"
        disk = self._home / f"disk-{name}"
        disk.mkdir()
        node = Node(name, [*self._arguments, "--disk-path", disk], self._environment, self._home, new_address())
        self._stack.callback(node.end)
        self._nodes[name] = node
        return node.start()

    def start_readers(self, size, threads, rate, seconds, fill):
        program = pathlib.Path(__file__).with_name("readers.py")
        words = [self.way, self.where, self.way, *size, threads, rate, seconds, fill, self.out]
        with open(self._home / "readers.log", "wb") as log:
            self._readers = subprocess.Popen([sys.executable, program, *map(str, words)], stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE, stderr=log)
        self._stack.callback(self._readers.kill)

    def wait_until_filled(self):
        if self._readers.stdout.readline() != b"filled\n":
            raise servers.BenchError(f"{self.way}: {(self._home / 'readers.log').read_text()[-2000:]}")

    def go(self):
        self._readers.stdin.write(b"\n")
        self._readers.stdin.flush()

    def wait_for_readers(self):
        if self._readers.wait() != 0:
            raise servers.BenchError(f"{self.way}: {(self._home / 'readers.log').read_text()[-2000:]}")

    def cpu_seconds(self):
        """Of all nodes that run now."""
        return sum(sum(int(word) for word in pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13])
                   for node in self._nodes.values() if node.alive()) / os.sysconf("SC_CLK_TCK")

    # What happens to nodes.

    def kill(self, name):
        self._nodes[name].process.kill()

    def add(self, _):
        self._enter(self._new_node())

    def drain_and_stop(self, name):
        self._leave(self._nodes[name])
        self._stop(name)

    def take_back(self, name):
        self._return(self._nodes[name].start())

    def restart(self, name):
        self._stop(name)
        self._nodes[name].start()

    def _stop(self, name):
        process = self._nodes[name].process
        process.terminate()
        if process.code(60) != 0:
            raise servers.BenchError(f"{name} ended badly: {process.log.read_text()[-2000:]}")
        process.kill()


class HAProxyLeg(Leg):
    way = "haproxy"

    def _begin(self):
        self._haproxy = self._stack.enter_context(HAProxy(self._home, list(self._nodes.values())))
        self.where = f"127.0.0.1:{self._haproxy.port}"

    def _command(self, words):
        said = self._haproxy.command(words).strip()
        if said and "New server registered" not in said:
            raise servers.BenchError(f"haproxy: {words}: {said}")

    def _enter(self, node):
        number, default = 100 + int(node.name[1:]), "    default-server "
        options = next(line for line in self._haproxy.text.splitlines() if line.startswith(default)).removeprefix(default)
        self._command(f"add server nodes/{node.name} {node.address}:{PORT} id {number} {options}")
        self._command(f"enable health nodes/{node.name}")
        self._command(f"enable server nodes/{node.name}")

    def _leave(self, node):
        self._command(f"set server nodes/{node.name} state drain")
        wait_until(lambda: self._haproxy.counts("current_sessions")[node.name] == 0, f"no request at {node.name}", 60)

    def _return(self, node):
        self._command(f"set server nodes/{node.name} state ready")


class ClientLeg(Leg):
    way = "client"

    def _begin(self):
        self._list = self._home / "nodes"
        self._listed = [f"{node.address}:{PORT}" for node in self._nodes.values()]
        self._write()
        self.where = f"file:{self._list}"

    def _write(self):
        new = self._list.with_suffix(".new")
        new.write_text("".join(f"{one}\n" for one in self._listed))
        new.rename(self._list)

    def _enter(self, node):
        self._listed.append(f"{node.address}:{PORT}")
        self._write()

    def _leave(self, node):
        self._listed.remove(f"{node.address}:{PORT}")
        self._write()
        time.sleep(LEAVE_SECONDS)

    _return = _enter


LEGS = {leg.way: leg for leg in (HAProxyLeg, ClientLeg)}


def at_once(legs, what):
    """Does the same to all legs at the same time; the first fault is raised."""
    faults = []

    def one(leg):
        try:
            what(leg)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(leg,)) for leg in legs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
