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
    shutil.copy(ROOT / ".gitattributes", tmp_path)
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


def test_the_tag_and_a_copy_without_a_repository_are_the_release(tree):
    run("git", "tag", f"v{RELEASE}", cwd=tree)
    assert version(tree) == version(tree, "--semver") == RELEASE
    shutil.rmtree(tree / ".git")
    assert (version(tree), version(tree, "--revision")) == (RELEASE, "unknown")


def test_an_archive_knows_its_commit(tree, tmp_path_factory):
    """Also one within another repository, which has a commit of its own."""
    other = tmp_path_factory.mktemp("other")
    run("git", "init", "-q", cwd=other)
    commit(other, "of-another-project")

    def check(name):
        run("git", "archive", "--prefix", f"{name}/", "-o", other / f"{name}.tar", "HEAD", cwd=tree)
        run("tar", "xf", f"{name}.tar", cwd=other)
        for form in ("--deb", "--semver", "--date", "--revision"):
            assert version(other / name, form) == version(tree, form), form

    assert version(tree, "--revision") == run("git", "rev-parse", "HEAD", cwd=tree)
    check("before")
    run("git", "tag", f"v{RELEASE}", cwd=tree)
    check("release")
    commit(tree, "two")
    check("after")
    run("git", "tag", "v99.0.0", cwd=tree)
    with pytest.raises(subprocess.CalledProcessError):
        check("unequal")


def test_the_server_names_the_revision(tree, tmp_path_factory):
    shutil.copytree(ROOT / "cmake", tree / "cmake")
    (tree / "one").write_text("changed")
    out = tmp_path_factory.mktemp("out") / "revision.cc"
    run("cmake", f"-DSOURCE_DIR={tree}", f"-DOUT={out}", "-P", tree / "cmake" / "revision.cmake", cwd=tree)
    commit_id = run("git", "rev-parse", "HEAD", cwd=tree)
    assert version(tree, "--revision") == f"{commit_id}-dirty"
    assert f'return "{commit_id[:12]}-dirty"' in out.read_text()
    shutil.rmtree(tree / ".git")
    run("cmake", f"-DSOURCE_DIR={tree}", f"-DOUT={out}", "-P", tree / "cmake" / "revision.cmake", cwd=tree)
    assert 'return "unknown"' in out.read_text()


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
