"""The disk's size and place: created directories, full file systems, a smaller capacity, what is not ours."""

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import threading

import pytest

from disk import counted, from_origin, kill, wait_for_pages
from expect import expect_206
from harness import KIB, MIB, wait_until
from start_up import expect_bad, expect_bad_last, run
from test_disk_start import wait_for_state

NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]
STORE_MAGIC = b"CACHEYDS"


def put_all(origin, kind, count, size):
    return [origin.put(kind, f"object-{i}", size=size) for i in range(count)]


def read_all(server, kind, stored, numbers):
    for i in numbers:
        expect_206(server.fetch(kind, f"object-{i}", 0, stored[i].size - 1), stored[i], 0, stored[i].size - 1, kind)


def hits_of(server, kind, stored, numbers):
    """Reads objects, which must have the right bytes. Returns how many came from the disk or memory."""
    hits = 0
    for i in numbers:
        before = from_origin(server)
        read_all(server, kind, stored, [i])
        hits += from_origin(server) == before
    return hits


def disk_of(server):
    return json.loads(server.get("/stats").text)["disk"]


@pytest.fixture
def small_mount(tmp_path):
    """An ext2 file system of 110 MB, which cannot reserve space."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext2"):
        pytest.skip("needs root and mkfs.ext2")
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(110 * MIB)
    subprocess.run(["mkfs.ext2", "-q", "-F", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=False, capture_output=True).returncode != 0:
        pytest.skip("no loop mounts here")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=False)


def fill_up(directory):
    """Takes all space of the file system."""
    with open(directory / "others", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 64 * KIB):
                pass
        except OSError:
            pass


def test_a_full_file_system_stops_the_writes_and_not_the_reads(s3_server, small_mount, origin, kind):
    arguments = ["--memory", "64MiB", "--disk-path", str(small_mount / "cache"), "--disk-capacity", "90MiB"]
    server = s3_server(*arguments)
    server.expect_log("cannot be reserved")
    stored = put_all(origin, kind, 50, 3 * MIB)
    read_all(server, kind, stored, range(8))
    wait_for_pages(server, 8)
    fill_up(small_mount)
    read_all(server, kind, stored, range(8, 48))
    wait_until(lambda: counted(server, "read_only") == 1, 15, "the disk has no room")
    assert counted(server, "drops_total", cause="read_only") > 0
    assert disk_of(server)["online"] and disk_of(server)["read_only"]
    assert hits_of(server, kind, stored, range(8)) == 8
    assert counted(server, "offline_total") == 0
    server.expect_log("disk has no room", f"{small_mount}/cache/cachey.disk", "No space left")
    assert server.log().count("disk has no room") <= 3

    kill(server)
    server = s3_server(*arguments)  # on the full file system
    assert hits_of(server, kind, stored, range(8)) == 8
    read_all(server, kind, stored, range(48, 50))
    os.remove(small_mount / "others")

    news = itertools.count()

    def is_written():
        stored_now = origin.put(kind, name := f"new-{next(news)}", size=KIB)  # misses start the probes
        expect_206(server.fetch(kind, name, 0, KIB - 1), stored_now, 0, KIB - 1, kind)
        return not disk_of(server)["read_only"] and counted(server, "pages") > 9
    wait_until(is_written, 60, "pages are written again")
    assert hits_of(server, kind, stored, range(8)) == 8


def test_a_capacity_beyond_the_file_system_is_refused_and_takes_no_space(small_mount):
    path = small_mount / "cache"
    done = run(*NOWHERE, "--disk-path", str(path), "--disk-capacity", "700MiB")
    expect_bad_last(done, str(path), "cannot reserve 700MiB", "its file system has")
    assert (path / "cachey.disk").stat().st_blocks == 0


def test_the_directory_is_made(s3_server, tmp_path, origin, kind):
    path = tmp_path / "var" / "cache" / "cachey"
    server = s3_server("--memory", "64MiB", "--disk-path", str(path), "--disk-capacity", "70MiB")
    assert path.stat().st_mode & 0o777 == 0o700 and path.parent.stat().st_mode & 0o777 == 0o700
    stored = put_all(origin, kind, 1, MIB)
    read_all(server, kind, stored, [0])
    wait_for_pages(server, 1)
    server.expect_log("disk opened")
    opened = next(line for line in server.log().splitlines() if "disk opened" in line)
    for word in (str(path), str(70 * MIB), "io="):
        assert word in opened


def test_a_smaller_capacity_drops_what_is_past_it(disk_server, disk_path, origin, kind):
    stored = put_all(origin, kind, 150, MIB)
    server = disk_server(memory="512MiB", capacity="200MiB")
    read_all(server, kind, stored, range(150))
    wait_for_pages(server, 150)
    server.stop()
    server = disk_server(capacity="100MiB")
    wait_for_state(server, "online")
    file = disk_path / "cachey.disk"
    wait_until(lambda: file.stat().st_size == 100 * MIB, 20, "the file is shorter")
    assert disk_of(server)["capacity_bytes"] == 100 * MIB
    assert 90 <= counted(server, "recovered_pages_total") < 100
    read_all(server, kind, stored, range(150))
    assert sum(entry.stat().st_blocks * 512 for entry in disk_path.iterdir()) <= 100 * MIB + 64 * KIB
    kill(server)
    server = disk_server(capacity="300MiB")
    assert counted(server, "recovered_pages_total") > 50
    assert disk_of(server)["capacity_bytes"] == 300 * MIB
    read_all(server, kind, stored, range(150))


def test_kills_while_it_gets_smaller_leave_no_wrong_byte(disk_server, disk_path, origin, kind):
    stored = put_all(origin, kind, 120, MIB)
    server = disk_server(memory="512MiB", capacity="180MiB")
    read_all(server, kind, stored, range(120))
    wait_for_pages(server, 120)
    kill(server)
    for _ in range(3):
        kill(disk_server(capacity="90MiB"))
    server = disk_server(capacity="90MiB")
    wait_until(lambda: (disk_path / "cachey.disk").stat().st_size == 90 * MIB, 20, "the file is shorter")
    assert 80 <= counted(server, "recovered_pages_total") <= 90
    read_all(server, kind, stored, range(120))


@pytest.mark.parametrize("harm", [b"\0" * 4096, b"\xa7" * 700, b"\x11" * 200_000], ids=["zeros", "sector", "most"])
def test_the_second_superblock_opens_the_store(disk_server, disk_path, origin, kind, harm):
    stored = put_all(origin, kind, 5, MIB)
    server = disk_server()
    read_all(server, kind, stored, range(5))
    wait_for_pages(server, 5)
    kill(server)
    with open(disk_path / "cachey.disk", "r+b") as disk:
        disk.write(harm)
    server = disk_server()
    server.expect_log("a copy of the superblock was damaged")
    assert hits_of(server, kind, stored, range(5)) == 5
    kill(server)
    assert (disk_path / "cachey.disk").open("rb").read(8) == STORE_MAGIC
    server = disk_server()
    assert "damaged" not in server.log().replace("damaged_blocks", "")


@pytest.mark.parametrize("required", [[], ["--disk-required"]])
def test_a_lock_that_is_given_up_in_time_is_waited_for(disk_server, disk_path, required):
    disk_server().stop()
    with open(disk_path / "cachey.disk", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        timer = threading.Timer(1.5, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        server = disk_server(*required)
        wait_for_state(server, "online")
        timer.join()
    server.expect_log("waiting for the process to end", count=1)
    assert "in use by another process of Cachey" not in server.log()


def test_in_block_mode_nothing_is_made(tmp_path):
    missing = tmp_path / "nvme7n1"
    done = run(*NOWHERE, "--disk-path", str(missing), "--disk-kind", "block", "--disk-capacity", "80MiB")
    expect_bad(done, str(missing), "no such device or file")
    assert not missing.exists()


def test_a_regular_file_in_dev_is_no_device():
    path = f"/dev/cachey-test-{os.getpid()}"
    try:
        with open(path, "wb"):
            pass
    except OSError:
        pytest.skip("no file can be made in /dev")
    try:
        done = run(*NOWHERE, "--disk-path", path, "--disk-kind", "block", "--disk-capacity", "80MiB")
        expect_bad(done, path, "not a device")
        assert os.stat(path).st_size == 0
    finally:
        os.remove(path)


def test_foreign_data_is_left_as_it_is(tmp_path):
    foreign = tmp_path / "volume"
    foreign.write_bytes(b"LABELONE" * 5000)
    done = run(*NOWHERE, "--disk-path", str(foreign), "--disk-kind", "block", "--disk-capacity", "80MiB")
    expect_bad(done, str(foreign), "no cache of ours", "--disk-wipe")
    assert foreign.read_bytes() == b"LABELONE" * 5000


def test_files_of_the_rust_cachey_are_named(disk_server, disk_path):
    for number in range(3):
        (disk_path / f"foyer-storage-direct-fs-0000{number}").write_bytes(b"y" * 70 * KIB)
    server = disk_server()
    server.expect_log("foyer")
    lines = [line for line in server.log().splitlines() if "foyer" in line]
    assert len(lines) == 1
    for word in ("foyer-storage-direct-fs-00000", "count=3", f"bytes={3 * 72 * KIB}"):
        assert word in lines[0]


def test_wiping_at_each_start_is_warned_of(disk_server):
    server = disk_server("--disk-wipe")
    server.expect_log("--disk-wipe")
    assert any("warning" in line and "--disk-wipe" in line for line in server.log().splitlines())
    server.stop()
    assert "--disk-wipe" not in disk_server().log()
