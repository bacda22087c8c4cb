"""A node that hangs: its connections stay open, it takes new ones, and it says nothing."""

import contextlib
import re
import signal
import time

import pytest
from fleet import LONG, wait_until
from load import Load, read_lists
from nodes import KIB, MIB, Fleet
from ways import WAYS, make_way

_SERVER_TIMEOUT = 20 if LONG else 4  # seconds, of HAProxy; 20 in the shipped file
_MOST = {"haproxy": _SERVER_TIMEOUT + 3, "client": 6, "redirect": 10}
"""Seconds of the slowest read."""


def impatient(text):
    """The text with another `timeout server`: so long waits a request that has reached the node."""
    assert "    timeout server 20s\n" in text
    return text.replace("    timeout server 20s\n", f"    timeout server {_SERVER_TIMEOUT}s\n")


@pytest.mark.parametrize("name", WAYS)
def test_a_node_that_hangs(name, tmp_path, figure):
    with contextlib.ExitStack() as stack:
        fleet = Fleet(tmp_path, stack, 3)
        way = make_way(name, tmp_path, fleet.nodes, stack, **{"change": impatient} if name == "haproxy" else {})
        every = [fleet.whole("lake", fleet.put_many("lake", 100, [100, 20 * KIB])),
                 fleet.whole("large", fleet.put_many("large", 9, [4 * MIB], "large"))]
        assert [one for one in read_lists(fleet.store, way, every) if one.fault] == []
        lists = [every[0][at * 17:] + every[0][:at * 17] for at in range(4)] + [every[1][at * 3:] + every[1][:at * 3] for at in range(2)]
        with Load(fleet.store, way, lists, 0.005) as load:
            wait_until(load.more(300), "load")
            hung = time.monotonic()
            fleet.nodes[1].process.terminate(signal.SIGSTOP)
            wait_until(lambda: way.up() == 2, "the node is seen as down", 40)
            seen = time.monotonic() - hung
            wait_until(load.all_began_after(hung + seen), "the reads of that time end", 60)
            fleet.nodes[1].process.terminate(signal.SIGCONT)
            wait_until(lambda: way.up() == 3, "the node is back", 40)
            wait_until(load.more(300), "load goes on")
        slowest = {kind: max(one.seconds for one in load.done if one.wanted.kind == kind) for kind in ("lake", "large")}
    figure(f"F6 {name}, a node hangs", f"seen as down after {seen:.2f} s, {len(load.done)} reads, {len(load.faults())} failures, the "
                                       f"slowest read {slowest['lake']:.2f} s, of 4 MiB {slowest['large']:.2f} s")
    # A body that had begun breaks off: no proxy can send the rest.
    assert [one for one in load.faults() if way.resumes or one.fault != "cut" or one.begun > hung] == []
    assert max(slowest.values()) < _MOST[name]
