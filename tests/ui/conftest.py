"""Fixtures of the status page's tests: one browser for all, one server that only gives the page, servers of a test."""

import contextlib
import itertools
import pathlib
import shutil
import sys

import pytest

_TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS / name) for name in ("e2e", "origin", "ui")]

import cachey_server  # noqa: E402  (the path above comes first)
import status_page  # noqa: E402
from cachey_server import CacheyServer  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402

_LOG_LINES_SHOWN = 100
_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        if "/tests/ui/" in str(item.path):
            item.add_marker(pytest.mark.xdist_group("ui"), append=False)  # one browser


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "/tests/ui/" in str(item.path):
        for server in cachey_server.running:
            report.sections.append(("log of the server", "\n".join(server.log().splitlines()[-_LOG_LINES_SHOWN:])))


@pytest.fixture(scope="session")
def chromium():
    """The browser, Debian's."""
    if not shutil.which("chromium"):
        pytest.fail("chromium not found: install Debian's package", pytrace=False)
    with status_page.browser() as running:
        yield running


@pytest.fixture(scope="session")
def origin():
    with ScriptedOrigin() as running:
        yield running


@pytest.fixture
def kind():
    """A kind, and so a bucket, that no other test uses."""
    return f"kind-{next(_numbers)}"


@pytest.fixture
def start_page_server(tmp_path):
    """start_page_server(OPTION...) starts servers in front of an origin for this test."""
    with contextlib.ExitStack() as stack:
        def start(origin, *arguments):
            log = tmp_path / f"server-{next(_numbers)}.log"
            server = CacheyServer(log, ["--origin", "s3", "--memory", "64MiB", *arguments], origin.environment())
            stack.callback(server.discard)
            stack.callback(server.stop)
            return server.start()
        yield start


@pytest.fixture(scope="session")
def constant_page(tmp_path_factory, origin):
    """The address of /ui of a server whose numbers the tests replace."""
    server = CacheyServer(tmp_path_factory.mktemp("ui") / "log", ["--origin", "s3", "--memory", "64MiB", "--ui"], origin.environment())
    server.start()
    yield f"http://127.0.0.1:{server.port}/ui"
    server.stop()


@pytest.fixture
def open_page(chromium):
    """open_page(ADDRESS, scene=..., KIND OF SCREEN...) opens the page in a window of its own."""
    with contextlib.ExitStack() as stack:
        def open_one(address, **how):
            return stack.enter_context(status_page.opened(chromium, address, **how))
        yield open_one
