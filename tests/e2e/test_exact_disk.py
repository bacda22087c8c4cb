"""Parts of pages, which `C0-Exact: true` has fetched, on the disk."""

import random
import signal

from disk import from_origin, kill
from expect import expect_206
from harness import KIB, MIB, PAGE

EXACT = (("C0-Exact", "true"),)


def exact(server, kind, stored, first, last, hit=None):
    answer = server.fetch(kind, "object", first, last, headers=EXACT)
    expect_206(answer, stored, first, last, kind, hit=hit)


def test_parts_survive_a_clean_end(disk_server, origin, kind):
    stored = origin.put(kind, "object", size=40 * MIB)
    ranges = [(4, 9), (MIB - 5, MIB + 70_000), (3 * MIB + 1, 9 * MIB), (PAGE - 10, PAGE + 9)]
    server = disk_server()
    for first, last in ranges:
        exact(server, kind, stored, first, last, hit=False)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    server = disk_server()
    for first, last in ranges:
        exact(server, kind, stored, first, last, hit=True)
    exact(server, kind, stored, 4 * MIB + 3, 8 * MIB, hit=True)
    assert from_origin(server) == 0
    expect_206(server.fetch(kind, "object", 0, PAGE - 1), stored, 0, PAGE - 1, kind, hit=False)
    exact(server, kind, stored, 100, 200)
    assert from_origin(server) <= PAGE


def test_a_crash_costs_no_wrong_byte(disk_server, origin, kind):
    stored, source = origin.put(kind, "object", size=20 * MIB), random.Random(5)
    for _ in range(4):
        server = disk_server()
        for _ in range(60):
            first = source.randrange(stored.size)
            last = min(first + source.choice([0, 100, 5 * KIB, 300 * KIB, 5 * MIB]), stored.size - 1)
            if source.randrange(20):
                exact(server, kind, stored, first, last)
            else:
                expect_206(server.fetch(kind, "object", first, last), stored, first, last, kind)
        kill(server)
