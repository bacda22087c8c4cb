"""Fixtures: scripted nodes, and clients with a key that each node owns."""

import contextlib
import os
import re
import signal

import pytest

from cachey_client import Client, attempts, cli, exchange, placement
from scripted import Node

# A background job of a shell ignores interrupts, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def nodes():
    """nodes(script, ...): one running node for each script."""
    with contextlib.ExitStack() as stack:

        def start(*scripts, **options):
            return [stack.enter_context(Node(script, **options)) for script in scripts]

        yield start


@pytest.fixture
def client_of():
    """client_of(nodes or names, **options): a client that is closed by the end of the test."""
    with contextlib.ExitStack() as stack:

        def make(nodes, **options):
            names = [node if isinstance(node, str) else node.name for node in nodes]
            return stack.enter_context(Client(names, **{"deadline": 10.0, "hedge_budget": 0.0} | options))

        yield make


@pytest.fixture
def impatient(monkeypatch):
    """A silent node is probed after 0.1 s."""
    monkeypatch.setattr(exchange, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(exchange, "PROBE_SECONDS", 0.2)


@pytest.fixture
def hasty(monkeypatch):
    """The pauses between attempts are short."""
    monkeypatch.setattr(attempts, "PAUSES", (0.01, 0.02, 0.03, 0.04))


@pytest.fixture
def run(capsys, monkeypatch):
    """run(ARGUMENT...) -> (exit code, standard output, standard error) of cacheyctl, with no CACHEY_ variables but the
    test's own."""
    for name in [name for name in os.environ if re.match(r"CACHEY_(NODES|VIA|TOKEN|ADMIN_TOKEN)$", name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        try:
            code = cli.main([str(one) for one in arguments])
        except SystemExit as ended:  # argparse
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """The tests of a file run in one process, so that they share nodes; those of the package do not, being long."""
    for item in items:
        if item.path.stem != "test_package":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def key_of(owner, others, kind="k", group=0):
    """A key that `owner` owns; with several others, the first one of these is its second node."""
    names = [node if isinstance(node, str) else node.name for node in (owner, *others)]
    for i in range(100_000):
        ranked = placement.rank(names, kind, f"key-{i}", group)
        if ranked[0] == names[0] and (len(names) < 3 or ranked[1] == names[1]):
            return f"key-{i}"
    raise AssertionError("no such key")
