"""Runs the scripts of this folder, each with its client, as processes with a time limit."""

import json
import os
import pathlib
import subprocess

_HERE = pathlib.Path(__file__).resolve().parent
_TOOLS = _HERE.parents[1] / "build" / "tools"

_PYTHON = {
    "boto3": "s3-aws", "awscli": "s3-aws",
    "crt": "s3-data", "duckdb": "s3-data", "minio": "s3-data", "polars": "s3-data", "pyarrow": "s3-data", "rclone": "s3-data",
    "s3cmd": "s3-data", "s3fs": "s3-data", "s5cmd": "s3-data",
    "clickhouse": "s3-clickhouse",
}
"""Client of a script in Python: its virtual environment in build/tools. boto3 and s3fs need unlike versions of botocore."""

_LARGE = {"clickhouse", "java"}  # 900 MB; a JDK: only if CACHEY_TEST_CLIENTS is "all"

CLIENTS = [client for client in [*_PYTHON, "go", "java", "node"]
           if client not in _LARGE or os.environ.get("CACHEY_TEST_CLIENTS") == "all"]


def environment(folder, settings, venv=None):
    """The variables of a client: the endpoint's settings, and nothing of this machine that could configure a client."""
    programs = f"{_TOOLS / venv / 'bin'}:" if venv else ""
    return {
        "PATH": programs + os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "POLARS_MAX_THREADS": "2", "NODE_PATH": str(_TOOLS / "s3-js" / "node_modules"), "NODE_NO_WARNINGS": "1",
        **settings, "AWS_DEFAULT_REGION": settings["AWS_REGION"],
    }


def run(words, folder, settings, seconds, venv=None):
    """The finished process of `words`, in `folder`, with the programs of a virtual environment first."""
    return subprocess.run([str(word) for word in words], env=environment(folder, settings, venv), cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)


def python(venv):
    return _TOOLS / venv / "bin" / "python"


def _script(client):
    """(command, environment) of a client's script."""
    if client == "go":
        return [_TOOLS / "s3-go"], None
    if client == "node":
        return ["node", _HERE / "js" / "read.cjs"], None
    if client == "java":
        return ["java", "-Dfile.encoding=UTF-8", "-cp", _TOOLS / "s3-java" / "*", _HERE / "java" / "Read.java"], None
    return [python(_PYTHON[client]), _HERE / "clients" / f"read_{client}.py"], _PYTHON[client]


def report_of(client, bucket, folder, settings, seconds, store_is_down=False, virtual=False):
    """`virtual`: the bucket is a part of the host's name, which "go" and "node" can. What the client's script prints: {"read": {step: result}, "asked": {step: result}}; and the words of its errors."""
    command, venv = _script(client)
    flags = ["--store-is-down"] if store_is_down else []
    settings = settings | ({"ADDRESSING_STYLE": "virtual"} if virtual else {})
    done = run([*command, bucket, *flags], folder, settings, seconds, venv)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def make_tables(folder):
    """Writes the Parquet files of the scripts into `folder`, and returns them as {key: bytes}."""
    done = run([python("s3-data"), _HERE / "clients" / "make_tables.py", folder], folder, {"AWS_REGION": ""}, 60)
    assert done.returncode == 0, done.stderr
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))}
