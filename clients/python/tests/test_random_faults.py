"""Random reads over nodes that fail at random: right bytes of one version, or an error; never a hang."""

import os
import random
import threading
import time

import pytest

from cachey_client import CacheyError, Client
from scripted import content

pytestmark = pytest.mark.usefixtures("hasty", "impatient")

ROUNDS = int(os.environ.get("CACHEY_TEST_CLIENT_READS", "60"))
SIZE = (5 << 20) + 12345
VERSIONS = {1: '"v1"', 2: '"v2"'}


class Flaky:
    """Most answers are right. The others are what networks, proxies and nodes do on bad days."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.version = 1
        self.lock = threading.Lock()

    def __call__(self, peer, request):
        with self.lock:
            what, version = self.random.randrange(20), self.version
            part = self.random.randrange(1 << 20)
        good = {"size": SIZE, "tag": VERSIONS[version], "seed": version}
        if what == 0:
            return peer.reset()
        if what == 1:
            return peer.right(request, only=part, **good) and False
        if what == 2:
            return peer.answer(503, b"busy", Retry_After=0)
        if what == 3:
            return peer.answer(self.random.choice([502, 504]), b"the store failed")
        if what == 4:
            peer.send(os.urandom(100))
            return False
        if what == 5:
            return peer.right(request, at_once=1 << 14, **good) and self.random.random() < 0.5
        if what == 6 and part % 4 == 0:
            peer.right(request, only=part, **good)
            return peer.hang()
        if what == 7:
            peer.right(request, only=part, **good)
            return peer.reset()
        return peer.right(request, **good)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_reads_give_right_bytes_or_an_error(nodes, seed):
    flaky = [Flaky(seed * 10 + i) for i in range(3)]
    three = nodes(*flaky)
    chance = random.Random(seed)
    wrong, errors, reads = [], [], []

    def work(ranges):
        for start, end, into in ranges:
            began = time.monotonic()
            try:
                read = client.read("k", "x", start, end, into=bytearray(end - start) if into else None)
            except CacheyError as error:
                errors.append(error)
            else:
                version = next(number for number, tag in VERSIONS.items() if tag == read.etag)
                if bytes(read.data) != content(start, min(end, SIZE) - start, version):
                    wrong.append((start, end, read))
            reads.append(time.monotonic() - began)

    def ranges():
        for _ in range(ROUNDS // 3):
            length = chance.choice([1, 100, 4096, 70_000, 1 << 20, 3 << 20])
            start = chance.randrange(SIZE)
            yield start, start + length, chance.random() < 0.3

    with Client([node.name for node in three], group_size=1 << 20, deadline=10, connections=4) as client:
        threads = [threading.Thread(target=work, args=(list(ranges()),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        for one in flaky:
            one.version = 2  # not all at the same time: nodes differ for a moment
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(reads) == ROUNDS // 3 * 3
    assert max(reads) < 12
    assert len(errors) < len(reads) / 4, [str(error) for error in errors[:5]]
