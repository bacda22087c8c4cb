"""Unit files of the reference's current release: each option of its help starts the server, with the reference's meaning."""

import pytest

import start_up
from expect import expect_206
from harness import KIB, wait_until

_MEMORY = ["--memory", "64MiB"]
_LINES = {  # the values are those of the reference's help, but for the capacity: this machine's disk is small
    "memory in MiB": ["--memory", "512MiB"],
    "memory in GB": ["--memory", "2GB"],
    "memory in GiB": ["--memory", "1.5GiB"],
    "a directory": [*_MEMORY, "--disk-path", "{disk}", "--disk-kind", "fs", "--disk-capacity", "100MiB"],
    "io_uring": [*_MEMORY, "--disk-path", "{disk}", "--disk-capacity", "100MiB", "--iouring"],
    "a hedge budget": [*_MEMORY, "--hedge-budget-percent", "5"],
    "no hedges": [*_MEMORY, "--hedge-budget-percent", "0"],
    "time-outs": [*_MEMORY, "--bucket-timeout-ms", "5000", "--download-timeout-ms", "10000"],
    "memory of downloads": [*_MEMORY, "--max-download-memory", "1GiB"],
    "an older release": [*_MEMORY, "--hedge-quantile", "0.99"],
    "a port": [*_MEMORY, "--port", "0"],
    "all": ["--memory", "512MiB", "--disk-path", "{disk}", "--disk-kind", "fs", "--disk-capacity", "100MiB", "--iouring",
            "--bucket-timeout-ms", "5000", "--download-timeout-ms", "10000", "--hedge-budget-percent", "5",
            "--max-download-memory", "1GiB", "--port", "0"],
}


@pytest.mark.parametrize("line", _LINES.values(), ids=_LINES.keys())
def test_an_option_line_starts_the_server(s3_server, origin, kind, disk_path, line):
    stored = origin.put(kind, "object", size=100 * KIB)
    server = s3_server(*(word.format(disk=disk_path) for word in line))
    expect_206(server.fetch(kind, "object", 0, 999), stored, 0, 999, kind)


def test_a_file_stands_for_a_block_device(s3_server, origin, kind, tmp_path):
    device = tmp_path / "device"
    device.write_bytes(b"")
    device.open("r+b").truncate(100 << 20)
    stored = origin.put(kind, "object", size=100 * KIB)
    server = s3_server(*_MEMORY, "--disk-path", str(device), "--disk-kind", "block")
    expect_206(server.fetch(kind, "object", 0, 999), stored, 0, 999, kind)


def test_a_certificate_made_at_start(start_server, origin):
    server = start_server("--origin", "s3", *_MEMORY, "--tls-self", environment=origin.environment())
    server.expect_log("tls=true")


def test_downloads_get_at_least_a_page():
    """The reference does not start with less, and says so."""
    start_up.expect_bad(start_up.run(*_MEMORY, "--max-download-memory", str((16 << 20) - 1)), "max-download-memory", "16MiB")
