"""justfile: a recipe for each word of ./dev, and no other. just, of PyPI's rust-just, reads the file."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "build" / "tools" / "install" / "bin" / "just"
JUST = str(INSTALLED) if INSTALLED.exists() else shutil.which("just")


def words_of_dev():
    """The labels of ./dev's last `case`, but help."""
    cases = (ROOT / "dev").read_text().split("\ncase $word in\n")[1]
    labels = re.findall(r"^  ([a-z0-9_][a-z0-9_ |-]*)\)", cases, re.MULTILINE)
    return {word for label in labels for word in label.split(" | ")} - {"help", "-h", "--help"}


def just(*words):
    done = subprocess.run([JUST, *words], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(autouse=True)
def installed():
    if JUST is None:
        pytest.fail("just is not installed: ./dev test installs tests/install/requirements.txt")


def test_each_word_has_a_recipe():
    assert set(just("--summary").split()) == words_of_dev()


@pytest.mark.parametrize("word", sorted(words_of_dev()))
def test_a_recipe_calls_its_word(word):
    takes_more = '"$@"' in just("--show", word)
    assert just("--dry-run", word).split() == ["./dev", word] + ['"$@"'] * takes_more


def test_the_list_says_what_each_recipe_does():
    lines = just("--list").splitlines()[1:]
    assert len(lines) == len(words_of_dev()) and all("# " in line for line in lines), lines


def test_arguments_arrive_as_they_are(tmp_path):
    (tmp_path / "dev").write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    (tmp_path / "dev").chmod(0o755)
    shutil.copy(ROOT / "justfile", tmp_path)
    assert just("--justfile", str(tmp_path / "justfile"), "build", "a b", "--preset") == "[build][a b][--preset]"
