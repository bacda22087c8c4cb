"""The manifest of `cacheyctl warm`: every line is an object or a fault with its number, and memory is bounded."""

import io
import json
import re
import tracemalloc

import pytest

from cachey_client.cli.manifest import LONGEST_LINE, Entry, Fault, Manifest


def entries(text, kind=None):
    return list(Manifest(io.BytesIO(text if isinstance(text, bytes) else text.encode()), kind))


def test_a_line_is_an_object():
    assert entries("logs/a/b c\nlogs/ü\t70\nk/x\t-\t0-9,20-29\nk/y\t\t5-5\r\n\n") == [
        Entry("logs", "a/b c"),
        Entry("logs", "ü", 70),
        Entry("k", "x", None, ((0, 10), (20, 30))),
        Entry("k", "y", None, ((5, 6),)),
    ]


def test_with_a_kind_lines_are_keys():
    assert entries("a/b\n/c\nd//e\t9", "k") == [Entry("k", "a/b"), Entry("k", "/c"), Entry("k", "d//e", 9)]


def test_a_line_of_json_can_hold_any_key():
    key = 'tab\t line\n {brace} "quote"'
    line = json.dumps({"kind": "k", "key": key, "size": 9, "ranges": "0-3", "buckets": ["b1", "b2"]})
    assert entries(line) == [Entry("k", key, 9, ((0, 4),), ("b1", "b2"))]
    assert entries('{"key": "x"}', "k") == [Entry("k", "x")]


@pytest.mark.parametrize(
    "line,reason",
    [
        ("nokey", "not kind/key"),
        ("/key", "not kind/key"),
        ("kind/", "not kind/key"),
        ("k/x\tbig", "not a size"),
        ("k/x\t-5", "not a size"),
        ("k/x\t1\t9-0", "not a range"),
        ("k/x\t1\t0-", "not a range"),
        ("k/x\t1\t0-9223372036854775807", "not a range"),
        ("k/x\t1\t0-1\tmore", "three columns"),
        (b"k/\xff", "not UTF-8"),
        ('{"kind": 1, "key": "a"}', "two texts"),
        ('{"key": "a"}', "two texts"),
        ('{"kind": "k", "key": "a", "size": true}', "number of bytes"),
        ('{"kind": "k", "key": "a", "size": -1}', "number of bytes"),
        ('{"kind": "k", "key": "a", "ranges": [1]}', "is a text"),
        ('{"kind": "k", "key": "a", "buckets": "b"}', "list of names"),
        ('{"kind": "k", "key": "a", "etag": "b"}', "unknown member 'etag'"),
        ('{"kind": "k", "key": "\\ud800"}', "surrogate"),
        ('{"kind": "k"', "not JSON"),
        ("{" + '"a":[' * 100_000, "JSON|deep"),
        ('{"kind": "k", "key": "a", "size": ' + "1" * 5000 + "}", "^not JSON: a number of too many digits|bytes$"),
        ("k/x\t1\t" + "0-1," * (1 << 14) + "0-1", "^more than 16384 ranges"),
    ],
)
def test_a_line_that_names_no_object_is_a_fault_with_its_number(line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    first, fault, last = entries(b"k/first\n" + line + b"\nk/last\n")
    assert (first, last) == (Entry("k", "first"), Entry("k", "last"))
    assert isinstance(fault, Fault) and fault.name == "line 2"
    assert re.search(reason, fault.reason)


def test_the_mark_that_editors_of_windows_write_is_no_part_of_a_key():
    assert entries(b"\xef\xbb\xbfk/a\r\nk/b\r\n") == [Entry("k", "a"), Entry("k", "b")]


def test_a_line_without_end_is_one_fault():
    found = entries(b"k/" + b"x" * (3 * LONGEST_LINE) + b"\nk/next\n")
    assert isinstance(found[0], Fault) and "longer" in found[0].reason
    assert found[1:] == [Entry("k", "next")]


class Lines(io.RawIOBase):
    """A stream of `count` lines that are made when they are read."""

    def __init__(self, count):
        self._left = count

    def readable(self):
        return True

    def readinto(self, buffer):
        lines = min(self._left, len(buffer) // 32)
        self._left -= lines
        data = b"logs/a-key-of-some-length\t123456\n"[-32:] * lines
        buffer[: len(data)] = data
        return len(data)


def test_a_long_manifest_is_read_line_by_line():
    tracemalloc.start()
    manifest = Manifest(io.BufferedReader(Lines(20_000)))
    count = sum(isinstance(item, Entry) for item in manifest)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000 and manifest.read == 20_000 * 32
    assert peak < 1 << 18
