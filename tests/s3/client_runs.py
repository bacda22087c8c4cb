"""Runs the scripts of tests/s3/clients, each with the Python of its client, as processes with a time limit."""

import json
import os
import pathlib
import subprocess

_HERE = pathlib.Path(__file__).resolve().parent
_TOOLS = _HERE.parents[1] / "build" / "tools"

CLIENTS = {
    "boto3": "s3-aws", "awscli": "s3-aws",
    "crt": "s3-data", "duckdb": "s3-data", "minio": "s3-data", "polars": "s3-data", "pyarrow": "s3-data",
    "rclone": "s3-data", "s3fs": "s3-data", "s5cmd": "s3-data",
}
"""Client: its virtual environment in build/tools. botocore, in one version of each, divides them."""


def client_environment(venv, folder, settings):
    """The variables of a client: the endpoint's settings, and nothing of this machine that could configure a client."""
    return {
        "PATH": f"{_TOOLS / venv / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "POLARS_MAX_THREADS": "2", **settings, "AWS_DEFAULT_REGION": settings["AWS_REGION"],
    }


def run_python(venv, script, arguments, folder, settings, seconds):
    """The finished process of a Python program in the environment of a client."""
    python = _TOOLS / venv / "bin" / "python"
    return subprocess.run([str(python), str(script), *arguments], env=client_environment(venv, folder, settings), cwd=folder,
                          capture_output=True, text=True, timeout=seconds, check=False)


def report_of(client, bucket, folder, settings, seconds, store_is_down=False):
    """What the client's script prints: {"read": {step: result}, "asked": {step: result}}."""
    flags = ["--store-is-down"] if store_is_down else []
    done = run_python(CLIENTS[client], _HERE / "clients" / f"read_{client}.py", [bucket, *flags], folder, settings, seconds)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def make_table(path):
    """Writes the Parquet file of the scripts."""
    done = run_python("s3-data", _HERE / "clients" / "make_table.py", [str(path)], path.parent, {"AWS_REGION": ""}, 60)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()
