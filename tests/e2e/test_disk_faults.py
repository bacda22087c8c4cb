"""A disk that loses or changes bytes: every request is still served, and the counters show the damage."""

import json

from disk import counted, from_origin, kill, wait_for_pages
from expect import expect_206
from harness import KIB, MIB, PAGE, wait_until

OBJECTS = 6
SIZE = 4 * MIB


def fill(server, origin, kind):
    stored = [origin.put(kind, f"object-{i}", size=SIZE) for i in range(OBJECTS)]
    read_all(server, kind, stored)
    wait_for_pages(server, OBJECTS)
    return stored


def read_all(server, kind, stored, hit=None):
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, PAGE), one, 0, PAGE, kind, hit)


def disk_file(disk_path):
    (file,) = [file for file in disk_path.iterdir() if file.stat().st_size >= 64 * MIB]
    return file


def change_bytes(file, first, last, step):
    """Flips one bit per `step` bytes."""
    with open(file, "r+b") as disk:
        for at in range(first, last, step):
            disk.seek(at)
            byte = disk.read(1)
            disk.seek(at)
            disk.write(bytes([byte[0] ^ 4]))


def test_changed_bytes_are_misses(disk_server, disk_path, origin, kind):
    server = disk_server(capacity="128MiB")
    stored = fill(server, origin, kind)
    kill(server)
    server = disk_server(capacity="128MiB")
    change_bytes(disk_file(disk_path), 512 * KIB, 128 * MIB, 64 * KIB)
    read_all(server, kind, stored, hit=False)
    assert counted(server, "read_failures_total", cause="corrupt") >= OBJECTS
    assert counted(server, "corrupt_blocks_total") == OBJECTS * SIZE // (64 * KIB)
    assert from_origin(server) == OBJECTS * SIZE
    wait_for_pages(server, OBJECTS)
    kill(server)
    server = disk_server(capacity="128MiB")
    read_all(server, kind, stored, hit=True)
    assert from_origin(server) == 0, "the pages were written anew"


def test_a_torn_index_is_a_smaller_cache(disk_server, disk_path, origin, kind):
    server = disk_server(capacity="128MiB")
    stored = fill(server, origin, kind)
    kill(server)
    change_bytes(disk_file(disk_path), 512 * KIB, 128 * MIB, 4 * KIB)
    server = disk_server(capacity="128MiB")
    assert counted(server, "recovered_pages_total") < OBJECTS
    read_all(server, kind, stored, hit=False)


def test_a_file_cut_short_under_the_server_fails_no_request(disk_server, disk_path, origin, kind):
    server = disk_server(capacity="128MiB")
    stored = fill(server, origin, kind)
    kill(server)
    server = disk_server(capacity="128MiB")
    with open(disk_file(disk_path), "r+b") as disk:
        disk.truncate(MIB)
    for _ in range(2):
        read_all(server, kind, stored)
    failures = counted(server, "read_failures_total")
    assert failures > 0
    assert from_origin(server) >= OBJECTS * SIZE
    assert json.loads(server.get("/stats").text)["disk"]["capacity_bytes"] == 128 * MIB


def test_a_file_that_is_deleted_is_told(disk_server, origin, kind, disk_path):
    server = disk_server(capacity="64MiB")
    stored = origin.put(kind, "object", size=1000)
    server.fetch(kind, "object", 0, 999)
    wait_for_pages(server, 1)
    file, = disk_path.glob("*.disk")
    file.unlink()
    server.expect_log(f"disk file was deleted; its pages are lost when this process ends path={file}")
    wait_until(lambda: 'cachey_finding{code="disk_file_deleted"} 1' in server.get("/metrics").text, what="the finding")
    assert server.get("/readyz").status == 200
    expect_206(server.fetch(kind, "object", 0, 999), stored, 0, 999, kind)
