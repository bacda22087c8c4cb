"""deploy/haproxy/haproxy.cfg: what removed, returned and new nodes change on the ring (deploy/haproxy/README.md)."""

import collections
import contextlib
import random
import re
import subprocess

import pytest
from balancer import HAProxy
from fleet import ROOT
from nodes import Fleet
from owners import owners, told

_MANY = [f"/fetch/lake/part-{at:05}.parquet" for at in range(4000)]
_TARGETS = _MANY[:2000]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(folder, five nodes)."""
    folder = tmp_path_factory.mktemp("ring")
    with contextlib.ExitStack() as stack:
        yield folder, Fleet(folder, stack, 5, memory="64MiB").nodes


def ids(nodes):
    """Each node with the id of its name: n1 has 101."""
    return [(node, 100 + int(node.name[1:])) for node in nodes]


def owners_by(folder, nodes, name, change=told, targets=_TARGETS):
    with HAProxy(folder, nodes, name=name, change=change) as haproxy:
        return owners(haproxy.port, targets)


def moved(before, after):
    return {target for target in _TARGETS if before[target] != after[target]}


def of(owner_of, name):
    return {target for target in _TARGETS if owner_of[target] == name}


def test_keys_of_a_removed_node_move_alone_and_come_back(place, figure):
    folder, nodes = place
    with HAProxy(folder, ids(nodes[:4]), name="lost", change=told) as haproxy:
        before = owners(haproxy.port, _TARGETS)
        haproxy.command("set server nodes/n3 state maint")
        haproxy.wait_for(3)
        without = owners(haproxy.port, _TARGETS)
        haproxy.command("set server nodes/n3 state ready")
        haproxy.wait_for(4)
        assert owners(haproxy.port, _TARGETS) == before
    assert moved(before, without) == of(before, "n3")
    assert len(of(before, "n3")) / len(_TARGETS) <= 1 / 4 + 0.03
    assert owners_by(folder, ids([*nodes[:2], nodes[3]]), "file") == without
    figure("F2 a removed node, of 4", f"{len(of(before, 'n3')) / len(_TARGETS):.3f} of the keys move, of others' keys 0")


def readme_block():
    text = (ROOT / "deploy" / "haproxy" / "README.md").read_text()
    return re.search(r"```sh\n(echo 'add server.*?)```", text, re.DOTALL)[1]


def test_a_node_that_the_socket_adds_takes_its_share_as_one_in_the_file_does(place, figure):
    folder, nodes = place
    new = nodes[3]
    with HAProxy(folder, ids(nodes[:3]), name="joined", change=told) as haproxy:
        before = owners(haproxy.port, _TARGETS)
        commands = readme_block().replace("10.0.0.4:8080", f"{new.address}:{new.port}")
        assert new.address in commands
        shown = subprocess.run(["sh", "-euc", commands.replace("/run/haproxy/admin.sock", str(folder / "joined.sock"))],
                               check=True, text=True, capture_output=True)
        assert "New server registered" in shown.stdout, shown
        haproxy.wait_for(4)
        after = owners(haproxy.port, _TARGETS)
    assert moved(before, after) == of(after, "n4")
    share = len(of(after, "n4")) / len(_TARGETS)
    assert 1 / 4 - 0.05 <= share <= 1 / 4 + 0.03
    assert owners_by(folder, ids(nodes[:4]), "four") == after
    figure("F2 a new node, the fourth", f"{share:.3f} of the keys move, all to the new node")


def test_without_ids_most_moved_keys_are_of_other_nodes(place, figure):
    folder, nodes = place

    def without_ids(text):
        changed = re.sub(r" id \d+", "", told(text))
        assert changed.count(" id ") == 0
        return changed

    before = owners_by(folder, nodes[:4], "no-ids", without_ids)
    after = owners_by(folder, [nodes[0], *nodes[2:4]], "without-n2", without_ids)
    gone = moved(before, after)
    others = gone - of(before, "n2")
    assert len(gone) / len(_TARGETS) > 1 / 4 + 0.1 and len(others) / len(_TARGETS) > 0.1
    figure("F2 a removed node, of 4, without ids",
           f"{len(gone) / len(_TARGETS):.3f} of the keys move, {len(others) / len(_TARGETS):.3f} are others' keys")


def test_all_haproxys_with_the_same_ids_agree(place):
    folder, nodes = place
    shuffled = ids(nodes)
    random.Random(8).shuffle(shuffled)
    assert shuffled != ids(nodes)
    first = owners_by(folder, ids(nodes), "one", targets=_MANY)
    assert owners_by(folder, shuffled, "shuffled", targets=_MANY) == first
    counts = collections.Counter(first.values())
    assert len(counts) == 5 and max(counts.values()) / (len(_MANY) / 5) <= 1.25, counts


def test_a_machine_with_a_new_address_keeps_the_keys_of_its_id(place):
    folder, nodes = place
    first = owners_by(folder, ids(nodes[:3]), "old-address")
    replaced = owners_by(folder, [*ids(nodes[:2]), (nodes[4], 103)], "new-address")
    assert {target: "n3" if name == "n5" else name for target, name in replaced.items()} == first

