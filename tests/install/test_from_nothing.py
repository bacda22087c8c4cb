"""`./dev run` on a fresh Debian 12 gets to its first answer within its CPU time (from_nothing.sh)."""

import os
import pathlib
import subprocess

import pytest


@pytest.mark.alone
@pytest.mark.skipif(os.environ.get("CACHEY_TEST_FROM_NOTHING") != "1", reason="takes minutes: CACHEY_TEST_FROM_NOTHING=1")
def test_the_first_answer_comes_in_time():
    script = pathlib.Path(__file__).with_name("from_nothing.sh")
    done = subprocess.run([script], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
