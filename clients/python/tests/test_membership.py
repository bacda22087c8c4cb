"""The list of nodes: what is refused, what is read again, and what stays when a source breaks."""

import socket
import threading
import time

import pytest

from cachey_client import Client, Invalid, Unavailable, membership
from cachey_client.membership import File, Refreshed, node_names, split_node
from scripted import healthy, refusing, wait_until


@pytest.mark.parametrize(
    "names",
    [
        [],
        [""],
        ["a"],
        ["a:"],
        [":80"],
        ["a:0"],
        ["a:65536"],
        ["a:080"],
        ["a:-1"],
        ["a b:80"],
        ["http://a:80"],
        ["a:80/"],
        ["a\n:80"],
        ["::1:80"],
        ["[::1:80"],
        ["a:80", "a:80"],
        ["u@a:80"],
        [b"a:80"],
        [None],
        [80],
        ["a{2..1}:80"],
        ["a{0..99999}:80"],
        [f"n{i}:80" for i in range(1025)],
        "",
        "a:80,a:80",
        "dns:",
        "dns:a",
        "file:",
        "a:80,,b:80",
        "a٣:80",
        "a:٣",
    ],
)
def test_a_wrong_list_is_refused(names):
    with pytest.raises(Invalid):
        Client(names)


def test_no_nodes_and_no_balancer_is_refused():
    with pytest.raises(Invalid):
        Client()


def test_names_of_all_forms_are_taken():
    assert split_node("[2001:db8::1]:80") == ("2001:db8::1", 80)
    assert node_names(["cachey-{0..2}.svc:80"]) == tuple(f"cachey-{i}.svc:80" for i in range(3))
    with Client("a:80, b_c.d-e:65535") as client:
        assert [node.name for node in client.nodes] == ["a:80", "b_c.d-e:65535"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(membership, "FILE_SECONDS", 0.05)
    monkeypatch.setattr(membership, "DNS_SECONDS", 0.05)


def names_of(client):
    return [node.name for node in client.nodes]


def test_a_file_is_read_again_when_it_changes(tmp_path, quick):
    path = tmp_path / "nodes"
    path.write_text("# the fleet\na:80\n\n  b:80 # second\r\n")
    with Client(f"file:{path}") as client:
        assert names_of(client) == ["a:80", "b:80"]
        path.write_text("b:80\nc:80\n")
        wait_until(lambda: names_of(client) == ["b:80", "c:80"])
        (tmp_path / "new").write_text("d:80\n")
        (tmp_path / "new").replace(path)
        wait_until(lambda: names_of(client) == ["d:80"])


@pytest.mark.parametrize(
    "breaks",
    [
        lambda path: path.write_text(""),
        lambda path: path.write_text("a:80\na:80\n"),
        lambda path: path.write_text("rubbish"),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_bytes(b"c:80\n#" + b" " * (1 << 20)),
        lambda path: path.unlink(),
    ],
)
def test_a_file_that_breaks_leaves_the_last_list_and_warns(tmp_path, quick, caplog, breaks):
    path = tmp_path / "nodes"
    path.write_text("a:80\n")
    with Client(f"file:{path}") as client:
        assert names_of(client) == ["a:80"]
        breaks(path)
        wait_until(lambda: names_of(client) == ["a:80"] and "the last list stays" in caplog.text)
        assert names_of(client) == ["a:80"]
        path.write_text("b:80\n")
        wait_until(lambda: names_of(client) == ["b:80"])


def test_a_file_that_is_not_there_is_an_error_and_is_looked_for_again(tmp_path, quick):
    path = tmp_path / "nodes"
    with Client(f"file:{path}") as client:
        with pytest.raises(Unavailable, match="nodes: no such file or directory$"):
            client.read("k", "x")
        path.write_text(refusing())
        wait_until(lambda: path.exists() and _names_or_none(client))


def test_what_is_wrong_with_a_file_is_told_each_time(tmp_path, quick):
    path = tmp_path / "nodes"
    path.write_text("10.0.0.1\n")
    with Client(f"file:{path}") as client:
        for _ in range(20):
            with pytest.raises(Unavailable, match="HOST:PORT, not '10.0.0.1'"):
                client.read("k", "x")
            time.sleep(0.01)  # so that the file is looked at again


def _names_or_none(client):
    try:
        return client.nodes
    except Unavailable:
        return None


def test_a_broken_file_warns_once_until_it_changes(tmp_path, caplog):
    path = tmp_path / "nodes"
    path.write_text("a:80\n")
    load = File(str(path))
    assert load() == ["a:80"]
    assert load() is None


def test_addresses_of_a_name_are_asked_again(quick, monkeypatch):
    answers = [["10.0.0.2", "10.0.0.1"]]

    def look_up(host, port, **_):
        assert host == "nodes.example"
        if not answers[-1]:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in answers[-1]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with Client("dns:nodes.example:80") as client:
        assert names_of(client) == ["10.0.0.1:80", "10.0.0.2:80"]
        answers.append(["10.0.0.3", "fd00::1", "10.0.0.3"])
        wait_until(lambda: names_of(client) == ["10.0.0.3:80", "[fd00::1]:80"])
        answers.append([])
        time.sleep(0.2)
        assert names_of(client) == ["10.0.0.3:80", "[fd00::1]:80"]


def test_a_name_server_that_hangs_costs_no_more_than_the_deadline(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20) and [])
    try:
        for nodes in ("dns:nodes.example:80", ["nodes.example:80"]):
            with Client(nodes, deadline=0.5) as client:
                began = time.monotonic()
                with pytest.raises(TimeoutError if isinstance(nodes, list) else Unavailable):
                    client.read("k", "x")
                assert time.monotonic() - began < 2
    finally:
        release.set()


def test_a_name_server_that_hangs_later_delays_no_read(monkeypatch, quick, nodes):
    (node,) = nodes(healthy())
    port = int(node.name.split(":")[1])
    release = threading.Event()
    answers = iter([[(0, 0, 0, "", ("127.0.0.1", port))]])

    def look_up(*_, **__):
        for answer in answers:
            return [answer[0]]
        release.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with Client(f"dns:nodes.example:{port}", deadline=5) as client:
            for _ in range(3):
                began = time.monotonic()
                client.read("k", "x")
                assert time.monotonic() - began < 2
                time.sleep(0.1)
    finally:
        release.set()


def test_many_threads_cause_one_look_up():
    calls = []

    def load():
        calls.append(1)
        time.sleep(0.1)
        return ["a:80"]

    source = Refreshed("test", load, 60)
    threads = [threading.Thread(target=source.ring, args=(5.0,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_thread_that_cannot_start_is_an_error_once_not_for_ever(tmp_path, monkeypatch, nodes):
    (node,) = nodes(healthy())
    (tmp_path / "nodes").write_text(f"localhost:{node.name.partition(':')[2]}")
    start = threading.Thread.start

    def refused(thread):
        if thread.name.startswith("cachey-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with Client(f"file:{tmp_path}/nodes", deadline=5) as client:
        for failing in ("cachey-nodes", "cachey-dns"):
            monkeypatch.setattr(threading.Thread, "start", refused)
            with pytest.raises(Unavailable, match="can't start new thread"):
                client.read("k", "x", deadline=0.3)
            monkeypatch.setattr(threading.Thread, "start", start)
            assert len(client.nodes) == 1, failing
        assert len(client.read("k", "x")) == 1000
