"""A place of the disk where the index cannot be written: the index goes on elsewhere, and no page is lost."""

import json
import struct
import time

import pytest

from disk import from_origin, kill, wait_for_pages
from expect import expect_206
from harness import KIB, MIB, limit


def last_segment(file):
    """The offsets of the journal's last segment: from, to. See docs/format.md."""
    with open(file, "rb") as disk:
        superblock = disk.read(MIB // 4)
    units, count = struct.unpack_from("<II", superblock, 64)
    first = struct.unpack_from("<I", superblock, 72 + 24 * (count - 1))[0]
    return first * 4 * KIB, (first + units) * 4 * KIB


@pytest.mark.parametrize("fault", ["hang 0", "fail 5"])
def test_a_place_where_the_journal_cannot_be_written_is_left(faulty_disk_server, faulty_disk, origin, kind, fault):
    objects = 300
    server = faulty_disk_server()
    stored = [origin.put(kind, f"object-{i}", size=4 * KIB) for i in range(objects)]
    expect_206(server.fetch(kind, "object-0", 0, 99), stored[0], 0, 99, kind)
    wait_for_pages(server, 1)
    first, end = last_segment(faulty_disk.file)
    faulty_disk.set(f"write {fault} {first} {end}")
    for i, one in enumerate(stored):
        began = time.monotonic()
        expect_206(server.fetch(kind, f"object-{i}", 0, 4095), one, 0, 4095, kind)
        assert time.monotonic() - began < limit(2)
    wait_for_pages(server, objects)
    assert json.loads(server.get("/stats").text)["disk"]["state"] == "online"
    assert last_segment(faulty_disk.file) != (first, end)
    kill(server)
    faulty_disk.set()
    server = faulty_disk_server()
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, 4095), one, 0, 4095, kind, hit=True)
    assert from_origin(server) == 0
