"""A machine that vanishes from the network without a packet, and a network that loses packets."""

import contextlib
import subprocess
import time

import pytest
from fleet import wait_until
from hosts import Hosts, Unavailable
from load import Load, read_lists
from nodes import KIB, Fleet
from ways import WAYS, make_way

_OBJECTS = 120
_LOSS = 0.02
_MOST_SECONDS = 5  # of a read that is at the machine; the goal is 2.5


class Scene:
    """Three machines with a node each; the clients, HAProxy and the store are elsewhere."""

    def __init__(self, way, folder, stack, hosts):
        self.fleet = Fleet(folder, stack, 0)
        self.machines = [hosts.add() for _ in range(3)]
        for machine in self.machines:
            self.fleet.store.listen_also(machine.listener(self.fleet.store.port))
            self.fleet.add(under=machine.words, address=machine.address)
        self.way = make_way(way, folder, self.fleet.nodes, stack)
        self.keys = self.fleet.put_many("lake", _OBJECTS, [100, 20 * KIB, 60 * KIB])
        self.wanted = self.fleet.whole("lake", self.keys)
        self.read_all()

    def read_all(self):
        assert [one for one in read_lists(self.fleet.store, self.way, [self.wanted]) if one.fault] == []

    def load(self):
        return Load(self.fleet.store, self.way, [self.wanted[at * 17:] + self.wanted[:at * 17] for at in range(6)], 0.005)


@pytest.fixture(params=WAYS)
def scene(request, tmp_path):
    with contextlib.ExitStack() as stack:
        try:
            hosts = stack.enter_context(Hosts())
        except Unavailable as error:
            pytest.skip(f"no network namespaces: {error}")
        yield Scene(request.param, tmp_path, stack, hosts)


def test_a_machine_that_vanishes(scene, figure):
    victim, name = scene.machines[1], scene.fleet.nodes[1].name
    with scene.load() as load:
        wait_until(load.more(200), "load")
        gone = time.monotonic()
        victim.vanish()
        wait_until(lambda: scene.way.up() == 2, f"{name} is seen as down", 20)
        seen = time.monotonic() - gone
        wait_until(load.all_began_after(gone + seen), "the reads of that time end", 90)
        wait_until(load.more(600), "load goes on", 30)
        victim.come_back()
        wait_until(lambda: scene.way.up() == 3, f"{name} is back", 20)
        wait_until(load.more(300), "load goes on")
    slowest = max(one.seconds for one in load.done)
    figure(f"F6 {scene.way.name}, a machine vanishes",
           f"seen as down after {seen:.2f} s, {len(load.done)} reads, {len(load.faults())} failures, the slowest read "
           f"{slowest:.2f} s")
    # A body that had begun breaks off: no proxy can send the rest.
    assert [one for one in load.faults() if scene.way.resumes or one.fault != "cut" or one.begun > gone] == []
    assert seen < 4 and slowest < _MOST_SECONDS


def test_a_network_that_loses_packets(scene, figure):
    for machine in scene.machines:
        try:
            machine.loses(_LOSS)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no iptables with statistics: {error}")
    with scene.load() as load:
        wait_until(load.more(1000), "load", 60)
    figure(f"F6 {scene.way.name}, {_LOSS:.0%} of packets are lost",
           f"{len(load.done)} reads, {len(load.faults())} failures, the slowest {max(one.seconds for one in load.done):.2f} s")
    assert load.faults() == []
    scene.way.sees(3)
