"""The examples of docs/s3-endpoint.md: each reads the object and lists, with the settings and the keys of the page."""

import os
import re
import shutil

import pytest

import client_runs
from harness import ROOT, limit

_ROWS = "100000"
_NOT_RUN = {"Spark and Hadoop: S3A", "Java", "Trino"}
_EXAMPLES = {
    "curl": (None, None), "boto3": ("s3-aws", None), "aws-cli": ("s3-aws", None), "s3fs and pandas": ("s3-data", None), "pyarrow": ("s3-data", _ROWS),
    "DuckDB": ("s3-data", _ROWS), "polars": ("s3-data", _ROWS), "obstore, and what else uses the Rust crate object_store": ("s3-data", None),
    "PyTorch: s3torchconnector": ("s3-data", None), "minio-py": ("s3-data", None), "Go": (None, None), "JavaScript": (None, None),
    "ClickHouse": ("s3-clickhouse", _ROWS), "rclone": ("s3-data", None), "s5cmd": ("s3-data", None),
    "s3cmd": ("s3-data", None),
}
"""Heading: the virtual environment, and what is printed if that is not the object's size."""

_DUCKDB = """import duckdb, duckdb_extension_httpfs, pathlib
extension, = pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
sql = pathlib.Path("example.sql").read_text().replace("INSTALL httpfs;", "").replace("LOAD httpfs", f"LOAD '{extension}'")
print(duckdb.sql(sql).fetchall()[0][0])
"""
_CLICKHOUSE = """import chdb, pathlib
print(chdb.query(pathlib.Path("example.sql").read_text(), "CSV"))
"""


def chapter():
    text = (ROOT / "docs" / "s3-endpoint.md").read_text(encoding="utf-8")
    return text.partition("\n## Clients\n")[2].partition("\n## ")[0]


def examples():
    """Heading: its blocks, as (language, text)."""
    sections = re.split(r"^### ", chapter(), flags=re.M)[1:]
    return {section.partition("\n")[0]: re.findall(r"^```(\w+)\n(.*?)^```", section, re.S | re.M) for section in sections}


def test_every_client_has_an_example():
    assert set(examples()) == set(_EXAMPLES) | _NOT_RUN
    assert all(examples().values())


@pytest.fixture(scope="module")
def served(start_session_server, radosgw, tmp_path_factory):
    """(server, size of the object): only the page's keys are known."""
    folder = tmp_path_factory.mktemp("examples")
    body = client_runs.make_tables(folder)["table.parquet"]
    radosgw.add_bucket("data")
    radosgw.client.put_object(Bucket="data", Key="table.parquet", Body=body)
    line, = re.findall(r"^```\n(.*?)^```", chapter().partition("### ")[0], re.S | re.M)
    (folder / "keys").write_text(line, encoding="utf-8")
    (folder / "keys").chmod(0o600)
    server = start_session_server("--origin", "s3", "--memory", "64MiB", "--s3api-listen", "127.0.0.1:0", "--s3api-keys",
                                  str(folder / "keys"), environment=radosgw.environment())
    return server, str(len(body))


def command(heading, language, folder):
    """The words that run `example`."""
    if language == "python":
        return [client_runs.python(_EXAMPLES[heading][0]), "example"]
    if language == "sql":
        (folder / "example.sql").write_text((folder / "example").read_text(encoding="utf-8"), encoding="utf-8")
        (folder / "run.py").write_text(_DUCKDB if heading == "DuckDB" else _CLICKHOUSE, encoding="utf-8")
        return [client_runs.python(_EXAMPLES[heading][0]), "run.py"]
    if language == "go":
        for name in ("go.mod", "go.sum"):
            shutil.copy(ROOT / "tests" / "s3" / "go" / name, folder)
        (folder / "example").rename(folder / "main.go")
        return ["go", "run", "-mod=mod", "."]
    return {"js": ["node", "example"], "sh": ["bash", "example"]}[language]


def settings_of(folder):
    """No settings but the example's: where its configuration file is, and Go's caches."""
    return {"AWS_REGION": "", "AWS_CONFIG_FILE": str(folder / "config"), "RCLONE_CONFIG": str(folder / "config"),
            "GOCACHE": os.environ.get("GOCACHE", os.path.expanduser("~/.cache/go-build")),
            "GOMODCACHE": os.environ.get("GOMODCACHE", os.path.expanduser("~/go/pkg/mod"))}


@pytest.mark.parametrize("heading", _EXAMPLES)
def test_it_reads_the_object(served, tmp_path, heading):
    server, size = served
    venv, wanted = _EXAMPLES[heading]
    if heading == "ClickHouse" and "clickhouse" not in client_runs.CLIENTS:
        pytest.skip("CACHEY_TEST_CLIENTS is not all")
    for program in {"Go": ["go"], "JavaScript": ["node"], "rclone": ["rclone"]}.get(heading, []):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    for language, text in examples()[heading]:
        assert "cachey:9000" in text or language == "sh"
        (tmp_path / (".s3cfg" if heading == "s3cmd" and language == "ini" else "config" if language == "ini" else "example")).write_text(
            text.replace("cachey:9000", f"127.0.0.1:{server.s3_port}"), encoding="utf-8")
        if language != "ini":
            done = client_runs.run(command(heading, language, tmp_path), tmp_path, settings_of(tmp_path), limit(60), venv)
    assert done.returncode == 0, done.stderr
    assert (wanted or size) in done.stdout.split(), (done.stdout, done.stderr)
