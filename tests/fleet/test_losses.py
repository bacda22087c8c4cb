"""A node that is killed under load: what fails, what is fetched again, and that the node's return costs nothing."""

import contextlib
import threading
import time

import pytest
from fleet import LONG, wait_until
from load import Load, Wanted, read_lists, read_one
from nodes import KIB, MIB, Fleet
from origin_model import Behaviour, Gate
from ways import WAYS, make_way

_SMALL, _LARGE = 240, 12  # objects
_KILLS = 12 if LONG else 2


class Scene:
    """Four nodes that have all objects, and clients of small and of large ones."""

    def __init__(self, way, folder, stack):
        self.fleet = Fleet(folder, stack, 4)
        # Without hedges, which fetch a page at a second node too.
        self.way = make_way(way, folder, self.fleet.nodes, stack, **{} if way == "haproxy" else {"hedge_budget": 0})
        self.small = self.fleet.put_many("lake", _SMALL, [100, 4 * KIB, 60 * KIB])
        self.large = self.fleet.put_many("large", _LARGE, [8 * MIB], "large")
        every = [self.fleet.whole("lake", self.small), self.fleet.whole("large", self.large)]
        assert [one for one in read_lists(self.fleet.store, self.way, every) if one.fault] == []
        self.lists = [whole[at * step:] + whole[:at * step]
                      for whole, step, clients in ((every[0], 31, 4), (every[1], 3, 3)) for at in range(clients)]

    def owners(self):
        return self.fleet.owners("lake", self.small) | self.fleet.owners("large", self.large)

    def load(self):
        return Load(self.fleet.store, self.way, self.lists, 0.005)

    def downloads(self):
        return self.fleet.store.downloads("lake") + self.fleet.store.downloads("large")


@pytest.fixture(scope="module", params=WAYS)
def scene_of_all(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Scene(request.param, tmp_path_factory.mktemp("losses"), stack)


@pytest.fixture
def scene(scene_of_all):
    """All nodes run, whatever a failed test has left."""
    yield scene_of_all
    for node in scene_of_all.fleet.nodes:
        if not node.alive():
            node.start()
    scene_of_all.way.sees(4)


def test_kill_9_under_load_fails_bodies_on_their_way_alone(scene, figure):
    owners, lost, broken, slowest, reads = scene.owners(), set(), 0, 0.0, 0
    for number in range(_KILLS):
        victim = scene.fleet.nodes[number % 4]
        before = scene.downloads()
        with scene.load() as load:
            wait_until(load.more(200), "load")
            victim.process.kill()
            killed = time.monotonic()
            scene.way.sees(3)
            wait_until(load.more(200), "load goes on")
        for one in load.faults():
            assert one.fault == "cut" and owners[one.wanted.key] == victim.name and one.begun < killed, one
        assert load.faults() == [] or not scene.way.resumes
        more = scene.downloads() - before
        lost |= {key for key in owners if owners[key] == victim.name}
        assert {key for key, _ in more} <= lost and set(more.values()) <= {1, 2}
        broken += len(load.faults())
        reads += len(load.done)
        slowest = max([slowest, *(one.seconds for one in load.done)])
        with scene.load() as load:
            victim.start()
            scene.way.sees(4)
            wait_until(load.more(200), "load goes on")
        assert load.faults() == []
        assert [one for one in read_lists(scene.fleet.store, scene.way, scene.lists[3:5]) if one.fault] == []
    figure(f"F4 {scene.way.name}, kill -9", f"{_KILLS} kills, {reads} reads: {broken} bodies broke off, 0 other failures, 0 wrong "
                                            f"bytes; the slowest read {slowest:.2f} s")


def test_a_body_that_is_on_its_way_from_a_killed_node(scene):
    store, gate = scene.fleet.store, Gate()
    store.put("large", "held.bin", size=32 * MIB)
    with contextlib.closing(scene.way.reader()) as reader:
        assert read_one(store, reader, Wanted("large", "held.bin", 0, 100)).fault is None
    victim = next(node for node in scene.fleet.nodes if node.name in scene.fleet.holders("large", "held.bin"))
    store.behave("large", "held.bin", Behaviour(times=1, stall_at=24 * MIB, stall_gate=gate))
    sent = scene.fleet.metric(victim, "cachey_egress_bytes_total")
    done = []

    def read():
        with contextlib.closing(scene.way.reader()) as reader:
            done.append(read_one(store, reader, Wanted("large", "held.bin", 16 * MIB, 16 * MIB)))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    wait_until(lambda: any(record.held for record in store.requests("large", "held.bin")), "the store holds the body back")
    wait_until(lambda: scene.fleet.metric(victim, "cachey_egress_bytes_total") > sent + MIB, "the client has a part of the body")
    victim.process.kill()
    thread.join(30)
    gate.release()
    assert [one.fault for one in done] == [None if scene.way.resumes else "cut"]
    victim.start()
    scene.way.sees(4)
