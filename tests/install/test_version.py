"""deploy/version: the release on its tag and in an archive; a suffix that sorts right everywhere else."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = re.search(r"^project\(cachey VERSION ([0-9.]+) ", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=True).stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """The files that say the version, in a repository of their own with one commit."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "version", tmp_path / "deploy")
    shutil.copy(ROOT / "CMakeLists.txt", tmp_path)
    run("git", "init", "-q", cwd=tmp_path)
    commit(tmp_path, "one")
    return tmp_path


def commit(tree, name):
    (tree / name).touch()
    run("git", "add", ".", cwd=tree)
    run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", name, "--date=2026-01-31T23:30:00Z", cwd=tree)


def version(tree, form="--deb"):
    return run("deploy/version", form, cwd=tree)


def sorts_before(one, other):
    return subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0


def test_the_tag_and_an_archive_are_the_release(tree):
    run("git", "tag", f"v{RELEASE}", cwd=tree)
    assert version(tree) == version(tree, "--semver") == RELEASE
    shutil.rmtree(tree / ".git")
    assert version(tree) == RELEASE


def test_commits_sort_before_and_after_their_release(tree):
    before = version(tree)
    assert re.fullmatch(re.escape(RELEASE) + r"~git\d{8}\.[0-9a-f]{7}", before)
    assert version(tree, "--semver") == before.replace("~", "-")
    run("git", "tag", f"v{RELEASE}", cwd=tree)
    commit(tree, "two")
    after = version(tree)
    assert version(tree, "--semver") == after
    assert sorts_before(before, RELEASE) and sorts_before(RELEASE, after)


def test_changed_sources_are_not_the_release(tree):
    run("git", "tag", f"v{RELEASE}", cwd=tree)
    (tree / "one").write_text("changed")
    assert version(tree).endswith(".dirty") and sorts_before(RELEASE, version(tree))


def test_a_tag_of_another_release_is_an_error(tree):
    run("git", "tag", "v99.0.0", cwd=tree)
    done = subprocess.run(["deploy/version"], cwd=tree, text=True, capture_output=True, check=False)
    assert done.returncode == 1 and "v99.0.0" in done.stderr


def test_documents_name_the_release():
    assert re.search(r"^  version: (.*)$", (ROOT / "docs" / "openapi.yaml").read_text(), re.M)[1] == RELEASE
    assert f"\nappVersion: {RELEASE}\n" in (ROOT / "deploy" / "helm" / "cachey" / "Chart.yaml").read_text()
    first = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert first == "Unreleased" or re.fullmatch(re.escape(RELEASE) + r" \(\d{4}-\d{2}-\d{2}\)", first), first
