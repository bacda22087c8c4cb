"""deploy/haproxy/rolling-restart: all nodes restart under load, and no request fails; failures stop the script."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest
from balancer import SHIPPED, HAProxy
from fleet import servers_up, wait_until
from load import Load
from nodes import KIB, MIB, Fleet
from ways import ThroughHAProxy

_SCRIPT = SHIPPED / "rolling-restart"


class Restarts:
    """Restarts a node for a shell command, as ssh and systemctl would. `command` prints "ok" when the node is ready."""

    def __init__(self, nodes, path):
        self._nodes = {node.name: node for node in nodes}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self.command = f'test "$(echo "$NODE $ADDRESS" | socat -t 60 - UNIX-CONNECT:{path})" = ok'
        self.done = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            with connection:
                name, address = connection.recv(1000).decode().split()
                node = self._nodes[name]
                assert node.address == address
                node.process.terminate()
                node.process.code(30)
                node.start()
                self.done.append(name)
                connection.sendall(b"ok\n")


class Place:
    """Three nodes behind two HAProxys, as two client machines have them."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.fleet = Fleet(folder, stack, 3, options=["--s3api-listen", "127.0.0.1:9000", "--s3api-open"])
        self.haproxys = [stack.enter_context(HAProxy(folder, self.fleet.nodes, ("haproxy.cfg", "s3.cfg"), name=name))
                         for name in ("first", "second")]
        self.wait_for_all()
        self.restarts = Restarts(self.fleet.nodes, folder / "restart.sock")
        self.keys = self.fleet.put_many("lake", 60, [100, 20 * KIB, 200 * KIB])

    def wait_for_all(self):
        for haproxy in self.haproxys:
            for backend in ("nodes", "s3nodes"):
                wait_until(lambda: servers_up(haproxy.admin_port, backend) == 3, "all nodes are up")

    def run(self, *words, command=None):
        """The script's (exit code, output, errors), the times cut off."""
        sockets = [word for name in ("first", "second") for word in ("--socket", self.folder / f"{name}.sock")]
        done = subprocess.run([_SCRIPT, *sockets, *words, command or self.restarts.command], text=True, capture_output=True,
                              timeout=180)
        return done.returncode, *([line[9:] for line in text.splitlines()] for text in (done.stdout, done.stderr))

    def states(self, node):
        """The node's state at each HAProxy, in each backend."""
        found = []
        for haproxy in self.haproxys:
            for line in haproxy.command("show stat").splitlines():
                fields = line.split(",")
                found += [fields[17]] if fields[0] in ("nodes", "s3nodes") and fields[1] == node else []
        assert len(found) == 4
        return found


@pytest.fixture(scope="module")
def one_place(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("restart"), stack)


@pytest.fixture
def place(one_place):
    one_place.wait_for_all()
    one_place.restarts.done.clear()
    return one_place


def test_all_nodes_restart_under_load_and_no_request_fails(place, figure):
    lists = [place.fleet.whole("lake", place.keys[at:] + place.keys[:at]) for at in (0, 20)]
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(place.fleet.store, ThroughHAProxy(haproxy), lists, 0.005))
                 for haproxy in place.haproxys]
        for load in loads:
            wait_until(load.more(100), "load")
        code, said, errors = place.run()
        for load in loads:
            wait_until(load.more(100), "load goes on")
    assert (code, errors) == (0, []), (said, errors)
    assert place.restarts.done == ["n1", "n2", "n3"]
    steps = ["drain", f"run: {place.restarts.command}", "wait until it is ready", "done"]
    assert said == [f"{name}: {step}" for name in ("n1", "n2", "n3") for step in steps] + ["all done"]
    assert [load.faults() for load in loads] == [[], []]
    slowest = max(one.seconds for load in loads for one in load.done)
    figure("F5 rolling-restart of 3 nodes behind 2 HAProxys",
           f"{sum(len(load.done) for load in loads)} reads, 0 failures, the slowest read {slowest:.2f} s")
    assert place.states("n3") == ["UP"] * 4


def test_a_dry_run_changes_nothing(place):
    code, said, errors = place.run("--dry-run")
    assert (code, errors, place.restarts.done) == (0, [], [])
    assert said[:2] == ["n1: drain", f"n1: would run: {place.restarts.command}"] and len(said) == 7


def test_a_command_that_fails_is_the_last_one(place):
    code, said, errors = place.run(command="test $NODE != n2 || exit 3")
    assert code == 1
    assert said[-2:] == ["n2: drain", "n2: run: test $NODE != n2 || exit 3"]
    assert errors[0] == "n2: the command failed" and errors[1].startswith("n2 is still in state drain")
    assert place.states("n2") == ["DRAIN"] * 4 and place.states("n3") == ["UP"] * 4
    for haproxy in place.haproxys:
        for backend in ("nodes", "s3nodes"):
            haproxy.command(f"set server {backend}/n2 state ready")


def test_a_node_that_does_not_come_back_is_the_last_one(place):
    node = place.fleet.nodes[0]
    code, _, errors = place.run("--ready", "4", command=f"kill -9 {node.process.pid}")
    try:
        assert (code, errors[0]) == (1, "n1 is not ready after 4 s")
        code, _, errors = place.run()
        assert (code, errors) == (1, ["n1 is not up; nothing was done to it"])
        assert place.restarts.done == []
    finally:
        node.start()
        for haproxy in place.haproxys:
            for backend in ("nodes", "s3nodes"):
                haproxy.command(f"set server {backend}/n1 state ready")


def test_a_request_that_does_not_end_keeps_its_node(place):
    place.fleet.store.put("lake", "long", size=64 * MIB)
    with socket.create_connection(("127.0.0.1", place.haproxys[1].port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.sendall(f"GET /fetch/lake/long HTTP/1.1\r\nHost: x\r\nRange: bytes=0-{(64 << 20) - 1}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 206"
        counts = place.haproxys[1].counts("current_sessions")
        owner = next(name for name, count in counts.items() if count)
        code, _, errors = place.run("--wait", "2", "--node", owner)
        assert (code, errors) == (1, [f"{owner} still has requests after 2 s; it takes requests again"])
        assert place.states(owner) == ["UP"] * 4 and place.restarts.done == []


def test_a_script_that_is_ended_says_which_node_is_out(place):
    words = [_SCRIPT, "--socket", place.folder / "first.sock", "--node", "n1", "sleep 2"]
    script = subprocess.Popen(words, text=True, stderr=subprocess.PIPE)
    wait_until(lambda: place.states("n1").count("DRAIN") == 2, "the node is taken out")
    script.terminate()
    errors = script.communicate(timeout=30)[1]
    assert script.returncode == 1 and "n1 is still in state drain" in errors
    for backend in ("nodes", "s3nodes"):
        place.haproxys[0].command(f"set server {backend}/n1 state ready")


def test_two_runs_do_not_take_two_nodes_out(place):
    place.haproxys[1].command("set server s3nodes/n3 state drain")
    try:
        code, said, errors = place.run("--node", "n1")
        assert (code, said) == (1, []) and place.states("n1") == ["UP"] * 4
        assert errors == ["another node is in state drain, perhaps by another run; nothing was done to n1"]
    finally:
        place.haproxys[1].command("set server s3nodes/n3 state ready")


def test_a_script_that_nobody_reads_says_which_node_is_out(place):
    gate = place.folder / "gate"
    os.mkfifo(gate)
    held = os.open(gate, os.O_RDWR)
    words = [_SCRIPT, "--socket", place.folder / "first.sock", "--node", "n1", f"head -c 1 <{gate}"]
    script = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert script.stdout.readline().endswith("n1: drain\n")
    script.stdout.close()
    os.write(held, b"x")  # the command ends, if the script has come so far
    errors = script.communicate(timeout=60)[1]
    os.close(held)
    assert script.returncode == 1 and "n1 is still in state drain" in errors
    for backend in ("nodes", "s3nodes"):
        place.haproxys[0].command(f"set server {backend}/n1 state ready")


def test_the_last_node_is_not_taken_out(place):
    for name in ("n1", "n3"):
        place.haproxys[1].command(f"set server nodes/{name} state maint")
    try:
        code, _, errors = place.run("--node", "n2")
        assert (code, errors) == (1, ["no other node is up beside n2; nothing was done to it"])
    finally:
        for name in ("n1", "n3"):
            place.haproxys[1].command(f"set server nodes/{name} state ready")


@pytest.mark.parametrize("words, code, text", [
    ([], 2, "usage: "), (["--wait"], 2, "usage: "), (["--wait", "x", "true"], 2, "usage: "), (["a", "b"], 2, "usage: "),
    (["--unknown", "true"], 2, "usage: "), (["--wait", "", "true"], 2, "usage: "), (["--wait", "08", "true"], 2, "usage: "),
    (["--ready", "9" * 30, "true"], 2, "usage: "), (["--node", "", "true"], 2, "usage: "),
    (["--node", "n1 n2", "true"], 2, "usage: "), (["--socket", "", "true"], 2, "usage: "),
    (["--socket", "/a b", "true"], 2, "usage: "), (["--socket", "/a,retry=9", "true"], 2, "usage: "),
    (["--socket", "/nowhere/admin.sock", "true"], 1, "a stats socket does not answer"),
    (["--socket", "127.0.0.1:1", "true"], 1, "a stats socket does not answer")])
def test_wrong_words(words, code, text):
    done = subprocess.run([_SCRIPT, *words], text=True, capture_output=True, timeout=30)
    assert done.returncode == code and text in done.stderr and done.stdout == ""


@pytest.mark.parametrize("name", ["n9", "n.", "1"])
def test_an_unknown_node(place, name):
    code, said, errors = place.run("--node", name)
    assert (code, said, errors, place.restarts.done) == (1, [], [f"no server is named {name}"], [])
