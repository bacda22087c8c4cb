"""A disk that is slower than the store: the store answers reads of pages on disk meanwhile."""

import random
import threading
import time

import pytest

from content import content
from disk import counted, wait_for_pages
from harness import KIB, PAGE, wait_until
from scripted_origin import Behaviour

OBJECTS = 12  # of a page each: three times the memory
CLIENTS = 12
READ = 64 * KIB
DISK = 0.4
STORE = 0.025


class Readers:
    """Clients that read random blocks, one after the other. `took`: (when a read ended, seconds)."""

    def __init__(self, server, kind, stored):
        self.took = []
        self.wrong = []
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(server, kind, stored, seed)) for seed in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _read(self, server, kind, stored, seed):
        chance = random.Random(seed)
        while not self._ending.is_set():
            number = chance.randrange(OBJECTS)
            first = chance.randrange(PAGE // READ) * READ
            began = time.monotonic()
            answer = server.fetch(kind, f"object-{number}", first, first + READ - 1)
            self.took.append((time.monotonic(), time.monotonic() - began))
            if answer.status != 206 or answer.body != content(stored[number].seed, first, READ):
                self.wrong.append((answer.status, number, first))

    def median(self, count=4 * CLIENTS):
        """Of reads that begin from now on."""
        now = time.monotonic()
        later = lambda: [took for ended, took in self.took if ended - took >= now]
        wait_until(lambda: len(later()) >= count, 60, f"{count} reads")
        return sorted(later())[len(later()) // 2]


@pytest.fixture
def filled(faulty_disk_server, origin, kind):
    """A server with OBJECTS pages on its disk, most of which memory lacks."""
    def start(*arguments):
        stored = [origin.put(kind, f"object-{i}", size=PAGE) for i in range(OBJECTS)]
        server = faulty_disk_server(*arguments)
        for i in range(OBJECTS):
            assert server.fetch(kind, f"object-{i}", 0, PAGE - 1).status == 206
            wait_for_pages(server, i + 1)
        for i in range(OBJECTS):
            origin.behave(kind, f"object-{i}", Behaviour(delay=STORE))
        return server, stored
    return start


def test_the_store_answers_while_the_disk_is_slow(filled, faulty_disk, kind):
    server, stored = filled("--disk-bypass")
    with Readers(server, kind, stored) as readers:
        quick = readers.median()
        assert quick < DISK / 4
        faulty_disk.set(f"read delay {int(DISK * 1000)}")
        wait_until(lambda: counted(server, "slow") == 1, 30, "the disk is known to be slow")
        wait_until(lambda: readers.median() < DISK / 2, 30, "the store answers most reads")
        faulty_disk.set()
        wait_until(lambda: readers.median() < DISK / 4, 30, "the disk is read")
    assert not readers.wrong
    assert counted(server, "bypassed_reads_total") > 10
    assert counted(server, "read_failures_total") == 0
    assert f"path={faulty_disk.file}" in server.log()
    assert "disk slower than the store" in server.log()


def test_without_the_option_the_disk_is_read_however_slow(filled, faulty_disk, kind, origin):
    server, stored = filled()
    asked = len(origin.requests(kind))
    faulty_disk.set("read delay 100")
    with Readers(server, kind, stored) as readers:
        readers.median(10 * CLIENTS)
    assert not readers.wrong
    assert counted(server, "slow") == counted(server, "bypassed_reads_total") == 0
    assert len(origin.requests(kind)) == asked
