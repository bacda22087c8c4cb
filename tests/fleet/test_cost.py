"""What HAProxy costs in front of a node, and its budget: the short form of the benchmark. In the long form of these tests."""

import subprocess

import pytest
from fleet import LONG, ROOT

pytestmark = [pytest.mark.alone, pytest.mark.skipif(not LONG, reason="CACHEY_TEST_FLEET=long asks for it")]


def test_haproxy_stays_within_its_budget(figure):
    done = subprocess.run([ROOT / "dev", "bench", "proxies", "--short"], text=True, capture_output=True)
    figure("F10", done.stdout)
    assert done.returncode == 0, done.stderr
