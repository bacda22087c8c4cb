"""The tests of a file run in one process, so that they share nodes; logs of failed tests; `LONG` forms on demand."""

import contextlib
import shutil

import fleet
import pytest

_LOG_LINES_SHOWN = 60


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures, or loads all cores; ./dev test runs these tests one after the other")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        if "/tests/fleet/" in str(item.path):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
            if not shutil.which("haproxy"):
                item.add_marker(pytest.mark.skip(reason="needs Debian's haproxy"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for process in fleet.running:
            lines = process.log.read_text(errors="replace").splitlines()
            report.sections.append((f"log {process.log.name}", "\n".join(lines[-_LOG_LINES_SHOWN:])))


@pytest.fixture(scope="module")
def stack():
    """What ends after the last test of the file."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def figure(record_property, capsys):
    """figure(NAME, TEXT) prints a figure of the test, and keeps it in the report of the run."""
    def tell(name, text):
        record_property(name, text)
        with capsys.disabled():
            print(f"\n{name}: {text}", flush=True)
    return tell
