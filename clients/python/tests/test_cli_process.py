"""cacheyctl as a process: outputs that end early, interrupts."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from scripted_node import Objects, ScriptedNode

SOURCES = str(pathlib.Path(__file__).resolve().parents[1] / "src")

ENDS = [
    ("status >/dev/full", "", "cacheyctl: no space left on device\n", 1),
    ("read k/a >/dev/full", "", "cacheyctl: no space left on device\n", 1),
    ("read k/a | true", "", "", 1),
    ("warm - <&-", "", "cacheyctl: standard input is closed\n", 2),
    ("warm manifest 2>&-", "", "", 0),
    ("warm --json manifest >&-", "", "", 0),
]


@pytest.mark.parametrize("command,out,err,code", ENDS, ids=[end[0] for end in ENDS])
def test_output_that_cannot_be_written_is_no_traceback(tmp_path, command, out, err, code):
    (tmp_path / "manifest").write_text("k/a\n")
    with ScriptedNode(Objects({"/k/a": 100_000})) as node:
        line = f"set -o pipefail; {sys.executable} -m cachey_client.cli --nodes {node.name} {command}"
        environment = os.environ | {"PYTHONPATH": SOURCES}
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr, done.returncode) == (out, err, code)
        assert "warm" not in command or code or node.asked


def test_an_interrupt_of_a_purge_waits_for_no_node(tmp_path):
    """A walk over a full disk may take minutes."""
    asked, released = threading.Event(), threading.Event()

    class Walking(ScriptedNode):
        def _answer(self, method, path, headers):
            if path.startswith("/admin/purge"):
                asked.set()
                released.wait(60)
            return super()._answer(method, path, headers)

    with Walking() as node:
        command = [sys.executable, "-m", "cachey_client.cli", "--nodes", node.name]
        command += ["--admin-node", f"{node.name}={node.name}", "purge", "--all", "--yes"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": SOURCES}
        ) as process:
            try:
                assert asked.wait(30)
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 130  # the deadline of a purge is 600 s
                assert process.stderr.read() == "cacheyctl: interrupted\n"
            finally:
                released.set()
                process.kill()
