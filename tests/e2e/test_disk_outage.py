"""A disk that hangs or is slow under a running server: every miss is served, as fast as without a disk."""

import json
import queue
import re
import signal
import socket
import time

import pytest

from disk import counted, wait_for_pages
from expect import expect_206
from harness import GIB, KIB, MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header, request_head

CLIENTS = 8
CAPACITY = 3 * GIB
HALF = f"0 {CAPACITY // 4} {CAPACITY // 4 * 3}"
"""The offsets of half of the disk, without its superblocks."""

FAULTS = {
    "hung": ["any hang"],
    "writes hang": ["write hang"],
    "half hung": [f"read hang {HALF}", f"write hang {HALF}"],
    "syncs hang": ["sync hang"],
    "64 MB/s": ["write rate 64000000", "read rate 64000000"],
}


def stats(server):
    return json.loads(server.get("/stats").text)


class Reader:
    """One client: reads the first page of objects and drops the bytes."""

    def __init__(self, port, kind):
        self._kind = kind
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=limit(60))
        self._buffer = memoryview(bytearray(MIB))

    def read(self, key):
        """Returns the status."""
        self._socket.sendall(request_head("GET", fetch_target(self._kind, key), [range_header(0, PAGE - 1)]))
        count = self._socket.recv_into(self._buffer)
        while (end := bytes(self._buffer[:count]).find(b"\r\n\r\n")) < 0:
            count += self._socket.recv_into(self._buffer[count:])
        head = bytes(self._buffer[:end])
        left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - (count - end - 4)
        while left > 0:
            count = self._socket.recv_into(self._buffer)
            assert count > 0, f"{left} bytes of {key} are missing"
            left -= count
        assert left == 0
        return int(head[9:12])


class Reads:
    """CLIENTS clients that read the objects, each object once."""

    def __init__(self, server, kind, keys):
        waiting = queue.SimpleQueue()
        for key in keys:
            waiting.put(key)
        self.results = []  # status, seconds
        began = time.monotonic()
        for task in [Task(self._read, server.port, kind, waiting) for _ in range(CLIENTS)]:
            task.result(120)
        self.rate = len(keys) / (time.monotonic() - began)

    def _read(self, port, kind, waiting):
        reader = Reader(port, kind)
        while True:
            try:
                key = waiting.get_nowait()
            except queue.Empty:
                return
            began = time.monotonic()
            self.results.append((reader.read(key), time.monotonic() - began))

    @property
    def slowest(self):
        return max(seconds for _, seconds in self.results)

    def expect_all_served(self):
        failed = [result for result in self.results if result[0] != 206]
        assert not failed, f"{len(failed)} of {len(self.results)} not served: {failed[:5]}"
        return self


def expect_as_fast(server, kind, cold, usual):
    """Reads the objects at a rate like `usual`, the rate without a disk. Other work may disturb two of three tries."""
    for keys in (cold[0::3], cold[1::3], cold[2::3]):
        now = Reads(server, kind, keys).expect_all_served()
        text = f"{now.rate:.1f} of {usual.rate:.1f} reads/s, the slowest {now.slowest:.2f} of {usual.slowest:.2f} s"
        print(text)
        if now.rate >= 0.5 * usual.rate and now.slowest < limit(2):
            return
    pytest.fail(text)


@pytest.fixture
def sparse(directory, kind):
    """Makes objects of zero bytes, which take no space at the origin."""
    def make(name, count, size=PAGE):
        (directory.path / kind).mkdir(exist_ok=True)
        for i in range(count):
            with open(directory.path / kind / f"{name}-{i}", "wb") as file:
                file.truncate(size)
        return [f"{name}-{i}" for i in range(count)]
    return make


@pytest.fixture
def started(start_server, directory, faulty_disk, kind):
    """Starts a server, and has it read the objects `hot` so often that they are in the main queue of eviction."""
    def start(hot, memory, disk):
        arguments = [*faulty_disk.arguments, "--disk-capacity", str(CAPACITY)] if disk else []
        server = start_server("--origin", f"dir:{directory.path}", "--memory", str(memory), *arguments,
                              environment=faulty_disk.environment)
        for _ in range(3):
            Reads(server, kind, hot).expect_all_served()
        if disk:
            wait_for_pages(server, 1)
        return server
    return start


def expect_memory_back(server):
    wait_until(lambda: stats(server)["memory"]["admitted_bytes"] == 0, 20, "memory without admissions")


@pytest.mark.alone
@pytest.mark.parametrize("memory", [256 * MIB, GIB], ids=["256MiB", "1GiB"])
@pytest.mark.parametrize("fault", FAULTS)
def test_misses_do_not_wait_for_the_disk(started, faulty_disk, sparse, kind, fault, memory):
    pages = memory // PAGE
    hot, cold = sparse("hot", pages * 2 // 3), sparse("cold", max(4 * pages, 180))
    without = started(hot, memory, disk=False)
    usual = Reads(without, kind, cold[0::3]).expect_all_served()
    without.stop()
    server = started(hot, memory, disk=True)
    faulty_disk.set(*FAULTS[fault])
    expect_as_fast(server, kind, cold, usual)
    expect_memory_back(server)
    faulty_disk.set()
    wait_until(lambda: Reads(server, kind, hot[:1]).expect_all_served() and stats(server)["disk"]["online"], 20, "the disk online")
    wait_until(lambda: counted(server, "queued_bytes") == 0, 20, "an empty queue")


@pytest.mark.alone
def test_small_misses_do_not_wait_for_a_slow_disk(started, faulty_disk, sparse, kind):
    hot, cold = sparse("hot", 10_000, size=4 * KIB), sparse("cold", 12_000, size=4 * KIB)
    without = started(hot, 64 * MIB, disk=False)
    usual = Reads(without, kind, cold[0::3]).expect_all_served()
    without.stop()
    server = started(hot, 64 * MIB, disk=True)
    faulty_disk.set("write delay 200")
    expect_as_fast(server, kind, cold, usual)
    expect_memory_back(server)


def test_pages_on_a_disk_that_hangs_come_from_the_origin(faulty_disk_server, faulty_disk, origin, kind):
    objects = 30
    stored = [origin.put(kind, f"object-{i}", size=PAGE) for i in range(objects)]
    server = faulty_disk_server(memory="64MiB", capacity="1GiB")
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, PAGE - 1), one, 0, PAGE - 1, kind)
        wait_until(lambda i=i: counted(server, "pages") == i + 1, what="the page on the disk")
    faulty_disk.set("any hang")
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, PAGE - 1), one, 0, PAGE - 1, kind)
    assert counted(server, "read_failures_total", cause="timeout") >= 1
    faulty_disk.set()
    expect_memory_back(server)


@pytest.mark.parametrize("fault", ["any hang", "sync hang", "any fail 5"])
def test_a_server_ends_at_the_signal_whatever_its_disk_does(faulty_disk_server, faulty_disk, origin, kind, fault):
    server = faulty_disk_server("--drain-timeout", "2")
    for key in ("before", "during"):
        stored = origin.put(kind, key, size=MIB)
        expect_206(server.fetch(kind, key, 0, MIB), stored, 0, MIB, kind)
        if key == "before":
            wait_for_pages(server, 1)
            faulty_disk.set(fault)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - began < limit(8)
    server.check_log()
    server.expect_log("disk written all_pages=false")
