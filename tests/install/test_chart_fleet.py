"""The chart's HAProxy text with real nodes behind: one owner a key, and what happens when nodes end and return."""

import contextlib
import http.client
import re
import shutil
import signal
import sys
import threading

import chart
import pytest
from fleet import Node, free_ports, get, servers_up, start_haproxy, wait_until
from pod_names import PodNames

sys.path.insert(0, str(chart.ROOT / "tests" / "origin"))

from content import content  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs Debian's haproxy")
_OBJECTS = 150
_SIZE = 4096
_GIB = 1 << 30


class Fleet:
    """Three nodes in front of a scripted store, HAProxy in front of them."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.names = stack.enter_context(PodNames())
        self.store = stack.enter_context(ScriptedOrigin())
        self.port, self.s3_port, self.admin_port, metrics_port = free_ports(4)
        self.values = {
            "listen": "127.0.0.1", "port": self.port, "memory": "256MiB", "metrics": {"port": metrics_port},
            "s3": {"enabled": True, "open": True, "port": self.s3_port, "revalidate": ["*=never"]},
            "haproxy": {"adminPort": self.admin_port, "resolvers": [self.names.address]},
            "drain": {"delay": 6, "timeout": 10},
            "extraArgs": ["--hedge-quantile=0"]}  # no second request to the store when this machine is slow
        rendered = chart.render(self.values)
        self.text = rendered.haproxy_text
        self.nodes = [Node.of_pod(f"cachey-{at}", rendered.node, self.store.environment(), folder) for at in range(3)]
        for node in self.nodes:
            stack.callback(lambda node=node: node.process and node.process.kill())
            self.start(node)
        self.haproxy = stack.enter_context(start_haproxy(self.text, folder))
        self.objects = [f"part {at:03}/ü.bin" for at in range(_OBJECTS)]
        for at, key in enumerate(self.objects):
            self.store.put("lake", key, size=_SIZE, seed=at)

    def host(self, node):
        return f"{node.name}.cachey-nodes.cachey.svc.cluster.local"

    def start(self, node):
        self.names.addresses[self.host(node)] = node.start().address

    def servers_up(self):
        return servers_up(self.admin_port)

    def retries(self, node):
        """How often HAProxy has tried a request again because of a node."""
        text = get("127.0.0.1", self.admin_port, "/metrics")[1].decode()
        pattern = rf'^haproxy_server_retry_warnings_total.*proxy="nodes",server="{node.name}".* (\d+)$'
        return int(re.search(pattern, text, re.MULTILINE)[1])

    def target(self, key):
        return "/fetch/lake/" + key.replace(" ", "%20").replace("ü", "%C3%BC")

    def read(self, at, port=None, target=None):
        key = self.objects[at]
        answer = get("127.0.0.1", port or self.port, target or self.target(key), {"Range": f"bytes=0-{_SIZE - 1}"})
        assert answer == (206, content(at, 0, _SIZE)), answer[0]

    def read_all(self, port=None):
        for at in range(_OBJECTS):
            self.read(at, port)

    def holders(self):
        """The names of the nodes that have each object."""
        return {key: [node.name for node in self.nodes if node.process.alive() and node.has(self.target(key))]
                for key in self.objects}

    def owners(self):
        """The node that has each object; fails if two have one."""
        found = self.holders()
        assert {key: names for key, names in found.items() if len(names) != 1} == {}
        return {key: names[0] for key, names in found.items()}

    def downloads(self):
        return sum(record.method == "GET" for record in self.store.requests("lake"))

    @contextlib.contextmanager
    def load(self):
        """Four clients read all objects in turn. Afterwards: each answer was right."""
        over, faults, count = threading.Event(), [], [0] * 4

        def run(number):
            at = number
            while not over.is_set():
                try:
                    self.read(at % _OBJECTS)
                    count[number] += 1
                except (AssertionError, OSError) as error:
                    faults.append((self.objects[at % _OBJECTS], repr(error)))
                at += 1

        threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield count
        finally:
            over.set()
            for thread in threads:
                thread.join(60)
        assert sum(count) > 0 and faults == []


@pytest.fixture(scope="module")
def one_fleet(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Fleet(tmp_path_factory.mktemp("fleet"), stack)


@pytest.fixture
def fleet(one_fleet):
    """The fleet of all tests of this file; all nodes run, whatever a failed test has left."""
    for node in one_fleet.nodes:
        if not node.process.alive():
            one_fleet.start(node)
    for backend in ("nodes", "s3nodes"):
        wait_until(lambda: servers_up(one_fleet.admin_port, backend) == 3, "HAProxy finds all nodes")
    return one_fleet


def test_reads_spread_and_each_object_is_fetched_once(fleet):
    fleet.read_all()
    fleet.read_all()
    owners = fleet.owners()
    assert fleet.downloads() == _OBJECTS
    assert min(list(owners.values()).count(node.name) for node in fleet.nodes) > _OBJECTS / 3 * 0.6


def test_s3_clients_meet_the_pages_of_fetch(fleet):
    for at in range(0, _OBJECTS, 5):
        fleet.read(at, fleet.s3_port, fleet.target(fleet.objects[at]).removeprefix("/fetch"))
    assert fleet.downloads() == _OBJECTS


@contextlib.contextmanager
def sidecar(fleet):
    """A second HAProxy over the same nodes, with its server lines in another order: (process, port)."""
    port, s3_port, admin_port = free_ports(3)
    text = chart.render(fleet.values | {"haproxy": fleet.values["haproxy"] | {"mode": "sidecar"}}).haproxy_text
    for old, new in ((fleet.port, port), (fleet.s3_port, s3_port), (fleet.admin_port, admin_port)):
        text = text.replace(f"bind 127.0.0.1:{old}", f"bind 127.0.0.1:{new}")
    lines = text.splitlines()
    at = next(at for at, line in enumerate(lines) if " cachey-0 " in line)
    lines[at], lines[at + 2] = lines[at + 2], lines[at]
    with start_haproxy("\n".join(lines) + "\n", fleet.folder, "sidecar") as process:
        wait_until(lambda: servers_up(admin_port) == 3, "the second HAProxy finds nodes")
        yield process, port


def test_another_haproxy_finds_the_same_owners(fleet):
    with sidecar(fleet) as (_, port):
        fleet.read_all(port)
    assert fleet.downloads() == _OBJECTS


def test_a_haproxy_that_ends_answers_on_open_connections(fleet):
    headers = {"Range": f"bytes=0-{_SIZE - 1}"}
    with sidecar(fleet) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", fleet.target(fleet.objects[0]), headers=headers)
        assert connection.getresponse().read() == content(0, 0, _SIZE)
        process.terminate(signal.SIGUSR1)  # what the image of HAProxy names as its signal to stop

        def closed():
            try:
                get("127.0.0.1", port, "/readyz")
            except ConnectionRefusedError:
                return True
            return False

        wait_until(closed, "HAProxy takes no new connections")
        connection.request("GET", fleet.target(fleet.objects[1]), headers=headers)
        answer = connection.getresponse()
        assert answer.read() == content(1, 0, _SIZE) and answer.getheader("Connection") == "close"
        connection.close()
        assert process.code() == 0


def test_a_large_object_spreads_by_gib(fleet):
    fleet.store.put("lake", "tb", size=1024 * _GIB, seed=7)
    for gib in range(0, 1024, 16):
        first = gib * _GIB + 5
        headers = {"Range": f"bytes={first}-{first + 9}", "C0-Exact": "true"}
        answer = get("127.0.0.1", fleet.port, "/fetch/lake/tb", headers)
        assert answer == (206, content(7, first, 10))
    shares = [0, 0, 0]
    for at in range(5, 1024 * _GIB, 16 * _GIB):
        headers = {"Range": f"bytes={at}-{at}", "C0-Exact": "true", "Cache-Control": "only-if-cached"}
        for number, node in enumerate(fleet.nodes):
            shares[number] += get(node.address, fleet.port, "/fetch/lake/tb", headers)[0] == 206
    assert sum(shares) == 64 and min(shares) > 8, shares


def test_a_killed_node_moves_its_keys_alone_and_gets_them_back(fleet):
    fleet.read_all()
    before, lost = fleet.owners(), fleet.nodes[1]
    downloads = fleet.downloads()
    with fleet.load() as count:
        wait_until(lambda: sum(count) > 100, "load")
        lost.process.kill()
        del fleet.names.addresses[fleet.host(lost)]  # as the name of a deleted pod ends
        wait_until(lambda: fleet.servers_up() == 2, "HAProxy notices the end")
        reads = sum(count)
        wait_until(lambda: sum(count) > reads + 100, "load goes on")
    assert fleet.retries(lost) > 0
    fleet.read_all()
    holders = fleet.holders()
    moved = [key for key in fleet.objects if before[key] == lost.name]
    assert [key for key in fleet.objects if key not in moved and holders[key] != [before[key]]] == []
    assert all(holders[key] for key in moved)
    # A request that was tried elsewhere before the checks noticed the end may have gone to a third node.
    assert len(moved) <= fleet.downloads() - downloads <= len(moved) + 10
    fleet.start(lost)  # at another address
    with fleet.load() as count:
        wait_until(lambda: fleet.servers_up() == 3, "HAProxy finds the new address")
        reads = sum(count)
        wait_until(lambda: sum(count) > reads + 100, "load goes on")
    fleet.read_all()
    for key in fleet.objects:
        assert lost.has(fleet.target(key)) == (before[key] == lost.name), key


def test_a_node_that_drains_fails_no_request(fleet):
    node = fleet.nodes[2]
    with fleet.load() as count:
        wait_until(lambda: sum(count) > 100, "load")
        node.process.terminate()
        wait_until(lambda: fleet.servers_up() == 2, "HAProxy sees that the node drains", 6)
        assert node.process.alive()
        reads = sum(count)
        assert node.process.code() == 0
        assert sum(count) > reads
    assert fleet.retries(node) == 0  # no client waited for a second attempt
    fleet.start(node)
    wait_until(lambda: fleet.servers_up() == 3, "the node is back")


def test_a_name_server_that_is_silent_changes_nothing(fleet):
    fleet.names.silent = True
    with fleet.load() as count:
        wait_until(lambda: sum(count) > 1000, "load")
    fleet.names.silent = False
    assert fleet.servers_up() == 3


def test_no_node_is_ready(tmp_path):
    port, admin_port, metrics_port = free_ports(3)
    with PodNames() as names:
        text = chart.render({"listen": "127.0.0.1", "port": port, "metrics": {"port": metrics_port},
                             "haproxy": {"adminPort": admin_port, "resolvers": [names.address]}}).haproxy_text
        with start_haproxy(text, tmp_path):
            def answers():
                with contextlib.suppress(OSError):
                    return get("127.0.0.1", admin_port, "/healthz")[0] == 200
                return False
            wait_until(answers, "HAProxy starts without a node")
            assert get("127.0.0.1", admin_port, "/readyz")[0] == 503
            assert get("127.0.0.1", port, "/fetch/a/b", {"Range": "bytes=0-0"})[0] == 503


def test_nodes_of_another_zone_take_over_with_one_owner_a_key(tmp_path):
    port, admin_port, metrics_port = free_ports(3)
    hosts = [f"cachey-b-{at}.cachey-b-nodes.cachey.svc.cluster.local" for at in range(2)]
    with contextlib.ExitStack() as stack:
        names, store = stack.enter_context(PodNames()), stack.enter_context(ScriptedOrigin())
        rendered = chart.render({
            "listen": "127.0.0.1", "port": port, "memory": "256MiB", "replicas": 1, "metrics": {"port": metrics_port},
            "haproxy": {"adminPort": admin_port, "resolvers": [names.address], "backups": hosts},
            "extraArgs": ["--hedge-quantile=0"]})
        nodes = [Node.of_pod(name, rendered.node, store.environment(), tmp_path) for name in ("cachey-0", "b-0", "b-1")]
        for node, host in zip(nodes, ["cachey-0.cachey-nodes.cachey.svc.cluster.local", *hosts]):
            stack.callback(lambda node=node: node.process and node.process.kill())
            names.addresses[host] = node.start().address
        stack.enter_context(start_haproxy(rendered.haproxy_text, tmp_path))

        def owners():
            for target in targets:
                assert get("127.0.0.1", port, target, {"Range": "bytes=0-99"})[0] == 206
            return [[node.name for node in nodes if node.process.alive() and node.has(target)] for target in targets]

        targets = [f"/fetch/lake/{at}" for at in range(30)]
        for at in range(30):
            store.put("lake", str(at), size=100, seed=at)
        wait_until(lambda: servers_up(admin_port) == 3, "HAProxy finds the nodes of both zones")
        assert owners() == [["cachey-0"]] * 30
        nodes[0].process.kill()
        wait_until(lambda: servers_up(admin_port) == 2, "HAProxy notices the end of the zone's node")
        found = owners()
        assert all(len(names) == 1 for names in found) and {name for names in found for name in names} == {"b-0", "b-1"}
