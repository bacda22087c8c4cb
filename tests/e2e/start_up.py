"""Runs a server that must end by itself, because it only prints something or refuses to start."""

import subprocess

from cachey_server import base_environment
from harness import BINARY, limit


def run(*arguments, environment=None, seconds=5):
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=limit(seconds), check=False,
                          stdin=subprocess.DEVNULL, env=base_environment() | (environment or {}))


def expect_bad(done, *words, code=2):
    """code: 2 for a wrong configuration, 1 for what another start may not find."""
    assert done.returncode == code, f"exit code {done.returncode}: {done.stderr}"
    assert "listening" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, f"not one line: {done.stderr!r}"
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
    assert done.stdout == ""


def expect_bad_last(done, *words, code=2):
    """As expect_bad(), but lines of the log may come before the reason."""
    assert done.returncode == code, f"exit code {done.returncode}: {done.stderr}"
    assert "listening" not in done.stderr
    last = done.stderr.splitlines()[-1]
    for word in words:
        assert word in last, f"{word!r} is not in the last line of {done.stderr!r}"
