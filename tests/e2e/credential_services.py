"""Fixtures of the tests of credentials: services that hand keys out, and a store that accepts these; --check-origin."""

import subprocess

import pytest

from cachey_server import base_environment
from fake_metadata import FakeMetadata
from harness import BINARY, limit
from scripted_origin import ScriptedOrigin


@pytest.fixture
def services():
    with FakeMetadata() as running:
        yield running


@pytest.fixture
def store(services):
    """A store for this test only that accepts the keys handed out by the services."""
    with ScriptedOrigin(services.new_keys()) as running:
        running.put("bucket", "key", size=1000)
        yield running


def check(environment, target="bucket/key"):
    return subprocess.run([str(BINARY), "--check-origin", target], capture_output=True, text=True, timeout=limit(20),
                          check=False, stdin=subprocess.DEVNULL, env=base_environment() | environment)
