"""The commands of cacheyctl against scripted nodes: output, exit codes, tokens, hostile texts."""

import contextlib
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from cachey_client import placement
from cachey_client.cli.status import NodeState, table_of
from scripted_node import STATS, Objects, ScriptedNode

SOURCES = str(pathlib.Path(__file__).resolve().parents[1] / "src")


def dead_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def nodes_of(*nodes):
    return ",".join(node if isinstance(node, str) else node.name for node in nodes)


def test_status_is_a_table_of_the_nodes(run):
    with ScriptedNode() as one, ScriptedNode(ready=503) as two:
        code, out, err = run("--nodes", nodes_of(one, two), "status")
    assert code == 0, err
    heading, *rows = out.splitlines()
    assert heading.split()[:4] == ["NODE", "STATE", "VERSION", "UPTIME"]
    assert dict(row.split()[:2] for row in rows) == {one.name: "ready", two.name: "leaving"}
    first = next(row for row in rows if one.name in row)
    for cell in ("0.3.0", "1 h 1 m", "75.0 %", "500 MB of 1.0 GB", "100 GB of 1.0 TB", "412 MB/s", "1.0 MB/s"):
        assert cell in first


def test_a_narrow_terminal_gets_fewer_columns():
    states = [NodeState("10.0.0.1:8080", "ready", STATS, None), NodeState("10.0.0.2:8080", "down", None, "x" * 300)]
    whole = table_of(states, {}).splitlines()
    for width in (len(whole[0]), 100, 80, 70):
        heading, *rows = table_of(states, {}, width).splitlines()[:3]
        assert max(map(len, [heading, *rows])) <= width
        assert {"NODE", "STATE", "HITS", "MEMORY", "DISK"} <= set(heading.split())
        assert (heading == whole[0]) == (width == len(whole[0]))
        assert all(cell in rows[0] for cell in ("75.0 %", "500 MB of 1.0 GB", "100 GB of 1.0 TB"))
    assert table_of(states, {}, 1).splitlines()[0].split() == ["NODE", "STATE", "HITS", "MEMORY", "DISK"]


def test_a_node_that_does_not_answer_is_exit_code_1(run):
    with ScriptedNode() as one:
        code, out, _ = run("status", "--nodes", nodes_of(one, dead_address()))
    assert code == 1
    assert sorted(line.split()[1] for line in out.splitlines()[1:3]) == ["down", "ready"] and "refused" in out


def test_a_silent_node_does_not_hide_the_others(run, monkeypatch):
    monkeypatch.setattr("cachey_client.cli.status._TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, ScriptedNode() as one, ScriptedNode() as two:
        name = f"127.0.0.1:{silent.getsockname()[1]}"
        code, out, _ = run("status", "--nodes", nodes_of(name, one, two))
    assert code == 1
    states = dict(line.split()[:2] for line in out.splitlines()[1:4])
    assert states == {name: "down", one.name: "ready", two.name: "ready"}


def test_a_node_that_trickles_does_not_hold_up_the_table(run, monkeypatch):
    """Single bytes of a head without an end."""
    monkeypatch.setattr("cachey_client.cli.status._TIMEOUT", 1.0)
    ended = threading.Event()

    def trickle(connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.1):
                connection.sendall(b"x")

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=trickle, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        code, out, _ = run("status", "--nodes", f"127.0.0.1:{listener.getsockname()[1]}")
        ended.set()
    assert code == 1 and out.splitlines()[1].split()[1] == "down"
    assert time.monotonic() - began < 10


def test_status_asks_the_admin_address(run):
    with ScriptedNode(stats=b"not here") as data, ScriptedNode() as admin:
        code, out, _ = run("--nodes", data.name, "--admin-node", f"{data.name}={admin.name}", "status")
    assert code == 0 and "412 MB/s" in out
    assert "/stats" in [path for _, path, _ in admin.asked]


def test_status_as_json(run):
    with ScriptedNode() as one:
        code, out, _ = run("--nodes", one.name, "status", "--json")
    assert code == 0
    assert json.loads(out) == {"nodes": [{"name": one.name, "state": "ready", "stats": STATS, "error": None}]}


def test_status_says_what_is_wrong(run):
    findings = [
        {"level": "bad", "code": "disk_offline", "text": "the disk is offline \x1b[2J", "since_ms": 0},
        {"level": "warn", "code": "thrashing", "text": "too small", "since_ms": 0},
    ]
    with ScriptedNode(stats=json.dumps(STATS | {"findings": findings}).encode()) as one:
        code, out, _ = run("--nodes", one.name, "status")
    assert code == 0
    assert out.splitlines()[-2:] == [
        f"{one.name}: bad: the disk is offline \\x1b[2J",
        f"{one.name}: warn: too small",
    ]


@pytest.mark.parametrize(
    "stats",
    [
        b'{"findings": 7}',
        b'{"findings": [1, {}, {"level": ["\\u001b"], "text": null}]}',
        b"{",
        b"[]",
        b"null",
        b'{"memory": 7, "version": "\\u001b[2J"}',
        b'{"page_hits": "x"}',
        b'{"uptime_seconds": 1e999}',
    ],
)
def test_odd_stats_break_no_table_and_reach_no_terminal(run, stats):
    with ScriptedNode(stats=stats) as one:
        code, out, err = run("--nodes", one.name, "status")
    assert code in (0, 1) and one.name in out
    assert all(line.isprintable() for line in (out + err).splitlines())


PURGES = [
    (["k/a b/ü"], "kind=k&object=a%20b%2F%C3%BC"),
    (["--kind", "k", "--prefix", "p&q"], "kind=k&prefix=p%26q"),
    (["--kind", "k", "--yes"], "kind=k&all=true"),
    (["--all", "--yes"], "all=true"),
    (["--soft", "k/a"], "kind=k&object=a&soft=true"),
]


@pytest.mark.parametrize("arguments,query", PURGES)
def test_purge_asks_all_nodes(run, monkeypatch, arguments, query):
    monkeypatch.setenv("CACHEY_ADMIN_TOKEN", "secret")
    with ScriptedNode() as one, ScriptedNode() as two:
        admin = [word for node in (one, two) for word in ("--admin-node", f"{node.name}={node.name}")]
        code, out, err = run("--nodes", nodes_of(one, two), *admin, "purge", *arguments)
    assert code == 0, err
    for node in (one, two):
        assert len(node.asked) == 1
        method, path, headers = node.asked[0]
        assert method == "POST" and headers["Authorization"] == "Bearer secret"
        assert path.partition("?")[2] == query  # the server takes no `+` for a blank
        assert f"{node.name}      3  50.3 MB       1" in out
    assert "secret" not in out + err


def test_what_a_soft_purge_kept_is_told(run):
    kept = {"pages": 0, "bytes": 0, "fenced": 0, "kept": True}
    with ScriptedNode(purge=(200, kept)) as node:
        words = ("--nodes", node.name, "--admin-node", f"{node.name}={node.name}", "purge", "--soft", "k/a")
        code, out, _ = run(*words)
        assert code == 0 and "kept: the store has this version" in out
        _, out, _ = run(*words, "--json")
    assert json.loads(out)["nodes"][node.name] == kept


def test_a_node_that_was_not_purged_is_exit_code_1(run):
    gone = dead_address()
    with ScriptedNode() as one, ScriptedNode(purge=(403, b"no \x1b[2J token\n")) as two:
        admin = [word for name in (one.name, two.name, gone) for word in ("--admin-node", f"{name}={name}")]
        code, out, err = run("--nodes", nodes_of(one, two, gone), *admin, "purge", "k/a")
    assert code == 1 and f"k/a may still be cached by {', '.join(sorted([two.name, gone]))}" in err
    assert all(line.isprintable() for line in (out + err).splitlines())


def test_a_purge_waits_for_another_one(run):
    """409 with Retry-After: one walk at a time."""
    answers = [(409, {"Retry-After": "1"}, b"another purge runs\n"), (200, {}, b'{"pages":1,"bytes":2,"fenced":0}')]
    with ScriptedNode(purge=answers) as node:
        code, out, err = run("--nodes", node.name, "--admin-node", f"{node.name}={node.name}", "purge", "k/a")
    assert (code, err, len(node.asked)) == (0, "", 2) and out.splitlines()[1].split()[1:] == ["1", "2", "B", "0"]


@pytest.mark.parametrize(
    "answer,text",
    [
        ((400, b"object: must be UTF-8\n"), "the server refused the request, status 400: object: must be UTF-8"),
        ((404, b"no such path\n"), "the node has no such path, status 404"),
        ((200, b"[]"), "an answer that is no JSON"),
        ((200, {"pages": 1}), "a wrong answer to a purge"),
    ],
)
def test_why_a_node_was_not_purged(run, answer, text):
    with ScriptedNode(purge=answer) as node:
        code, out, _ = run("--nodes", node.name, "--admin-node", f"{node.name}={node.name}", "purge", "k/a")
    assert code == 1 and text in out


def test_wrong_options_are_noticed_before_any_node_is_purged(run):
    with ScriptedNode() as node:
        admin = ["--admin-node", f"{node.name}={node.name}"]
        code, _, err = run("--nodes", node.name, *admin, "purge", "k/a", "--also", "10.0.0.3")
    assert code == 2 and "HOST:PORT" in err and node.asked == []


def test_a_fleet_behind_haproxy_is_warmed_by_haproxy_and_purged_at_the_nodes(run, monkeypatch, tmp_path):
    """HAProxy has owners of its own: a warm straight to the nodes would fill others."""
    (tmp_path / "manifest").write_text("k/a\n")
    with ScriptedNode(Objects({"/k/a": 10})) as haproxy, ScriptedNode(Objects({"/k/a": 10})) as node:
        monkeypatch.setenv("CACHEY_NODES", node.name)
        monkeypatch.setenv("CACHEY_VIA", f"http://{haproxy.name}")
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
        assert run("warm", tmp_path / "manifest", "--check")[0] == run("read", "k/a")[0] == 0
        assert [method for method, *_ in haproxy.asked] == ["HEAD", "HEAD", "GET"] and node.asked == []
        assert run("--admin-node", f"{node.name}={node.name}", "purge", "k/a")[0] == 0
        assert [method for method, *_ in node.asked] == ["POST"] and len(haproxy.asked) == 3
        code, _, err = run("owner", "k/a")
        assert code == 2 and "HAProxy chooses owners" in err
        assert run("--nodes", node.name, "read", "k/a")[0] == 0  # of the command line: another fleet
        assert len(node.asked) == 2 and len(haproxy.asked) == 3


@pytest.mark.parametrize("option", ["--nodes", "--via"])
def test_an_empty_list_of_nodes_is_not_the_fleet_of_the_environment(run, monkeypatch, option):
    """As `--nodes "$STAGING"` gives, if the variable is not set."""
    with ScriptedNode() as node:
        monkeypatch.setenv("CACHEY_NODES", node.name)
        admin = ["--admin-node", f"{node.name}={node.name}"]
        code, _, err = run(option, "", *admin, "purge", "--all", "--yes")
    assert code == 2 and "names no fleet" in err and node.asked == []


def test_former_owners_are_purged_too(run):
    with ScriptedNode() as one, ScriptedNode() as former:
        admin = [word for node in (one, former) for word in ("--admin-node", f"{node.name}={node.name}")]
        code, out, _ = run("--nodes", one.name, *admin, "purge", "k/a", "--also", former.name)
    assert code == 0 and len(former.asked) == 1 and former.name in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["k/a", "--all"],
        ["--prefix", "p"],
        ["--kind", ""],
        ["--kind", "k", "--prefix", ""],
        ["--all"],
        ["--kind", "k"],
        ["nokey"],
        ["k/a", "--prefix", "p"],
        ["--soft", "--all", "--yes"],
        ["--soft", "--kind", ""],
        ["--soft", "--prefix", "p"],
    ],
)
def test_a_scope_that_is_not_said_purges_nothing(run, arguments, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))  # no terminal: no question
    with ScriptedNode() as one:
        code, _, err = run("--nodes", one.name, "--admin-node", f"{one.name}={one.name}", "purge", *arguments)
    assert code == 2 and err and one.asked == []


def test_owner_lists_the_nodes_in_order(run):
    names = [f"10.0.0.{n}:8080" for n in range(1, 5)]
    code, out, _ = run("--nodes", ",".join(names), "owner", "big/one-tb", "--offset", "999GiB")
    assert code == 0 and out.split() == list(placement.rank(names, "big", "one-tb", 999))
    assert out.split()[0] == "10.0.0.3:8080"


def test_read_writes_a_file_when_it_is_whole(run, tmp_path):
    target = tmp_path / "out"
    with ScriptedNode(Objects({"/k/a": 100})) as node:
        assert run("--nodes", node.name, "read", "k/a", "-o", target)[0] == 0
        assert target.read_bytes() == b"x" * 100
        assert run("--nodes", node.name, "read", "k/a", "--range", "10-19", "-o", target)[0] == 0
        assert target.read_bytes() == b"x" * 10
        code, _, err = run("--nodes", node.name, "read", "k/absent", "-o", target)
    assert code == 1 and "no such object" in err
    assert target.read_bytes() == b"x" * 10 and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    "arguments,text",
    [
        (["status"], "name the nodes by --nodes|--nodes or CACHEY_NODES"),
        (["--via", "http://127.0.0.1:1", "status"], "asks each node"),
        (["--nodes", "a:1", "--via", "http://b:1", "owner", "k/a"], "rule of its own"),
        (["--nodes=a:1", "--nodes=a:2", "purge", "--all", "--yes"], "--nodes is given twice"),
        (["purge", "--all", "--yes", "--nodes=a:1", "--nodes=a:2"], "--nodes is given twice"),
        (["--nodes", "a:1", "warm"], "needs a manifest or --prefix"),
        (["--nodes", "a:1", "warm", "/nonexistent/file"], "No such file"),
        (["--nodes", "a:1", "warm", "--rate", "fast", "-"], "not a size"),
        (["--nodes", "a:1", "--token-file", "/nonexistent/file", "status"], "No such file"),
        (["--nodes", "a:1", "--ca", "/nonexistent/file", "status"], "^cacheyctl: /nonexistent/file: no such file"),
        (["--nodes", "a:1,a:1", "status"], "a:1"),
        (["--nodes", "no port at all", "status"], "no port at all"),
        (["--nodes", "a:1", "--admin-node", "x", "status"], "NODE=HOST:PORT"),
        (["--nodes", "a:1", "read", "k/a", "--range", "9-0"], "not a range"),
    ],
)
def test_wrong_usage_is_exit_code_2(run, arguments, text):
    import re

    code, out, err = run(*arguments)
    assert code == 2 and out == "" and re.search(text, err), err


@pytest.mark.parametrize("token", ["two words", "two\nlines", "späß", "x" * 5000, ""])
def test_a_token_that_is_none_is_refused_and_not_shown(run, tmp_path, token):
    (tmp_path / "token").write_text(token)
    code, _, err = run("--nodes", "a:1", "--token-file", tmp_path / "token", "status")
    assert code == 2 and (not token or token not in err)


def test_the_token_of_a_file_is_sent(run, tmp_path):
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "manifest").write_text("k/a\n")
    with ScriptedNode(Objects({"/k/a": 10})) as node:
        assert run("--nodes", node.name, "--token-file", tmp_path / "token", "warm", tmp_path / "manifest")[0] == 0
    assert node.asked[0][2]["Authorization"] == "Bearer t0ken"


def test_a_reader_that_has_gone_is_no_traceback():
    with ScriptedNode() as node:
        watch = f"{sys.executable} -m cachey_client.cli --nodes {node.name} status --watch 0.1 | head -1"
        environment = os.environ | {"PYTHONPATH": SOURCES}
        done = subprocess.run(
            ["bash", "-c", watch], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.stdout.startswith("NODE") and "Traceback" not in done.stderr
