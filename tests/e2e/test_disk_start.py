"""The start of a server whose disk hangs, fails or is damaged: the server listens within a second and serves."""

import json
import signal
import subprocess
import time

import pytest

from cachey_server import base_environment
from disk import counted, from_origin, kill, wait_for_pages
from expect import expect_206
from harness import BINARY, KIB, MIB, limit, wait_until
from start_up import expect_bad, expect_bad_last, run

NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]
JOURNAL = 512 * KIB
"""The superblocks are before this offset."""


def disk_of(server):
    return json.loads(server.get("/stats").text)["disk"]


def wait_for_state(server, state):
    wait_until(lambda: disk_of(server)["state"] == state, 15, f"the disk's state {state}")
    assert counted(server, "state", state=state) == 1 and counted(server, "state") == 1
    assert disk_of(server)["online"] == (state == "online")


def start_in_time(start, *arguments):
    """Starts a server. It must listen within a second, or two if the machine is busy."""
    began = time.monotonic()
    server = start(*arguments)
    assert time.monotonic() - began < limit(2)
    return server


def damage(faulty_disk, at=30, byte=b"\x55"):
    """Changes a byte of both superblocks."""
    with open(faulty_disk.file, "r+b") as disk:
        for copy in (0, 256 * KIB):
            disk.seek(copy + at)
            disk.write(byte)


@pytest.fixture
def filled(faulty_disk_server, origin, kind):
    """An object that is on the disk of a server that has ended."""
    server = faulty_disk_server()
    stored = origin.put(kind, "kept", size=MIB)
    expect_206(server.fetch(kind, "kept", 0, MIB), stored, 0, MIB, kind)
    wait_for_pages(server, 1)
    kill(server)
    return stored


@pytest.mark.parametrize("fault, state", [
    ("open hang", "opening"), ("size hang", "opening"), ("read hang", "opening"),
    (f"read hang 0 {JOURNAL} {1 << 60}", "reading_index"),
])
def test_a_disk_that_hangs_is_used_once_it_answers(faulty_disk_server, faulty_disk, filled, origin, kind, fault, state):
    faulty_disk.set(fault)
    server = start_in_time(faulty_disk_server)
    assert disk_of(server)["state"] == state
    assert server.get("/readyz").status == 200
    new = origin.put(kind, "new", size=MIB)
    for hit in (False, True):
        expect_206(server.fetch(kind, "new", 0, MIB), new, 0, MIB, kind, hit=hit)
    assert counted(server, "drops_total", cause="opening") == 1
    faulty_disk.set()
    wait_for_state(server, "online")
    before = from_origin(server)
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=True)
    assert from_origin(server) == before
    later = origin.put(kind, "later", size=MIB)
    expect_206(server.fetch(kind, "later", 0, MIB), later, 0, MIB, kind)
    wait_for_pages(server, 2)


@pytest.mark.parametrize("fault", ["open hang", "read hang", f"read hang 0 {JOURNAL} {1 << 60}"])
def test_a_server_whose_disk_never_answers_ends_at_the_signal(faulty_disk_server, faulty_disk, filled, fault):
    faulty_disk.set(fault)
    server = start_in_time(faulty_disk_server)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert time.monotonic() - began < limit(4)
    server.check_log()


def test_a_version_that_was_seen_before_the_disk_answered_is_the_one(faulty_disk_server, faulty_disk, filled, origin, kind):
    faulty_disk.set("open hang")
    server = faulty_disk_server()
    changed = origin.put(kind, "kept", size=MIB, etag='"changed"')
    expect_206(server.fetch(kind, "kept", 0, 9), changed, 0, 9, kind)
    faulty_disk.set()
    wait_for_state(server, "online")
    assert counted(server, "pages") == 0
    expect_206(server.fetch(kind, "kept", 0, MIB), changed, 0, MIB, kind, hit=True)


def test_a_version_that_was_seen_before_the_disk_answered_outlives_a_crash(faulty_disk_server, faulty_disk, filled, origin, kind):
    faulty_disk.set("open hang")
    server = faulty_disk_server()
    changed = origin.put(kind, "kept", size=MIB, etag='"changed"')
    expect_206(server.fetch(kind, "kept", 0, 9), changed, 0, 9, kind)
    faulty_disk.set()
    wait_for_state(server, "online")
    wait_until(lambda: counted(server, "pending_records") == 0, 10, "the records of what is gone are written")
    kill(server)
    again = faulty_disk_server()
    wait_for_state(again, "online")
    expect_206(again.fetch(kind, "kept", 0, MIB), changed, 0, MIB, kind, hit=False)


def test_a_disk_that_fails_is_opened_again(faulty_disk_server, faulty_disk, filled, kind):
    faulty_disk.set("read fail 5")
    server = start_in_time(faulty_disk_server)
    wait_for_state(server, "failed")
    assert "cannot be read" in disk_of(server)["error"]
    server.expect_log("cannot be read")
    faulty_disk.set()
    wait_for_state(server, "online")
    assert disk_of(server)["error"] == ""
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=True)


@pytest.mark.parametrize("at, byte, words", [(30, b"\x55", "damaged"), (8, b"\x63", "version 99")])
def test_a_store_that_cannot_be_used_is_an_alarm_until_it_is_wiped(faulty_disk_server, faulty_disk, filled, kind, at, byte, words):
    damage(faulty_disk, at, byte)
    before = faulty_disk.file.read_bytes()
    server = start_in_time(faulty_disk_server)
    wait_for_state(server, "unusable")
    error = disk_of(server)["error"]
    assert words in error and "--disk-wipe" in error
    server.expect_log(error)
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=False)
    server.stop()
    assert faulty_disk.file.read_bytes() == before
    wiped = faulty_disk_server("--disk-wipe")
    wait_for_state(wiped, "online")
    expect_206(wiped.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=False)
    wiped.stop()
    again = faulty_disk_server()
    expect_206(again.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=True)


def test_damage_that_is_found_late_ends_nothing(faulty_disk_server, faulty_disk, filled, kind):
    damage(faulty_disk)
    faulty_disk.set("read hang")
    server = start_in_time(faulty_disk_server)
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=False)
    faulty_disk.set()
    wait_for_state(server, "unusable")
    server.expect_log("damaged")
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind, hit=True)


def required(faulty_disk):
    return [*NOWHERE, "--disk-required", "--disk-capacity", "512MiB", "--disk-path", str(faulty_disk.file.parent)]


def run_required(faulty_disk, seconds=5):
    return run(*required(faulty_disk), environment=faulty_disk.environment, seconds=seconds)


def catches(pid, number):
    """True if the process has a handler for the signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        caught = next(line for line in status if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (number - 1) & 1


def test_a_required_disk_that_is_damaged_or_fails_ends_the_start(faulty_disk, filled):
    faulty_disk.set("read fail 5")
    expect_bad_last(run_required(faulty_disk), str(faulty_disk.file.parent), "cannot be read", code=1)
    faulty_disk.set("open fail 5")
    expect_bad(run_required(faulty_disk), str(faulty_disk.file), "Input/output error", code=1)
    damage(faulty_disk)
    faulty_disk.set()
    expect_bad_last(run_required(faulty_disk), str(faulty_disk.file.parent), "damaged", "--disk-wipe")


def test_a_required_disk_is_waited_for_half_a_minute(faulty_disk, filled):
    faulty_disk.set("open hang")
    began = time.monotonic()
    expect_bad_last(run_required(faulty_disk, seconds=40), str(faulty_disk.file.parent), "does not answer", code=1)
    assert 30 <= time.monotonic() - began


def test_a_signal_ends_the_wait_for_a_required_disk(faulty_disk, filled):
    faulty_disk.set("open hang")
    with subprocess.Popen([str(BINARY), *required(faulty_disk)], stderr=subprocess.PIPE, text=True,
                          env=base_environment() | faulty_disk.environment) as waiting:
        wait_until(lambda: catches(waiting.pid, signal.SIGTERM), what="a handler of the signal")
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(limit(5)) == 0
        assert "listening" not in waiting.stderr.read()


def test_a_required_disk_holds_the_start_until_it_answers(faulty_disk_server, faulty_disk, filled, kind):
    faulty_disk.set("read delay 1000")
    server = faulty_disk_server("--disk-required")
    expect_206(server.fetch(kind, "kept", 0, MIB), filled, 0, MIB, kind)
