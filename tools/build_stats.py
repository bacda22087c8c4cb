#!/usr/bin/env python3
"""Builds targets from nothing and prints the CPU-seconds by kind of step and by room.

usage: build_stats.py [TARGET...]     default: cachey; all: everything

The build is one of the release preset, in build/stats, without ccache, one step per core. The CPU time is measured for
the whole build, and divided among the steps in proportion to their durations in Ninja's log.
"""
import collections
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

FOLDER = pathlib.Path("build/stats")
KINDS = [  # the first that matches the path of an output
    ("precompiled headers", r"cmake_pch"),
    ("links", r"(?<!\.o)$"),
    ("fuzzers", r"_fuzz\.dir/"),
    ("benchmarks", r"^bench/|_benches\.dir/"),
    ("tests", r"_tests\.dir/|/testing/"),
    ("product", r""),
]


def kind_of(output):
    return next(kind for kind, pattern in KINDS if re.search(pattern, output))


def room_of(output):
    found = re.match(r"src/(.+?)/CMakeFiles/", output)
    return found[1] if found else output.split("/")[0]


def steps(log):
    """The seconds that each output took."""
    seconds = {}
    for line in log.read_text().splitlines():
        if not line.startswith("#"):
            begin, end, _, output, _ = line.split("\t")
            seconds[output] = (int(end) - int(begin)) / 1000
    return seconds


def table(title, seconds, total):
    print(f"\n{title:<24}{'CPU-s':>8}{'':4}share")
    for name, value in seconds.most_common():
        print(f"{name:<24}{value:8.1f}{100 * value / total:8.1f} %")


def main(targets):
    shutil.rmtree(FOLDER, ignore_errors=True)
    environment = dict(os.environ, CCACHE_DISABLE="1")
    subprocess.run(["cmake", "--preset", "release", "-B", FOLDER], check=True, stdout=subprocess.DEVNULL)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["ninja", "-C", FOLDER, "-j", str(os.cpu_count()), *targets], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = steps(FOLDER / ".ninja_log")
    scale = total / sum(seconds.values())
    kinds, rooms = collections.Counter(), collections.Counter()
    for output, value in seconds.items():
        kinds[kind_of(output)] += value * scale
        rooms[room_of(output)] += value * scale
    print(f"\n{' '.join(targets)}: {len(seconds)} steps, {total:.0f} CPU-seconds")
    table("kind", kinds, total)
    table("room", rooms, total)
    shutil.rmtree(FOLDER)


main(sys.argv[1:] or ["cachey"])
