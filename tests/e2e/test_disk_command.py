"""`cachey disk inspect|verify PATH`: prints one clear line for a bad path, and starts no server."""

import subprocess

import pytest

from cachey_server import base_environment
from harness import BINARY, limit


def run(*arguments):
    return subprocess.run([str(BINARY), "disk", *arguments], capture_output=True, text=True, timeout=limit(5),
                          check=False, stdin=subprocess.DEVNULL, env=base_environment())


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize("content, words", [
    (None, "No such file"), (b"\0" * (1 << 20), "nothing in it"), (b"\x7fELF" + b"x" * (1 << 20), "no store of Cachey"),
    (b"CACHEYDS\x05\0\0\0" + b"x" * (1 << 20), "version 5"), (b"CACHEYDS\x03\0\0\0" + b"x" * (1 << 20), "damaged"),
    (b"", "cannot be read")])
def test_a_path_that_is_no_store_is_said_in_one_line(tmp_path, command, content, words):
    path = tmp_path / "device"
    if content is not None:
        path.write_bytes(content)
    done = run(command, str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "[warning]" not in line]
    assert len(lines) == 1 and words in lines[0], done.stderr


def test_a_wrong_call_is_refused():
    assert run().returncode == 2
    assert run("format", "/tmp").returncode == 2
    assert run("inspect").returncode == 2


def test_help_tells_the_commands():
    done = run("--help")
    assert done.returncode == 0
    assert "inspect" in done.stdout and "verify" in done.stdout
