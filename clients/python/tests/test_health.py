"""How long a node is left out."""

import pytest

from cachey_client import health
from cachey_client.health import Health


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(health.time, "monotonic", lambda: now[0])
    return now


def test_a_failed_node_comes_last_until_its_time_is_over_then_one_caller_probes(clock):
    states = Health()
    states.failed("a", "refused")
    assert states.order(["a", "b"]) == ["b", "a"]
    clock[0] += 1.0
    assert states.order(["a", "b"]) == ["a", "b"]  # the probe
    assert states.order(["a", "b"]) == ["b", "a"]
    states.answered("a")
    assert states.order(["a", "b"]) == ["a", "b"]


def test_the_time_doubles_up_to_thirty_seconds(clock):
    states = Health()
    times = []
    for _ in range(8):
        states.failed("a", "refused")
        began = clock[0]
        while states.order(["a", "b"])[0] != "a":
            clock[0] += 0.5
        times.append(clock[0] - began)
    assert times == [1, 2, 4, 8, 16, 30, 30, 30]


def test_failures_at_the_same_time_count_once(clock):
    states = Health()
    for _ in range(50):
        states.failed("a", "refused")
    clock[0] += 1.0
    assert states.order(["a", "b"])[0] == "a"


def test_a_probe_that_never_ends_is_followed_by_another(clock):
    states = Health()
    states.failed("a", "refused")
    clock[0] += 1.0
    assert states.order(["a", "b"])[0] == "a"
    clock[0] += 1.0
    assert states.order(["a", "b"])[0] == "a"


def test_a_node_in_second_place_needs_no_probe(clock):
    states = Health()
    states.failed("b", "refused")
    clock[0] += 5.0
    assert states.order(["a", "b"]) == ["a", "b"]
    assert states.order(["b", "a"]) == ["b", "a"]


def test_the_nodes_that_are_remembered_are_bounded(clock):
    states = Health()
    for i in range(10_000):
        states.failed(f"n{i}", "refused")
    assert len(states._down) <= 4096
