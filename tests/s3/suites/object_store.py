#!/usr/bin/python3
"""Runs the integration tests that the Rust crate object_store has for stores, against the cache behind the split proxy.

    tests/s3/suites/object_store.py                   # builds object_store/ by cargo, 3 minutes; then 10 s
    tests/s3/suites/object_store.py --side store      # the store alone: what does it pass itself?
    tests/s3/suites/object_store.py --names get_opts

Needs cargo, radosgw, nginx and a built server (CACHEY_BIN). Exit 1: a test that must pass has not passed.
"""

import pathlib
import subprocess
import sys

import lists
import scene

_HERE = pathlib.Path(__file__).resolve().parent
_LISTS = _HERE / "object_store"
_BUILT = _HERE.parents[2] / "build" / "tools" / "object-store"
_SECONDS = 120  # of a test


def _build():
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--target-dir", _BUILT], cwd=_LISTS, check=True)
    return _BUILT / "debug" / "object-store-suite"


def _run(program, where, name):
    """(passed, what the test printed)"""
    bucket = "suite-" + name.replace("_", "-")
    where.store.add_bucket(bucket)
    settings = where.store.environment() | {"AWS_ENDPOINT_URL": where.endpoint, "BUCKET": bucket}
    try:
        done = subprocess.run([program, name], env=settings, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"not done in {_SECONDS} s"
    return done.returncode == 0 and done.stdout == "PASS\n", done.stdout + done.stderr


def main():
    options = lists.parser(__doc__).parse_args()
    program = _build()
    with scene.scene(options.side, lists_too=options.lists_too) as where:
        return lists.run_each(options, _LISTS, lambda name: _run(program, where, name))


if __name__ == "__main__":
    sys.exit(main())
