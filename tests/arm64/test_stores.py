"""A disk that the server of one processor has written opens on the other one, and serves without the store."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "e2e"), str(HERE.parent / "origin")]

from cachey_server import CacheyServer  # noqa: E402
from disk import from_origin, wait_for_pages  # noqa: E402
from expect import expect_bytes  # noqa: E402
from harness import PAGE, ROOT  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402
from test_disk_start import wait_for_state  # noqa: E402

NATIVE = ROOT / "build" / "release" / "cachey"
ARM64 = HERE / "server"
SIZES = {"small": 1000, "page": PAGE, "pages": 2 * PAGE + 12345}
PAGES = 5


@pytest.fixture
def origin():
    with ScriptedOrigin() as running:
        yield running


@pytest.fixture
def start(tmp_path, origin):
    """Starts a program as a server over the test's disk."""
    started = []

    def start(program):
        server = CacheyServer(tmp_path / f"{len(started)}.log", [
            "--origin", "s3", "--memory", "256MiB", "--disk-path", str(tmp_path / "disk"), "--disk-capacity", "200MiB"],
            origin.environment())
        server.command[0] = str(program)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.discard()


def read_all(server, objects):
    for name, stored in objects.items():
        for first in range(0, stored.size, PAGE):
            last = min(first + PAGE, stored.size) - 1
            response = server.fetch("bucket", name, first, last)
            assert response.status == 206, response.body
            expect_bytes(response, stored.seed, first, last)


@pytest.mark.parametrize("writer, reader", [(NATIVE, ARM64), (ARM64, NATIVE)], ids=["native to arm64", "arm64 to native"])
def test_a_disk_opens_on_the_other_processor(origin, start, writer, reader):
    objects = {name: origin.put("bucket", name, size) for name, size in SIZES.items()}
    first = start(writer)
    read_all(first, objects)
    wait_for_pages(first, PAGES)
    assert from_origin(first) == sum(SIZES.values())
    first.stop()

    second = start(reader)
    wait_for_state(second, "online")
    read_all(second, objects)
    assert from_origin(second) == 0
    second.stop()
