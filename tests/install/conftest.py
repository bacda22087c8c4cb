"""The modules of the end-to-end suite, for tests of installed servers, and of the tests of fleets; the marker `alone`,
for a run of this folder alone."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("e2e", "fleet")]


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures, or loads all cores; ./dev test runs these tests one after the other")
