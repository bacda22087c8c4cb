"""The examples of docs/python-client.md read what is in the store, through real nodes; and go on if a node dies."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from real_nodes import FolderFleet

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_TOOLS = _ROOT / "build" / "tools" / "s3-data" / "bin" / "python"
_TORCH = os.environ.get("CACHEY_TEST_TORCH")
_ROWS = 100_000
_WANTED = {
    "Ranges": "b'PAR1' SIZE",
    "File objects": "CSVSIZE b'id,value\\n' b'0,0\\n1,1\\n2,'",
    "pandas": "100000 1000",
    "pyarrow": "100000 500",
    "polars": "10",
    "DuckDB": "1000",
    "zarr": "(100, 40) [400 401 402]",
    "PyTorch": "fork SUM\nspawn SUM",
}
"""Chapter: what its program prints."""


def chapters():
    """Heading: its block in Python."""
    text = (_ROOT / "docs" / "python-client.md").read_text(encoding="utf-8")
    sections = re.split(r"^##+ ", text, flags=re.M)[1:]
    found = {
        section.partition("\n")[0]: re.findall(r"^```python\n(.*?)^```", section, re.S | re.M) for section in sections
    }
    return {heading: "\n".join(blocks) for heading, blocks in found.items() if blocks}


_MAKE = """import sys, pathlib, numpy, pandas, zarr
folder = pathlib.Path(sys.argv[1])
pandas.DataFrame({"id": range(1000), "value": range(1000)}).to_csv(folder / "table.csv", index=False)
zarr.create_array(folder / "array.zarr", data=numpy.arange(4000).reshape(100, 40), chunks=(10, 10), shards=(50, 20))
"""


def run(program, folder, *words):
    """What the program prints; it has the packages of build/tools/s3-data, and this client as installed."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    python = _TORCH if "import torch" in program else _TOOLS
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed(folder)), "HOME": str(folder)}
    done = subprocess.run(
        [str(python), "program.py", *map(str, words)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def installed(folder):
    """A folder of packages with this one: its sources, and the entry points of pyproject.toml."""
    place = folder / "packages"
    if not place.exists():
        text = (_ROOT / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8")
        points = re.search(r'^\[project\.entry-points\."(.*)"\]\n((?:\w.*\n)+)', text, re.M)
        facts = place / "cachey_client-0.dist-info"
        facts.mkdir(parents=True)
        (place / "cachey_client").symlink_to(_ROOT / "clients" / "python" / "src" / "cachey_client")
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: cachey-client\nVersion: 0\n", encoding="utf-8")
        (facts / "entry_points.txt").write_text(f"[{points[1]}]\n{points[2].replace(chr(34), '')}", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    if not _TOOLS.exists():
        pytest.skip("./dev test installs pandas and others into build/tools/s3-data")
    folder = tmp_path_factory.mktemp("recipes")
    with FolderFleet(folder) as fleet:
        data = fleet.folder / "data"
        data.mkdir()
        tables = _ROOT / "tests" / "s3" / "clients" / "make_tables.py"
        subprocess.run([_TOOLS, tables, data], check=True)
        run(_MAKE, folder, data)
        fleet.put("data", "samples.bin", bytes(range(256)) * 16 * 200)
        yield fleet


def at_nodes(program, fleet):
    """The program with the fleet's nodes: a list, or names with a comma between."""
    found = program.replace('["10.0.0.1:8080", "10.0.0.2:8080"]', repr(fleet.names))
    found = found.replace("10.0.0.1:8080,10.0.0.2:8080", ",".join(fleet.names))
    assert found != program and "10.0.0" not in found
    return found


def test_every_example_has_a_test():
    assert set(chapters()) == set(_WANTED)


@pytest.mark.parametrize("heading", _WANTED)
def test_it_reads_what_is_in_the_store(fleet, tmp_path, heading):
    if heading == "PyTorch" and not _TORCH:
        pytest.skip("CACHEY_TEST_TORCH names no Python with torch")
    sizes = {
        name: str((fleet.folder / "data" / name).stat().st_size)
        for name in ("table.parquet", "table.csv", "samples.bin")
    }
    wanted = _WANTED[heading].replace("CSVSIZE", sizes["table.csv"]).replace("SIZE", sizes["table.parquet"])
    wanted = wanted.replace("SUM", str(sum(range(256)) * 16 * 200))
    assert run(at_nodes(chapters()[heading], fleet), tmp_path) == wanted


_WHILE_A_NODE_DIES = """import os, signal, pandas
from cachey_client.filesystem import CacheyFileSystem

(owner,) = CacheyFileSystem(NODES).client.read("data", "large.csv", 0, 1).nodes
rows = total = 0
for chunk in pandas.read_csv("cachey://data/large.csv", chunksize=50_000, storage_options={"nodes": NODES}):
    if rows == 100_000:
        os.kill(PIDS[owner], signal.SIGKILL)
    rows, total = rows + len(chunk), total + int(chunk["value"].sum())
table = pandas.read_parquet("cachey://data/table.parquet", storage_options={"nodes": NODES})
print(rows, total, len(table))
"""


def test_pandas_reads_on_if_the_owner_dies(fleet, tmp_path):
    with FolderFleet(tmp_path) as mortal:
        mortal.put("data", "large.csv", b"id,value\n" + b"".join(b"%d,7\n" % at for at in range(600_000)))
        mortal.put("data", "table.parquet", (fleet.folder / "data" / "table.parquet").read_bytes())
        pids = {name: node.process.pid for name, node in zip(mortal.names, mortal.nodes, strict=True)}
        program = _WHILE_A_NODE_DIES.replace("NODES", repr(mortal.names)).replace("PIDS", repr(pids))
        assert run(program, tmp_path) == f"600000 4200000 {_ROWS}"
        assert [node.alive() for node in mortal.nodes].count(True) == 1


_ALL_NODES_DIE = """import os, signal, zarr
from cachey_client import Unavailable

array = zarr.open_array("cachey://data/array.zarr", mode="r", storage_options={"nodes": NODES})
for pid in PIDS.values():
    os.kill(pid, signal.SIGKILL)
try:
    print(array[:])
except Unavailable:
    print("unavailable")
"""


def test_zarr_takes_dead_nodes_for_an_error_not_for_missing_chunks(fleet, tmp_path):
    with FolderFleet(tmp_path) as mortal:
        shutil.copytree(fleet.folder / "data" / "array.zarr", mortal.folder / "data" / "array.zarr")
        pids = {name: node.process.pid for name, node in zip(mortal.names, mortal.nodes, strict=True)}
        program = _ALL_NODES_DIE.replace("NODES", repr(mortal.names)).replace("PIDS", repr(pids))
        assert run(program, tmp_path) == "unavailable"
