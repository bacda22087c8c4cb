#!/usr/bin/python3
"""Runs what reads of versitygw's conformance tests, against the cache behind the split proxy, and compares with the lists.

    tests/s3/suites/versitygw.py                     # build/tools/versitygw, which ./dev test builds
    tests/s3/suites/versitygw.py --side store        # the store alone: what does it pass itself?
    tests/s3/suites/versitygw.py --names GetObject_with_range HeadObject_with_range

Needs radosgw, nginx and a built server (CACHEY_BIN). Exit 1: a test that must pass has not passed.
"""

import pathlib
import re
import subprocess
import sys

import lists
import scene

_HERE = pathlib.Path(__file__).resolve().parent
_LISTS = _HERE / "versitygw"
_PROGRAM = _HERE.parents[2] / "build" / "tools" / "versitygw"
_SECONDS = 60  # of a test
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _run(program, where, name):
    """(passed, what the test printed)"""
    settings = where.store.settings
    command = [program, "test", "--access", settings["AWS_ACCESS_KEY_ID"], "--secret", settings["AWS_SECRET_ACCESS_KEY"],
               "--endpoint", where.endpoint, name]
    # The AWS_ variables of this machine would configure the suite's client.
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(where.folder)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"not done in {_SECONDS} s"
    said = _COLOURS.sub("", done.stdout + done.stderr)
    return done.returncode == 0 and "FAIL" not in said and "PASS" in said, said


def _remove_buckets(client):
    """Each test takes the same names of buckets, and some leave theirs."""
    for bucket in [entry["Name"] for entry in client.list_buckets()["Buckets"]]:
        names = {"Bucket": bucket}
        for upload in client.list_multipart_uploads(**names).get("Uploads", ()):
            client.abort_multipart_upload(**names, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in client.get_paginator("list_object_versions").paginate(**names):
            for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
                client.delete_object(**names, Key=entry["Key"], VersionId=entry["VersionId"])
        client.delete_bucket(**names)


def main():
    parser = lists.parser(__doc__)
    parser.add_argument("--program", type=pathlib.Path, default=_PROGRAM, help="versitygw v1.8.0")
    options = parser.parse_args()
    with scene.scene(options.side, lists_too=options.lists_too) as where:
        def run(name):
            result = _run(options.program, where, name)
            _remove_buckets(where.store.client)
            return result
        return lists.run_each(options, _LISTS, run)


if __name__ == "__main__":
    sys.exit(main())
