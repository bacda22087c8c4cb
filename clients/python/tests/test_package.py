"""The package: style, types, what the wheel holds, a bare installation, and the Pythons that it promises.

./dev makes the environments: build/tools/client, client-3.10, and with CACHEY_TEST_CLIENTS=all client-3.13; the last
two if pyenv has these Pythons.
"""

import pathlib
import re
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest

from cachey_client import __version__

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
TOOLS = PACKAGE.parents[1] / "build" / "tools"
_TYPES = TOOLS / "client" / "mypy-cache"
NEED_NODES = ("test_package.py", "test_recipes.py", "test_*_nodes.py")


def run(*command, **named):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **named)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def tool(module, *arguments):
    return run(sys.executable, "-m", module, *arguments, cwd=PACKAGE)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(wheel, source distribution)"""
    folder = tmp_path_factory.mktemp("dist")
    tool("build", "--no-isolation", "--outdir", folder, ".")
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def bare(built, tmp_path_factory):
    """A new environment with the wheel, and nothing else: no package index is asked."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    tool("pip", "--python", python, "install", "--no-index", "--disable-pip-version-check", built[0])
    return folder / "bin"


def test_style():
    tool("ruff", "check", ".")
    tool("ruff", "format", "--check", ".")


def test_types():
    tool("mypy", "--cache-dir", _TYPES)


def test_a_faulty_type_is_noticed(tmp_path):
    (tmp_path / "use.py").write_text("from cachey_client import Client\nClient(7).read('k', b'x')\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", _TYPES, tmp_path / "use.py"]
    done = subprocess.run(command, env={"MYPYPATH": str(PACKAGE / "src")}, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout.count("arg-type") == 2, done.stdout + done.stderr


def test_the_files_are_fit_for_an_index(built):
    tool("twine", "check", "--strict", *built)
    tool("check_wheel_contents", built[0])


def test_the_wheel_has_the_sources_and_their_types(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if not name.startswith("cachey_client-")}
    sources = {str(path.relative_to(PACKAGE / "src")) for path in (PACKAGE / "src").rglob("*.py")}
    assert names == sources | {"cachey_client/py.typed"}


def test_the_source_distribution_has_no_leftovers(built):
    with tarfile.open(built[1]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "src/cachey_client/client.py"} <= names
    assert not [name for name in names if "__pycache__" in name or "/." in name]


def test_the_wheel_has_the_license_of_the_project(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/licenses/LICENSE"))
        assert wheel.read(name) == (PACKAGE.parents[1] / "LICENSE").read_bytes()


def test_the_versions_agree():
    (version,) = re.findall(r'^version = "(.*)"$', (PACKAGE / "pyproject.toml").read_text(), re.MULTILINE)
    assert version == __version__


def test_a_bare_installation_works(bare):
    program = "import cachey_client.cli, importlib.metadata as m; print(*m.requires('cachey-client'), sep='\\n')"
    required = run(bare / "python", "-I", "-W", "error", "-c", program).splitlines()
    assert required and [line for line in required if "extra ==" not in line] == []
    assert run(bare / "cacheyctl", "--version") == f"cacheyctl {__version__}\n"
    for command in ("status", "warm", "purge", "objects", "owner", "read"):
        assert f"usage: cacheyctl {command}" in run(bare / "cacheyctl", command, "--help")


def test_fsspec_finds_the_file_system(bare):
    program = "import importlib.metadata as m; print([e.value for e in m.entry_points(group='fsspec.specs')])"
    assert run(bare / "python", "-I", "-c", program).strip() == "['cachey_client.filesystem:CacheyFileSystem']"


@pytest.mark.timeout(900)  # the tests of most files, one after the other
@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_the_tests_pass_under_other_pythons(version):
    python = TOOLS / f"client-{version}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no Python {version} here")
    without = [f"--ignore-glob=*/{pattern}" for pattern in NEED_NODES]
    command = [
        "-W",
        "error::DeprecationWarning",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--timeout=120",
        *without,
        "tests",
    ]
    run(python, *command, cwd=PACKAGE)
