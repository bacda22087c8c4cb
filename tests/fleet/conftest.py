"""The tests of a file run in one process, so that they share nodes; logs of failed tests; `LONG` forms on demand."""

import contextlib
import shutil

import fleet
import pytest

_LOG_LINES_SHOWN = 60
_FIGURE = "figure of "


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
def figure(record_property):
    """figure(NAME, TEXT) keeps a figure of the test, for the end of the run and its report."""
    return lambda name, text: record_property(_FIGURE + name, text)


def pytest_terminal_summary(terminalreporter):
    """All figures: those of processes of xdist come with the reports of their tests."""
    told = [(name.removeprefix(_FIGURE), text) for reports in terminalreporter.stats.values() for report in reports
            if getattr(report, "when", "") == "call" for name, text in report.user_properties if name.startswith(_FIGURE)]
    if told:
        terminalreporter.section("figures of fleets")
    for name, text in sorted(told):
        terminalreporter.write_line(f"{name}: {text}")
