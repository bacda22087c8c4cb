"""docs/scenarios.md names a test for each of the 40 scenarios, and each test that it names exists."""

import pathlib
import re

from harness import ROOT

_ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| [^|]*\|$", re.MULTILINE)


def test_each_scenario_has_its_tests():
    rows = _ROW.findall((ROOT / "docs" / "scenarios.md").read_text())
    assert [int(number) for number, _ in rows] == list(range(1, 41))
    here = "\n".join(file.read_text() for file in pathlib.Path(__file__).parent.glob("test_*.py"))
    for number, names in rows:
        tests = re.findall(r"`(test_\w+)`", names)
        assert tests, f"scenario {number} has no test"
        for test in tests:
            assert f"\ndef {test}(" in here, f"scenario {number}: {test}"
