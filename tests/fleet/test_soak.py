"""Random ranges through HAProxy, which splices bodies, and by the client: every byte is compared."""

import contextlib
import random
import re

import pytest
from fleet import LONG
from load import Wanted, read_lists
from nodes import MIB, Fleet
from ways import WAYS, make_way

_READS = 100_000 if LONG else 2000
_CLIENTS = 6
_OBJECT, _OBJECTS = 40 * MIB, 8


@pytest.fixture(scope="module", params=WAYS)
def scene(request, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        fleet = Fleet(tmp_path_factory.mktemp("soak"), stack, 3, memory="512MiB")
        yield fleet, make_way(request.param, fleet.folder, fleet.nodes, stack)


def ranges(keys, seed):
    """Ranges of all lengths up to 8 MiB, as many below as above any power of two."""
    chance = random.Random(seed)
    while True:
        length = int(2 ** chance.uniform(0, 23))
        yield Wanted("large", chance.choice(keys), chance.randrange(_OBJECT - length), length)


def spliced(haproxy):
    return int(re.search(r"^TotalSplicd?edBytesOut: (\d+)", haproxy.command("show info"), re.MULTILINE)[1])


def test_every_byte_of_random_ranges(scene, figure):
    fleet, way = scene
    keys = fleet.put_many("large", _OBJECTS, [_OBJECT])
    lists = [[one for one, _ in zip(ranges(keys, seed), range(_READS // _CLIENTS))] for seed in range(_CLIENTS)]
    done = read_lists(fleet.store, way, lists)
    volume = sum(one.wanted.length for one in done)
    assert [one for one in done if one.fault] == []
    text = f"{len(done)} reads, {volume / 1e9:.1f} GB, 0 mismatches"
    if way.name == "haproxy":
        share = spliced(way.haproxy) / volume
        text += f", {share:.0%} of the bytes spliced"
        assert share > 0.5
    figure(f"F11 {way.name}", text)
