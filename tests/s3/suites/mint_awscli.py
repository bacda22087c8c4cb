#!/usr/bin/python3
"""Runs minio/mint's tests of aws-cli, against the cache behind the split proxy, and compares with the lists.

    git clone https://github.com/minio/mint
    tests/s3/suites/mint_awscli.py mint                  # 3 minutes
    tests/s3/suites/mint_awscli.py mint --side store     # the store alone: what does it pass itself?
    tests/s3/suites/mint_awscli.py mint --names test_aws_s3_sync

Needs radosgw, nginx, jq, curl, aws-cli (build/tools, by ./dev test) and a built server (CACHEY_BIN). Exit 1: a test that
must pass has not passed.
"""

import pathlib
import subprocess
import sys

import lists
import scene

_HERE = pathlib.Path(__file__).resolve().parent
_LISTS = _HERE / "mint_awscli"
_TOOLS = _HERE.parents[2] / "build" / "tools" / "s3-aws" / "bin"
_SECONDS = 300  # of a test
_FILES = {"0-b": 0, "1-b": 1, "1-kB": 1 << 10, "5-MB": 5 << 20, "10-MB": 10 << 20, "65-MB": 65 << 20}


def _make_files(folder):
    folder.mkdir()
    for name, size in _FILES.items():
        (folder / f"datafile-{name}").write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])


def _functions(suite, folder):
    """The suite's script without the call that runs it all."""
    text = (suite / "run/core/awscli/test.sh").read_text(encoding="utf-8")
    call = '_init "$@" && main'
    assert text.rstrip().endswith(call)
    script = folder / "functions.sh"
    script.write_text(text.rstrip().removesuffix(call), encoding="utf-8")
    return script


def _run(script, where, name):
    """(passed, what the test printed)"""
    settings = where.store.settings
    environment = {"PATH": f"{_TOOLS}:/usr/bin:/bin", "HOME": str(where.folder), "MINT_DATA_DIR": str(where.folder / "data"),
                   "AWS_ACCESS_KEY_ID": settings["AWS_ACCESS_KEY_ID"], "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_SECRET_ACCESS_KEY": settings["AWS_SECRET_ACCESS_KEY"], "SERVER_REGION": "us-east-1"}
    try:
        done = subprocess.run(["bash", "-c", f'source "{script}"; _init "{where.endpoint}"; {name}'], cwd=where.folder,
                              env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"not done in {_SECONDS} s"
    return done.returncode == 0 and '"PASS"' in done.stdout, done.stdout + done.stderr


def main():
    parser = lists.parser(__doc__)
    parser.add_argument("suite", type=pathlib.Path, metavar="FOLDER", help="a copy of minio/mint")
    options = parser.parse_args()
    with scene.scene(options.side, lists_too=options.lists_too) as where:
        _make_files(where.folder / "data")
        script = _functions(options.suite, where.folder)
        return lists.run_each(options, _LISTS, lambda name: _run(script, where, name))


if __name__ == "__main__":
    sys.exit(main())
