"""Nodes that leave, drain, restart and join under load: no read fails, and how long reads take meanwhile."""

import contextlib
import time

import pytest
from fleet import LONG, wait_until
from load import Load, quantile, read_lists
from nodes import KIB, Fleet
from ways import WAYS, make_way

pytestmark = pytest.mark.alone
_WAYS = WAYS if LONG else WAYS[:2]
_OBJECTS = 300
_CLIENTS = 8
_PAUSE = 0.005  # between two reads of a client: the load leaves this machine some room
_DRAIN_DELAY = 3


class Scene:
    """Four nodes with disks that have all objects, and clients that read them in turn."""

    def __init__(self, way, folder, stack, options=()):
        self.fleet = Fleet(folder, stack, 4, disk="64MiB", memory="128MiB", options=options)
        # Without hedges, which fetch a page at a second node too.
        self.way = make_way(way, folder, self.fleet.nodes, stack, **{} if way == "haproxy" else {"hedge_budget": 0})
        self.keys = self.fleet.put_many("lake", _OBJECTS, [100, 4 * KIB, 30 * KIB])
        self.wanted = self.fleet.whole("lake", self.keys)
        self.read_all()

    def read_all(self):
        assert [one for one in read_lists(self.fleet.store, self.way, [self.wanted]) if one.fault] == []

    def load(self):
        lists = [self.wanted[at * 37:] + self.wanted[:at * 37] for at in range(_CLIENTS)]
        return Load(self.fleet.store, self.way, lists, _PAUSE)

    def downloads(self):
        return sum(self.fleet.store.downloads("lake").values())


@pytest.fixture(scope="module", params=_WAYS)
def scene(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Scene(request.param, tmp_path_factory.mktemp("changes"), stack)


@pytest.fixture(scope="module", params=_WAYS)
def slow_leavers(request, tmp_path_factory):
    """The nodes have a --drain-delay."""
    with contextlib.ExitStack() as stack:
        yield Scene(request.param, tmp_path_factory.mktemp("leavers"), stack, ["--drain-delay", _DRAIN_DELAY])


class Times:
    """p99 before and during a change of a load."""

    def __init__(self, load):
        wait_until(load.more(600), "load")
        self._load, self._begun = load, time.monotonic()

    def tell(self, figure, name, more=""):
        """Both, as a figure. During the change at most twice as long, and what a busy machine adds."""
        ended = time.monotonic()
        before, during = (quantile(self._load.between(*times), 0.99) for times in ((0, self._begun), (self._begun, ended)))
        slowest = max(one.seconds for one in self._load.done)
        figure(name, f"{len(self._load.done)} reads, {len(self._load.faults())} failures, p99 {before * 1e3:.0f} ms before, "
                     f"{during * 1e3:.0f} ms during, slowest {slowest * 1e3:.0f} ms{more}")
        assert self._load.faults() == []
        return before, during


def calm(before, during):
    return during <= 2 * before + 0.1


def test_a_node_with_a_drain_delay_that_gets_sigterm(slow_leavers, figure):
    node = slow_leavers.fleet.nodes[1]
    with slow_leavers.load() as load:
        times = Times(load)
        node.process.terminate()
        assert node.process.code() == 0
        wait_until(load.more(200), "load goes on")
        before, during = times.tell(figure, f"F5 {slow_leavers.way.name}, SIGTERM with --drain-delay")
    assert calm(before, during)


def test_a_node_that_is_drained_first(scene, figure):
    node = scene.fleet.nodes[1]
    with scene.load() as load:
        times = Times(load)
        scene.way.leaves(node)
        node.process.terminate()
        assert node.process.code() == 0
        wait_until(load.more(200), "load goes on")
        before, during = times.tell(figure, f"F5 {scene.way.name}, drain, then SIGTERM")
        node.start()
        scene.way.returns(node)
        scene.way.sees(4)
        wait_until(load.more(200), "load goes on")
    assert load.faults() == [] and calm(before, during)


def test_a_restart_with_a_disk(scene, figure):
    """HAProxy's clients wait until the node is back; a read that meets the end of its connection has a try less, so it
    may go to another node. The Client asks other nodes meanwhile, which fetch what they are asked for. The node itself
    has lost nothing."""
    scene.read_all()
    node, before = scene.fleet.nodes[2], scene.downloads()
    scene.fleet.wait_for_disk(node)
    with scene.load() as load:
        times = Times(load)
        node.process.terminate()
        assert node.process.code() == 0
        node.start()
        scene.way.sees(4)
        after = scene.downloads()
        wait_until(load.more(2 * _OBJECTS), "load goes on")
        times.tell(figure, f"F5 {scene.way.name}, restart with a disk", f", {after - before} pages fetched again")
    scene.read_all()
    assert scene.downloads() == after and (after - before <= 2 or scene.way.name != "haproxy")


def test_a_new_node_takes_its_share(scene, figure):
    downloads = scene.downloads()
    with scene.load() as load:
        times = Times(load)
        node = scene.fleet.add()
        scene.way.joins(node)
        scene.way.sees(5)
        wait_until(load.more(2 * _OBJECTS), "load goes on")
        moved = [key for key in scene.keys if node.name in scene.fleet.holders("lake", key)]
        times.tell(figure, f"F5 {scene.way.name}, a new node",
                   f", {len(moved)} of {_OBJECTS} pages moved, {scene.downloads() - downloads} fetched")
    scene.read_all()
    assert scene.downloads() - downloads == len(moved) and 0 < len(moved) <= _OBJECTS * (1 / 5 + 0.05)
