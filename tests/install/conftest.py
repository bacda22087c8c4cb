"""The end-to-end suite's modules, for the tests of installed servers; the marker `alone`, for a run of this folder alone."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures, or loads all cores; ./dev test runs these tests one after the other")
