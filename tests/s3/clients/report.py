"""What the scripts of this folder share: the bucket's objects, and the report that a script prints.

A script is a process: SCRIPT BUCKET [--store-is-down], with the AWS_* variables of the endpoint. It runs its steps in
turn and prints one JSON document: what each step returned or how it failed. Two endpoints are equal for a client if
the documents are equal.
"""

import argparse
import hashlib
import json
import pathlib
import sys

BIG = "big.bin"  # 40 MiB, uploaded in parts of 8 MiB
BIG_BYTES = 40 << 20
TABLE = "table.parquet"  # 10 row groups, columns id, value, text
EMPTY = "empty"
SMALL = "small.txt"  # 12 bytes, with every attribute that a PUT can set
ODD = "dir/a b+c%25/ü=1.txt"
MISSING = "no/such key"
NO_BUCKET = "no-such-bucket"
FOLDER = "dir/"  # ODD and a plain name
MANY = "many/"  # 25 objects of 0 to 24 bytes, for lists of several pages
PAGE = 10
HIVE = "hive/"  # two tables, day=1/part.parquet and day=2/part.parquet, columns id and value

RANGES = [(0, 0), (0, 99), (8 << 20, (8 << 20) + 5), ((16 << 20) - 7, (16 << 20) + 7), (BIG_BYTES - 5, BIG_BYTES - 1)]


def digest(data):
    """A body in short."""
    data = bytes(data)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def file_digest(path):
    with open(path, "rb") as file:
        return digest(file.read())


def tree_digest(folder):
    """{path: digest} of the files in a folder."""
    return {str(file.relative_to(folder)): file_digest(file) for file in sorted(pathlib.Path(folder).rglob("*")) if file.is_file()}


class Report:
    """Collects the results of steps. `describe` makes an error comparable: its code, without addresses and ids."""

    def __init__(self, describe):
        options = argparse.ArgumentParser()
        options.add_argument("bucket")
        options.add_argument("--store-is-down", action="store_true", help="leave out what only the store can say")
        chosen = options.parse_args()
        self.bucket = chosen.bucket
        self._store_is_down = chosen.store_is_down
        self._describe = describe
        self._steps = {"read": {}, "asked": {}}

    def url(self, key, bucket=None):
        return f"s3://{bucket or self.bucket}/{key}"

    def read(self, name, function, *arguments, **named):
        """A step that a cache can answer alone, once it has been made."""
        self._run("read", name, function, arguments, named)

    def ask(self, name, function, *arguments, **named):
        """A step that the store must answer: lists, what is missing, and conditions that fail."""
        if not self._store_is_down:
            self._run("asked", name, function, arguments, named)

    def _run(self, kind, name, function, arguments, named):
        assert name not in self._steps[kind], name
        try:
            result = function(*arguments, **named)
        except Exception as error:  # an error is a result
            result = {"error": self._describe(error)}
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        self._steps[kind][name] = result

    def show(self):
        json.dump(self._steps, sys.stdout, indent=1, sort_keys=True, default=str)
        print()
