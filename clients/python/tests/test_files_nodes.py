"""Ranges, files and the file system through real nodes: objects that change, nodes that die, forks, odd keys."""

import contextlib
import multiprocessing
import os
import random
import socket
import threading

import pytest

from real_nodes import FolderFleet

pytest.importorskip("fsspec")

from fleet import PORT, Node, new_address, wait_until  # noqa: E402  (real_nodes knows the path)
from nodes import GIB, KIB, MIB, TIB, Fleet, Store  # noqa: E402

from cachey_client import Client  # noqa: E402
from cachey_client.errors import CacheyError, Changed, NotCached, OutOfRange  # noqa: E402
from cachey_client.filesystem import CacheyFileSystem  # noqa: E402
from odd_keys import ODD_KEYS  # noqa: E402

PAGE = 16 * MIB
DATA = random.Random(1).randbytes(2 * PAGE + 1000)


@pytest.fixture(scope="module")
def folder_fleet(tmp_path_factory):
    with FolderFleet(tmp_path_factory.mktemp("nodes")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def scripted_fleet(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Fleet(tmp_path_factory.mktemp("scripted"), stack, 3)


@pytest.fixture(scope="module")
def open_node(tmp_path_factory):
    """(store, node): a server for all kinds, which does not refuse keys with dots."""
    folder = tmp_path_factory.mktemp("open")
    arguments = ["--origin", "s3", "--listen", "127.0.0.1", "--port", PORT, "--threads", 1, "--memory", "128MiB"]
    with Store() as store:
        node = Node("n1", arguments, store.environment(), folder, new_address()).start()
        yield store, node
        node.end()


@pytest.fixture
def client(folder_fleet):
    with Client(folder_fleet.names) as client:
        yield client


def name(node):
    return f"{node.address}:{node.port}"


def cache_page(client, key):
    """Waits until the object's first page is whole in the cache: a fill may end after its readers' last byte."""
    client.read("k", key, 0, PAGE)

    def cached():
        with contextlib.suppress(NotCached):
            return client.read("k", key, 0, PAGE, only_if_cached=True)

    wait_until(cached, f"the first page of {key}")


class TestChanges:
    def test_an_open_file_keeps_its_version_as_long_as_the_cache_has_it(self, folder_fleet, client):
        folder_fleet.put("k", "kept", DATA)
        cache_page(client, "kept")
        file = client.open("k", "kept")
        folder_fleet.put("k", "kept", DATA[::-1])
        file.seek(PAGE // 2)
        assert file.read(100) == DATA[PAGE // 2 : PAGE // 2 + 100]

    def test_then_the_object_is_changed(self, folder_fleet, client):
        folder_fleet.put("k", "changed", DATA)
        cache_page(client, "changed")
        file = client.open("k", "changed")
        folder_fleet.put("k", "changed", DATA[::-1])
        file.seek(PAGE + 100)
        with pytest.raises(Changed):
            file.read(100)
        assert client.open("k", "changed").read() == DATA[::-1]

    def test_an_object_that_went_is_not_mixed_with_another(self, folder_fleet, client):
        folder_fleet.put("k", "gone", DATA)
        cache_page(client, "gone")
        with client.open("k", "gone") as file:
            (folder_fleet.folder / "k" / "gone").unlink()
            file.seek(PAGE + 100)
            with pytest.raises(FileNotFoundError):
                file.read(100)

    def test_ranges_are_of_one_version(self, folder_fleet, client):
        """One page is cached, and is of the old version."""
        folder_fleet.put("k", "ranges", DATA)
        cache_page(client, "ranges")
        folder_fleet.put("k", "ranges", DATA[::-1])
        parts = client.read_ranges("k", "ranges", [(0, 10), (2 * PAGE, 2 * PAGE + 10)], gap=0)
        assert [bytes(part.data) for part in parts] == [DATA[::-1][:10], DATA[::-1][2 * PAGE : 2 * PAGE + 10]]


class TestEdges:
    def test_an_empty_object(self, folder_fleet, client):
        folder_fleet.put("k", "empty", b"")
        with client.open("k", "empty") as file:
            assert (file.size, file.read(), file.seek(0, 2)) == (0, b"", 0)
        fs = CacheyFileSystem(client=client, skip_instance_cache=True)
        assert (fs.cat("k/empty"), fs.size("k/empty"), fs.cat_file("k/empty", 5, 9)) == (b"", 0, b"")
        (answer,) = client.read_ranges("k", "empty", [(0, None)])
        assert (bytes(answer.data), answer.size) == (b"", 0)

    def test_past_the_end(self, folder_fleet, client):
        folder_fleet.put("k", "short", b"0123456789")
        with client.open("k", "short") as file:
            assert (file.seek(100), file.read(5), file.seek(8), file.read(5)) == (100, b"", 8, b"89")
        with pytest.raises(OutOfRange) as caught:
            client.read_ranges("k", "short", [(0, 1), (10, 11)])
        assert caught.value.size == 10
        assert CacheyFileSystem(client=client, skip_instance_cache=True).cat_file("k/short", 10, 11) == b""

    def test_a_closed_client(self, folder_fleet):
        folder_fleet.put("k", "closed", DATA)
        client = Client(folder_fleet.names)
        file = client.open("k", "closed")
        client.close()
        for call in (
            file.read,
            lambda: client.open("k", "closed"),
            lambda: client.read_ranges("k", "closed", [(0, 1)]),
        ):
            with pytest.raises(ValueError, match="closed"):
                call()
        file.close()

    def test_only_what_is_cached(self, folder_fleet, client):
        folder_fleet.put("k", "cold", DATA)
        with client.open("k", "cold", only_if_cached=True) as file, pytest.raises(NotCached):
            file.seek(PAGE)
            file.read()


def read_all(file):
    with file:
        return file.read() == DATA[100:]


class TestProcesses:
    def test_a_fork_reads_the_open_file_in_parent_and_child(self, folder_fleet, client):
        folder_fleet.put("k", "fork", DATA)
        file = client.open("k", "fork")
        assert file.read(100) == DATA[:100]
        child = os.fork()
        if not child:
            os._exit(0 if read_all(file) else 1)
        assert read_all(file)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_a_new_process_gets_the_file_at_its_place(self, folder_fleet, client):
        folder_fleet.put("k", "spawn", DATA)
        file = client.open("k", "spawn")
        file.read(100)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(read_all, (file,))

    def test_a_file_system_after_a_fork(self, folder_fleet):
        folder_fleet.put("k", "fs", DATA)
        fs = CacheyFileSystem(folder_fleet.names)
        assert fs.cat_file("k/fs", 0, 10) == DATA[:10]
        child = os.fork()
        if not child:
            same = CacheyFileSystem(folder_fleet.names).cat_file("k/fs") == fs.cat_file("k/fs") == DATA
            os._exit(0 if same else 1)
        assert fs.cat_file("k/fs") == DATA
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_outlives_its_node(tmp_path):
    with FolderFleet(tmp_path) as fleet, Client(fleet.names) as client:
        fleet.put("k", "o", DATA)
        file = client.open("k", "o")
        assert file.read(1000) == DATA[:1000]
        (owner,) = client.read("k", "o", 0, 1).nodes
        fleet.nodes[fleet.names.index(owner)].end()
        assert file.read() == DATA[1000:]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_those_of_the_store(open_node, key):
    store, node = open_node
    store.put("odd", key, size=1000)
    fs = CacheyFileSystem([name(node)])
    for data in (
        fs.cat_file(f"cachey://odd/{key}"),
        fs.open(f"odd/{key}").read(),
        fs.cat([f"odd/{key}"])[f"odd/{key}"],
    ):
        assert len(data) == 1000 and store.is_right("odd", key, 0, data)
    assert fs.info(f"odd/{key}")["size"] == 1000 and fs.exists(f"odd/{key}")


class Cutter:
    """A proxy whose connections end after a random number of bytes, now and then in a head."""

    def __init__(self, node, dice):
        self._node, self._dice = node, dice
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.name = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._node.address, self._node.port))
                left = self._dice.choice([100, 70_000, 3 * MIB, 20 * MIB])
                for here, there, most in ((client, server, 1 << 60), (server, client, left)):
                    threading.Thread(target=self._copy, args=(here, there, most), daemon=True).start()

    @staticmethod
    def _copy(here, there, left):
        with contextlib.suppress(OSError):
            while left > 0 and (piece := here.recv(1 << 16)):
                there.sendall(piece[:left])
                left -= len(piece)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()


def test_reads_through_connections_that_break_give_the_right_bytes_or_an_error(folder_fleet):
    data, dice, errors = folder_fleet.put("k", "broken", DATA), random.Random(6), 0
    with contextlib.ExitStack() as stack:
        cutters = [stack.enter_context(contextlib.closing(Cutter(node, dice))) for node in folder_fleet.nodes]
        client = stack.enter_context(Client([cutter.name for cutter in cutters]))
        file = client.open("k", "broken")
        for _ in range(150):
            place, size = file.tell(), dice.choice([100, 50_000, 300_000, 6 * MIB])
            if dice.random() < 0.5:
                place = file.seek(dice.randrange(len(data)))
            try:
                if dice.random() < 0.7:
                    assert file.read(size) == data[place : place + size]
                else:
                    ranges = [(at, at + 1000) for at in range(place % MIB, len(data) - 1000, size)][:20]
                    parts = client.read_ranges("k", "broken", ranges, gap=dice.choice([0, MIB]))
                    assert [bytes(part.data) for part in parts] == [data[start:end] for start, end in ranges]
            except CacheyError:
                errors += 1
                assert file.tell() == place
    assert errors < 75


class TestOfAFleet:
    def test_ranges_all_over_an_object_fetch_each_page_once(self, scripted_fleet):
        store = scripted_fleet.store
        store.put("lake", "ranges", size=TIB)
        dice = random.Random(4)
        starts = [dice.randrange(1000) * GIB + dice.choice([0, 100 * KIB, GIB - 5000]) for _ in range(60)]
        ranges = [(start, start + dice.choice([1, 1000, 10_000])) for start in starts]
        with Client([name(node) for node in scripted_fleet.nodes], hedge_budget=0) as client:
            parts = client.read_ranges("lake", "ranges", ranges)
        assert [(part.start, part.end) for part in parts] == ranges
        assert all(store.is_right("lake", "ranges", part.start, bytes(part.data)) for part in parts)
        assert len({node for part in parts for node in part.nodes}) == 3
        assert set(store.downloads("lake").values()) == {1}

    def test_small_reads_at_random_cost_the_store_a_few_requests(self, scripted_fleet):
        """Batches as of a DataLoader, in three epochs: docs/python-client.md has the figure."""
        store, size = scripted_fleet.store, 64 * MIB
        store.put("samples", "random", size=size)
        fs, dice = CacheyFileSystem([name(node) for node in scripted_fleet.nodes]), random.Random(5)
        for _ in range(3 * 64):
            starts = [dice.randrange(size // 4096) * 4096 for _ in range(32)]
            found = fs.cat_ranges(["samples/random"] * 32, starts, [at + 4096 for at in starts], on_error="raise")
            assert [len(one) for one in found] == [4096] * 32
        assert len(store.requests("samples")) <= 32

    def test_a_footer_of_a_terabyte_and_a_sequential_read(self, scripted_fleet):
        store = scripted_fleet.store
        store.put("lake", "file", size=TIB)
        with (
            Client([name(node) for node in scripted_fleet.nodes], hedge_budget=0) as client,
            client.open("lake", "file") as file,
        ):
            file.seek(-8, 2)
            assert store.is_right("lake", "file", TIB - 8, file.read())
            file.seek(GIB - MIB)
            for at in range(GIB - MIB, GIB + MIB, 100 * KIB):
                assert store.is_right("lake", "file", at, file.read(100 * KIB))
