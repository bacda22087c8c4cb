"""What README.md of the package and docs/cacheyctl.md say is true of a real server, as it stands there."""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig

import pytest

from real_nodes import FolderFleet

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
TOKEN = "a-token-of-the-admin-0123456789"
NODES = '["10.0.0.1:8080", "10.0.0.2:8080"]'


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "tokens").write_text(f"{TOKEN}\n")
    with FolderFleet(
        folder, options=["--admin-listen", "127.0.0.1:9090", "--admin-tokens", folder / "tokens"]
    ) as fleet:
        fleet.put("demo", "numbers.txt", "".join(f"{number}\n" for number in range(1, 100_001)).encode())
        yield fleet


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A folder in which the README's installation has run. The builder is that of build/tools/client."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "clients").symlink_to(ROOT / "clients")
    (script,) = blocks(PACKAGE / "README.md", "sh")
    assert "venv/bin/pip install ./clients/python" in script
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "HOME": str(folder)}
    environment["PYTHONPATH"] = sysconfig.get_path("purelib")  # for hatchling
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_program_runs_as_it_stands(machine, fleet):
    (program,) = blocks(PACKAGE / "README.md", "python")
    assert NODES in program
    command = [machine / "venv/bin/python", "-I", "-c", program.replace(NODES, repr(fleet.names))]
    done = subprocess.run(command, cwd=machine, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    size, read, line, failure = done.stdout.splitlines()
    assert size == "588895"
    assert re.fullmatch(r"b'1\\n2\\n3\\n4\\n5\\n' 588895 \('127\.[\d.:]+',\)", read)
    assert line == r"b'1\n'"
    assert re.fullmatch(r"404 127\.[\d.]+:\d+", failure)


def test_the_commands_run_as_they_stand(machine, fleet):
    script = "\n".join(blocks(ROOT / "docs" / "cacheyctl.md", "sh"))
    assert "=10.0.0.1:8080,10.0.0.2:8080" in script
    (machine / "token").write_text(f"{TOKEN}\n")
    path = f"{machine / 'venv/bin'}:{os.environ['PATH']}"
    script = script.replace("10.0.0.1:8080,10.0.0.2:8080", ",".join(fleet.names))
    command = ["bash", "-ec", script]
    done = subprocess.run(command, cwd=machine, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.startswith("NODE") and {row.split()[0] for row in rows[:2]} == set(fleet.names)
    assert all(row.split()[1] == "ready" for row in rows[:2])
    assert set(rows[2:4]) == set(fleet.names) and rows[4:9] == ["1", "2", "3", "4", "5"]
    assert "1 objects warmed" in done.stderr and "1 parts checked, 1 of them were there" in done.stderr
    assert rows[9].split()[:2] == ["NODE", "PAGES"] and {row.split()[0] for row in rows[10:]} == set(fleet.names)
    assert sorted(row.split()[1] for row in rows[10:]) == ["0", "1"]
