"""The paths of the modules of tests/e2e and tests/fleet."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("e2e", "fleet")]
