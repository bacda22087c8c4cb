#!/usr/bin/env python3
"""The configure step must fail on a source file that no CMakeLists.txt lists, a room without a README, and g++ 12."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

source = pathlib.Path(sys.argv[1])


def configure(tree, *arguments):
    with tempfile.TemporaryDirectory() as build:
        done = subprocess.run(["cmake", "-S", tree, "-B", build, "-G", "Ninja", *arguments],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


with tempfile.TemporaryDirectory() as scratch:
    tree = pathlib.Path(scratch, "tree")
    shutil.copytree(source, tree, ignore=shutil.ignore_patterns("build", ".git"))
    clang = ["-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19"]
    code, text = configure(tree, *clang)
    assert code == 0, text
    (tree / "src" / "base" / "forgotten_test.cc").write_text("")
    code, text = configure(tree, *clang)
    assert code != 0 and "forgotten_test.cc" in text, text
    (tree / "src" / "base" / "forgotten_test.cc").unlink()
    (tree / "src" / "rt" / "README.md").unlink()
    code, text = configure(tree, *clang)
    assert code != 0 and "has no README.md" in text, text
    if shutil.which("g++-12"):
        code, text = configure(tree, "-DCMAKE_C_COMPILER=gcc-12", "-DCMAKE_CXX_COMPILER=g++-12")
        assert code != 0 and "miscompiles coroutines" in text, text
print("configure refuses what it should")
