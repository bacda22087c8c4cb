"""The disk tier: fetched pages survive restarts and are read back in blocks."""

import json
import random
import re
import signal

import pytest

from disk import counted, from_origin, kill, wait_for_pages
from expect import c0_status, expect_206, expect_bytes
from harness import KIB, MIB, PAGE
from http1 import Connection, fetch_target, range_header
from start_up import expect_bad, expect_bad_last, run
from test_disk_start import wait_for_state

PAGES = 64
SMALL = 4 * KIB
BLOCK = 64 * KIB
NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]


def read_pages(server, kind, stored, pages):
    """Reads the pages of object `full` one after the other; returns their cached_at."""
    times = []
    with Connection(server.port) as connection:
        for page in pages:
            first, last = page * PAGE, page * PAGE + PAGE - 1
            response = connection.exchange("GET", fetch_target(kind, "full"), [range_header(first, last)])
            assert response.status == 206
            expect_bytes(response, stored.seed, first, last)
            times.append(c0_status(response.header("C0-Status"))[3])
    return times


def test_every_full_page_is_kept_over_a_crash_and_over_a_clean_end(disk_server, origin, kind):
    stored = origin.put(kind, "full", size=PAGES * PAGE)
    server = disk_server(capacity="1200MiB")
    for first in range(0, PAGES, 2):  # memory has room for four: more could leave before the disk has them
        assert not any(read_pages(server, kind, stored, range(first, first + 2)))
        wait_for_pages(server, first + 2)
    assert counted(server, "insertions_total") == PAGES
    times = read_pages(server, kind, stored, range(0, PAGES, 4))
    assert all(times), "none from the origin"
    assert from_origin(server) == PAGES * PAGE
    kill(server)

    server = disk_server(capacity="1200MiB")
    assert counted(server, "recovered_pages_total") == PAGES
    assert read_pages(server, kind, stored, range(0, PAGES, 4)) == times, "cached_at survives"
    assert all(read_pages(server, kind, stored, range(1, PAGES, 4)))
    assert from_origin(server) == 0
    server.stop()

    server = disk_server(capacity="1200MiB")
    assert all(read_pages(server, kind, stored, [*range(2, PAGES, 4), *range(3, PAGES, 4)]))
    assert from_origin(server) == 0
    written = counted(server, "written_bytes_total")
    assert written == 0, "what the disk has is not written again"


def test_a_clean_end_keeps_what_has_just_come_in(disk_server, origin, kind):
    server = disk_server()
    stored = [origin.put(kind, f"object-{i}", size=3000 + i) for i in range(200)]
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, 9999), one, 0, 9999, kind)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    server.expect_log("disk written all_pages=true")
    server = disk_server()
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"object-{i}", 0, 9999), one, 0, 9999, kind, hit=True)
    assert from_origin(server) == 0


def storage_reads(server):
    """Bytes that the process has read from storage."""
    with open(f"/proc/{server.pid}/io", encoding="ascii") as io:
        return int(re.search(r"read_bytes: (\d+)", io.read()).group(1))


@pytest.mark.parametrize("way", ["--iouring", "--iouring=false"])
def test_a_small_hit_reads_one_block(disk_server, origin, kind, way):
    pages, hits = 16, 400
    stored = origin.put(kind, "full", size=pages * PAGE)
    server = disk_server(way, memory="512MiB")  # no page leaves memory before the disk has the page
    read_pages(server, kind, stored, range(pages))
    wait_for_pages(server, pages)
    kill(server)
    server = disk_server(way)
    before = storage_reads(server)
    draw = random.Random(7)
    with Connection(server.port) as connection:
        for _ in range(hits):
            first = draw.randrange(pages * PAGE // SMALL) * SMALL
            response = connection.exchange("GET", fetch_target(kind, "full"), [range_header(first, first + SMALL - 1)])
            expect_206(response, stored, first, first + SMALL - 1, kind, hit=True)
    assert counted(server, "read_bytes_total") <= hits * BLOCK
    assert storage_reads(server) - before <= hits * BLOCK + MIB
    memory = json.loads(server.get("/stats").text)["memory"]
    assert memory["used_bytes"] <= hits * BLOCK
    assert from_origin(server) == 0


def test_more_than_fits_never_takes_more_than_the_capacity(disk_server, disk_path, origin, kind):
    server = disk_server(capacity="96MiB")
    draw = random.Random(1)
    sizes = [draw.choice([4 * KIB, 100 * KIB, MIB, 5 * MIB, PAGE]) for _ in range(60)]
    assert sum(sizes) > 2 * 96 * MIB
    for i, size in enumerate(sizes):
        stored = origin.put(kind, f"object-{i}", size=size)
        expect_206(server.fetch(kind, f"object-{i}", 0, PAGE), stored, 0, PAGE, kind)
        assert counted(server, "used_bytes") <= 96 * MIB
    assert sum(file.stat().st_blocks * 512 for file in disk_path.iterdir()) <= 96 * MIB + 64 * KIB
    disk = json.loads(server.get("/stats").text)["disk"]
    assert disk["capacity_bytes"] == 96 * MIB and disk["evictions"] > 0 and disk["online"]
    server.stop()
    last = len(sizes) - 1
    expect_206(disk_server(capacity="96MiB").fetch(kind, f"object-{last}", 0, PAGE), stored, 0, PAGE, kind, hit=True)


def test_a_file_stands_for_a_device(s3_server, tmp_path, origin, kind):
    device = tmp_path / "device"
    device.write_bytes(b"")
    arguments = ["--memory", "64MiB", "--disk-path", str(device), "--disk-kind", "block", "--disk-capacity", "80MiB"]
    stored = origin.put(kind, "object", size=MIB)
    server = s3_server(*arguments)
    expect_206(server.fetch(kind, "object", 0, MIB), stored, 0, MIB, kind)
    server.stop()
    server = s3_server(*arguments)
    expect_206(server.fetch(kind, "object", 0, MIB), stored, 0, MIB, kind, hit=True)
    server.stop()
    expect_206(s3_server(*arguments, "--disk-wipe").fetch(kind, "object", 0, MIB), stored, 0, MIB, kind, hit=False)


def test_a_new_version_puts_the_old_pages_out(disk_server, origin, kind):
    origin.put(kind, "object", size=2 * PAGE, etag='"old"')
    server = disk_server()
    server.fetch(kind, "object", 0, PAGE - 1)
    wait_for_pages(server, 1)
    kill(server)
    stored = origin.put(kind, "object", size=2 * PAGE, etag='"new"')
    server = disk_server()
    expect_206(server.fetch(kind, "object", PAGE, PAGE + 9), stored, PAGE, PAGE + 9, kind, hit=False)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind, hit=False)


def test_a_second_process_serves_without_the_disk_until_the_first_has_ended(disk_server, disk_path):
    first = disk_server()
    second = disk_server()
    wait_for_state(second, "failed")
    second.expect_log("in use by another process")
    first.stop()
    wait_for_state(second, "online")


def test_a_second_process_on_a_required_disk_is_refused(disk_server, disk_path):
    disk_server()
    done = run(*NOWHERE, "--disk-path", str(disk_path), "--disk-capacity", "512MiB", "--disk-required", seconds=15)
    expect_bad_last(done, str(disk_path), "in use by another process", code=1)


@pytest.mark.parametrize("arguments, words", [
    (["--disk-path", "/proc/no/such/directory"], ["/proc/no", "cannot be made"]),
    (["--disk-path", "/proc/self/status"], ["/proc/self/status"]),
    (["--disk-path", "{path}", "--disk-capacity", "15TiB"], ["{path}", "cannot reserve"]),
    (["--disk-path", "{path}", "--disk-capacity", "1MiB"], ["{path}", "at least 64MiB"]),
    (["--disk-path", "{path}", "--disk-kind", "tape"], ["--disk-kind", "tape"]),
    (["--disk-capacity", "1GiB"], ["--disk-capacity", "needs --disk-path"]),
    (["--disk-path", "{path}/foreign", "--disk-kind", "block", "--disk-capacity", "64MiB"], ["no cache of ours", "--disk-wipe"]),
])
def test_a_bad_disk_is_a_clear_line_and_nothing_starts(disk_path, arguments, words):
    (disk_path / "foreign").write_bytes(b"\x7fELF" + b"x" * MIB)
    arguments = [argument.format(path=disk_path) for argument in arguments]
    expect_bad(run(*NOWHERE, *arguments), *[word.format(path=disk_path) for word in words])
