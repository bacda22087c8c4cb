"""Notices to a service manager by the protocol of sd_notify: a unit of Type=notify, its status, reload, watchdog and stop."""

import re
import signal
import socket

import pytest

from credential_program import settings_by_program
from expect import expect_206
from harness import MIB, PAGE, limit, wait_until
from origin_model import Behaviour

TOKEN = "token-of-16-bytes-1"


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(limit(5))
        yield listening


def next_notice(manager):
    """The next notice as a dict, without those of the watchdog."""
    while True:
        lines = manager.recv(4096).decode().splitlines()
        if lines != ["WATCHDOG=1"]:
            return dict(line.split("=", 1) for line in lines)


def notified(start_server, tmp_path, *arguments, **more):
    return start_server(*arguments, environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), **more})


def test_ready_comes_once_the_server_listens_and_stopping_tells_of_the_time(start_server, directory, tmp_path, manager):
    server = notified(start_server, tmp_path, "--origin", f"dir:{directory.path}", "--drain-delay", "0.2", "--drain-timeout", "5")
    assert next_notice(manager) == {"READY": "1", "STATUS": f"serving on 127.0.0.1:{server.port}"}
    server.signal(signal.SIGTERM)
    first, second = next_notice(manager), next_notice(manager)
    assert first["STOPPING"] == second["STOPPING"] == "1"
    assert "load balancers" in first["STATUS"] and "open requests" in second["STATUS"]
    assert int(second["EXTEND_TIMEOUT_USEC"]) >= 5_000_000
    assert int(first["EXTEND_TIMEOUT_USEC"]) >= int(second["EXTEND_TIMEOUT_USEC"]) + 200_000
    assert server.wait() == 0
    server.check_log()


def test_a_reload_begins_and_ends_and_a_failed_one_is_in_the_status(start_server, directory, tmp_path, manager):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN + "\n")
    server = notified(start_server, tmp_path, "--origin", f"dir:{directory.path}", "--auth-tokens", str(tokens))
    serving = next_notice(manager)
    server.signal(signal.SIGHUP)
    begun = next_notice(manager)
    assert begun["RELOADING"] == "1" and int(begun["MONOTONIC_USEC"]) > 0
    assert next_notice(manager) == serving
    tokens.write_text("short\n")
    server.signal(signal.SIGHUP)
    assert next_notice(manager)["RELOADING"] == "1"
    failed = next_notice(manager)
    assert failed["READY"] == "1" and failed["STATUS"].endswith("; the last reload failed: tokens")


def test_the_status_names_all_addresses(start_server, directory, tmp_path, manager):
    server = notified(start_server, tmp_path, "--origin", f"dir:{directory.path}", "--admin-listen", "127.0.0.1:0",
                      "--s3api-listen", "127.0.0.1:0", "--s3api-open")
    other = r"127\.0\.0\.1:[1-9]\d*"
    status = next_notice(manager)["STATUS"]
    assert re.fullmatch(f"serving on 127\\.0\\.0\\.1:{server.port}, admin on {other}, S3 on {other}", status), status


def test_the_status_names_the_disk(start_server, origin, tmp_path, manager, disk_path, kind):
    server = notified(start_server, tmp_path, "--origin", "s3", "--disk-path", str(disk_path), "--disk-capacity", "512MiB",
                      **origin.environment())
    notice = next_notice(manager)
    while "online" not in notice["STATUS"]:
        notice = next_notice(manager)
    assert notice["STATUS"] == f"serving on 127.0.0.1:{server.port}; disk online"
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=64 * MIB))
    server.fetch(kind, "object", 0, 9)
    server.signal(signal.SIGTERM)
    states = [next_notice(manager), next_notice(manager)]
    assert "disk" in states[-1]["STATUS"] and int(states[-1]["EXTEND_TIMEOUT_USEC"]) > 0
    assert server.wait() == 0


def test_the_watchdog_hears_of_loops_that_turn(start_server, directory, tmp_path, manager):
    server = notified(start_server, tmp_path, "--origin", f"dir:{directory.path}", WATCHDOG_USEC="10000000")
    heard = {manager.recv(4096) for _ in range(3)}
    assert b"WATCHDOG=1" in heard
    assert server.alive()


@pytest.mark.parametrize("address", ["/no/such/socket", "relative", "/" + 200 * "x"])
def test_a_socket_that_cannot_be_used_is_a_warning(start_server, directory, address):
    server = start_server("--origin", f"dir:{directory.path}", environment={"NOTIFY_SOCKET": address})
    server.expect_log("NOTIFY_SOCKET cannot be used")
    assert server.get("/readyz").status == 200


def test_a_full_socket_blocks_nothing(start_server, directory, tmp_path, manager):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(str(tmp_path / "notify"))
        with pytest.raises(BlockingIOError):
            while True:
                other.send(b"x")
    server = notified(start_server, tmp_path, "--origin", f"dir:{directory.path}")
    server.expect_log("notice to the service manager is lost")
    while True:
        notice = manager.recv(4096)
        if notice.startswith(b"READY=1\n"):
            break


def test_a_credential_process_cannot_speak_for_the_server(start_server, origin, tmp_path, manager, kind):
    seen = tmp_path / "seen"
    settings = settings_by_program(origin, tmp_path, f"env >{seen}")
    stored = origin.put(kind, "object", size=100)
    server = notified(start_server, tmp_path, "--origin", "s3", **settings, WATCHDOG_USEC="10000000", WATCHDOG_PID="1")
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    variables = seen.read_text()
    assert "PATH=" in variables
    assert "NOTIFY_SOCKET" not in variables and "WATCHDOG" not in variables
