"""cacheyctl against real nodes and a real store."""

import contextlib
import json
import pathlib
import sys

import pytest

_TESTS = pathlib.Path(__file__).resolve().parents[3] / "tests"
sys.path[:0] = [str(_TESTS / "fleet"), str(_TESTS / "origin")]

from fleet import PORT, Node, new_address  # noqa: E402
from nodes import Fleet  # noqa: E402
from small_stores import SmallStore  # noqa: E402

from cachey_client.cli import listing  # noqa: E402

KEYS = [*(f"many/{number:04}" for number in range(1050)), "odd/a b+c", "odd/ü&<x>", "odd/100%25"]
S3_PORT = 9000


@pytest.fixture(scope="module")
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def store(stack, tmp_path_factory):
    """versitygw with KEYS in the bucket `lake`, each of 3 bytes."""
    store = stack.enter_context(SmallStore("versitygw", tmp_path_factory.mktemp("store")))
    store.add_bucket("lake")
    for key in KEYS:
        store.client.put_object(Bucket="lake", Key=key, Body=b"abc")
    return store


def listed(url, endpoint):
    return sorted((entry.kind, entry.key, entry.size) for entry in listing.Listing(url, None, endpoint))


def wanted(prefix):
    return sorted(("lake", key, 3) for key in KEYS if key.startswith(prefix))


@pytest.mark.parametrize("prefix", ["", "many/", "odd/"])
def test_boto3_lists_a_real_store(store, monkeypatch, prefix):
    for name, value in store.settings.items():
        monkeypatch.setenv(name.replace("AWS_REGION", "AWS_DEFAULT_REGION"), value)
    assert listing.has_boto3()
    assert listed(f"s3://lake/{prefix}", None) == wanted(prefix)


@pytest.mark.parametrize("prefix", ["", "odd/"])
def test_without_boto3_cacheys_own_endpoint_lists(store, stack, tmp_path_factory, monkeypatch, prefix):
    monkeypatch.setattr(listing, "has_boto3", lambda: False)
    arguments = ["--origin", "s3", "--listen", "127.0.0.1", "--port", PORT, "--threads", 1, "--memory", "128MiB"]
    arguments += ["--s3api-listen", f"127.0.0.1:{S3_PORT}", "--s3api-open"]
    folder = tmp_path_factory.mktemp("node")
    node = Node("n1", arguments, store.environment(), folder, new_address()).start()
    try:
        assert listed(f"s3://lake/{prefix}", f"http://{node.address}:{S3_PORT}") == wanted(prefix)
    finally:
        node.end()


@pytest.fixture
def fleet(tmp_path):
    with contextlib.ExitStack() as own:
        yield Fleet(tmp_path, own, 3, disk="1GiB")


def names(fleet):
    return ",".join(f"{node.address}:{node.port}" for node in fleet.nodes)


def test_status_of_real_nodes_and_a_dead_one(fleet, run):
    code, out, _ = run("--nodes", names(fleet), "status", "--json")
    states = json.loads(out)["nodes"]
    assert code == 0 and {state["state"] for state in states} == {"ready"}
    assert all(state["stats"]["disk"]["capacity_bytes"] == 1 << 30 for state in states)
    fleet.nodes[1].process.kill()
    code, out, _ = run("--nodes", names(fleet), "status")
    rows = {row.split()[0]: row for row in out.splitlines()[1:4]}
    dead = rows.pop(f"{fleet.nodes[1].address}:{PORT}")
    assert code == 1 and dead.split()[1] == "down"
    assert all(row.split()[1] == "ready" and "of 268 MB" in row and "of 1.1 GB" in row for row in rows.values())
