"""cacheyctl warm against scripted nodes: output, exit codes, retries, hostile texts, interrupts."""

import contextlib
import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import time

from cachey_client import placement
from scripted_node import Objects, ScriptedNode

SOURCES = str(pathlib.Path(__file__).resolve().parents[1] / "src")


def test_warm_reports_what_was_there(run, tmp_path):
    (tmp_path / "manifest").write_text("logs/a\nlogs/b c\t50000000\nlogs/empty\n")
    with ScriptedNode(Objects({"/logs/a": 20 << 20, "/logs/b c": 50_000_000, "/logs/empty": 0})) as node:
        first = run("--nodes", node.name, "warm", tmp_path / "manifest", "--check")
        second = run("--nodes", node.name, "warm", tmp_path / "manifest")
    assert first[0] == second[0] == 0, first
    assert "3 objects warmed, 1 of them were there, 0 failed; 71.0 MB, of which 71.0 MB came from the store" in first[2]
    assert "2 parts checked, 2 of them were there" in first[2]
    assert "3 objects warmed, 3 of them were there, 0 failed; 71.0 MB, of which 0 B came from the store" in second[2]


def test_warm_asks_the_owner_of_each_group(run, tmp_path):
    size = 5 << 30
    (tmp_path / "manifest").write_text("k/big\n")
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(ScriptedNode(Objects({"/k/big": size}))) for _ in range(3)]
        code, _, err = run("--nodes", ",".join(node.name for node in nodes), "warm", tmp_path / "manifest")
        owners = {
            node.name: {int(fields["Range"][6:].split("-")[0]) >> 30 for _, _, fields in node.asked} for node in nodes
        }
    assert code == 0, err
    for group in range(5):
        owner, *_ = placement.rank([node.name for node in nodes], "k", "big", group)
        assert [name for name, groups in owners.items() if group in groups] == [owner]


def test_warm_names_what_failed(run, tmp_path):
    (tmp_path / "manifest").write_text("k/there\nk/absent\x1b[2J\nrubbish\n")
    with ScriptedNode(Objects({"/k/there": 10})) as node:
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest")
    assert code == 1
    assert "failed: k/absent\\x1b[2J: " in err and "failed: line 3: 'rubbish' is not kind/key" in err
    assert "1 objects warmed, 0 of them were there, 2 failed" in err
    assert all(line.isprintable() for line in err.splitlines())


def test_warm_obeys_retry_after(run, tmp_path):
    (tmp_path / "manifest").write_text("k/a\n")
    objects = Objects({"/k/a": 10})
    objects.refuse["/k/a"] = [(503, {"Retry-After": "1"}, b"busy\n")] * 2
    began = time.monotonic()
    with ScriptedNode(objects) as node:
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest")
    assert code == 0, err
    assert time.monotonic() - began >= 2


def test_small_pages_are_warmed_in_small_windows(run, tmp_path):
    """A server refuses more than 64 pages a request. The client remembers the windows of the kind."""
    (tmp_path / "manifest").write_text("k/a\nk/b\n")
    sizes = {"/k/a": 10 << 20, "/k/b": 5 << 20}
    objects, refusals = Objects(sizes, page=64 << 10), []

    def fetch(method, path, headers):
        first, last = (int(text) for text in headers["Range"][6:].split("-"))
        if last - first >= 4 << 20:
            refusals.append(path)
            return 400, {}, b"more than 64 pages\n"
        return objects(method, path, headers)

    with ScriptedNode(fetch) as node:
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest", "--in-flight", 1)
    assert code == 0, err
    assert len(objects.cached) == 160 + 80
    assert set(refusals) == {"/fetch/k/a"} and len(refusals) < 9


def test_a_check_notices_what_is_not_kept(run, tmp_path):
    """The classic: all was fetched, and the cache is empty."""
    (tmp_path / "manifest").write_text("k/a\nk/b\n")
    objects = Objects({"/k/a": 10, "/k/b": 10})

    def fetch(method, path, headers):
        answer = objects(method, path, headers)
        objects.cached.discard(("/k/b", 0))
        return answer

    with ScriptedNode(fetch) as node:
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest", "--check")
    assert code == 1 and "failed: k/b: " in err and "failed: k/a" not in err


def test_warm_as_json(run, tmp_path):
    (tmp_path / "manifest").write_text("k/a\nk/b\n")
    with ScriptedNode(Objects({"/k/a": 10})) as node:
        code, out, _ = run("--nodes", node.name, "warm", "--json", tmp_path / "manifest")
    end = json.loads(out.splitlines()[-1])
    assert code == 1
    assert {name: end[name] for name in ("event", "objects", "failed", "bytes", "fetched_bytes")} == {
        "event": "end", "objects": 2, "failed": 1, "bytes": 10, "fetched_bytes": 10}  # fmt: skip


def test_warm_reads_standard_input(run, monkeypatch, tmp_path):
    (tmp_path / "input").write_text("a\nb\n")
    with ScriptedNode(Objects({"/k/a": 10, "/k/b": 10})) as node, (tmp_path / "input").open() as text:
        monkeypatch.setattr(sys, "stdin", text)
        code, _, err = run("--nodes", node.name, "warm", "-", "--kind", "k")
    assert code == 0 and "2 objects warmed" in err


def test_an_old_server_is_a_failure_not_a_success(run, tmp_path):
    """A server that does not know warm answers HEAD without fetching anything."""
    (tmp_path / "manifest").write_text("k/a\n")
    with ScriptedNode(lambda *_: (206, {"Content-Range": "bytes 0-9/10", "Content-Length": "10"}, b"")) as node:
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest")
    assert code == 1 and "does not know warm" in err


def test_an_interrupt_ends_with_a_summary(tmp_path):
    """While a server is silent, and while standard input is open."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [
            sys.executable,
            "-m",
            "cachey_client.cli",
            "--nodes",
            f"127.0.0.1:{silent.getsockname()[1]}",
            "warm",
            "-",
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | {"PYTHONPATH": SOURCES}) as process:  # fmt: skip
            try:
                process.stdin.write("k/a\n")
                process.stdin.flush()
                silent.settimeout(30)
                connection, _ = silent.accept()
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 130
                assert "stopped early, interrupted: 0 objects warmed" in process.stderr.read()
                connection.close()
            finally:
                process.kill()


def test_a_killed_run_goes_on_where_the_caches_are(run, tmp_path):
    sizes = {f"/k/{number}": 1_000_000 for number in range(20)}
    (tmp_path / "manifest").write_text("".join(f"k/{number}\n" for number in range(20)))
    objects = Objects(sizes)
    objects.refuse["/k/15"] = [(503, {"Retry-After": "1"}, b"busy\n")] * 60
    with ScriptedNode(objects) as node:
        command = [sys.executable, "-m", "cachey_client.cli", "--nodes", node.name, "warm", "--in-flight", "1",
                   str(tmp_path / "manifest")]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": SOURCES}
        ) as process:
            deadline = time.monotonic() + 30
            while not any(path == "/fetch/k/15" for _, path, _ in node.asked) and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
        objects.refuse.clear()
        code, _, err = run("--nodes", node.name, "warm", tmp_path / "manifest", "--check")
    assert code == 0, err
    assert "20 objects warmed, 15 of them were there, 0 failed; 20.0 MB, of which 5.0 MB came from the store" in err
    assert "20 parts checked, 20 of them were there" in err


def test_a_terminal_shows_one_line_that_is_written_over(tmp_path):
    (tmp_path / "manifest").write_text("k/a\nk/absent\nk/b\n")
    objects = Objects({"/k/a": 10, "/k/b": 10})
    objects.refuse["/k/b"] = [(503, {"Retry-After": "1"}, b"busy\n")]
    here, there = pty.openpty()
    with ScriptedNode(objects) as node:
        command = [sys.executable, "-m", "cachey_client.cli", "--nodes", node.name, "warm", str(tmp_path / "manifest")]
        environment = os.environ | {"PYTHONPATH": SOURCES, "COLUMNS": "60"}
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=there, stderr=there, env=environment
        ) as process:
            os.close(there)
            said = b""
            with contextlib.suppress(OSError):  # the terminal's end, when the program has ended
                while piece := os.read(here, 4096):
                    said += piece
            assert process.wait(30) == 1
    os.close(here)
    lines = said.decode().split("\r\n")
    failure, summary = (line.rpartition("\x1b[K")[2] for line in lines[:2])
    assert failure.startswith("failed: k/absent: ") and summary.startswith("2 objects warmed")
    bars = [bar for line in lines for bar in line.split("\r") if ", 1 failed" in bar and bar.endswith("\x1b[K")]
    assert bars and all(len(bar.removesuffix("\x1b[K")) < 60 for bar in bars)
