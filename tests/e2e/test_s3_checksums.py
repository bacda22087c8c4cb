"""The store's checksum of a whole object at the S3 endpoint: with the whole object, for those that ask; never with a part of
it, because SDKs compare the checksum with the bytes that they get (tigrisdata/tag#200)."""

import base64
import json
import zlib

import pytest

import client_runs
from content import content
from harness import MIB, limit
from s3_face import FACE, endpoint, get, head, target

_BUCKET = "sums"
_SIZE = 20 * MIB + 5
_ENABLED = [("x-amz-checksum-mode", "ENABLED")]


@pytest.fixture(scope="module")
def body():
    return content(77, 0, _SIZE)


@pytest.fixture(scope="module")
def store(real_store, tmp_path_factory, body):
    """versitygw keeps the CRC-32 of a PUT as S3 does, of the type FULL_OBJECT."""
    versitygw = real_store("versitygw")
    versitygw.add_bucket(_BUCKET)
    table = client_runs.make_tables(tmp_path_factory.mktemp("tables"))["table.parquet"]
    for key, data in (("data.bin", body), ("table.parquet", table)):
        versitygw.client.put_object(Bucket=_BUCKET, Key=key, Body=data, ChecksumAlgorithm="CRC32")
    return versitygw


@pytest.fixture
def face(start_server, store):
    return start_server("--origin", "s3", "--memory", "128MiB", *FACE, environment=store.environment())


def sums(response):
    return {name.lower(): value for name, value in response.headers if name.lower().startswith("x-amz-checksum")}


@pytest.mark.parametrize("order", ["head first", "range first"])
def test_on_the_wire(face, body, order):
    where = (_BUCKET, "data.bin")
    told = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
            "x-amz-checksum-type": "FULL_OBJECT"}
    some = [("Range", "bytes=5-1000004")]
    if order == "range first":  # the store tells no sum of the object with a part of it
        assert sums(get(face, where, [*some, *_ENABLED])) == {}
    for _ in ("cold", "warm"):
        assert sums(head(face, where)) == {}
        assert sums(head(face, where, _ENABLED)) == told
        answer = get(face, where, _ENABLED)
        assert (answer.status, answer.body == body, sums(answer)) == (200, True, told)
        answer = get(face, where)
        assert (answer.status, answer.body == body, sums(answer)) == (200, True, {})
        answer = get(face, where, [*some, *_ENABLED])
        assert (answer.status, answer.body == body[5:1_000_005], sums(answer)) == (206, True, {})
        answer = get(face, target(*where) + "?partNumber=1", _ENABLED)
        assert (answer.status, sums(answer)) == (206, {})


_BOTO3 = """
import boto3, hashlib, json, os, sys
client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
part = client.get_object(Bucket="sums", Key="data.bin", Range="bytes=5-1000004")["Body"].read()
told = client.head_object(Bucket="sums", Key="data.bin", ChecksumMode="ENABLED")
whole = client.get_object(Bucket="sums", Key="data.bin", ChecksumMode="ENABLED")
text = whole["Body"].read()
client.download_file("sums", "data.bin", "file")
file = open("file", "rb").read()
print(json.dumps([hashlib.sha256(data).hexdigest() for data in (part, text, file)] + [told["ChecksumCRC32"], whole["ChecksumCRC32"]]))
"""
_PYARROW = """
import json, os
import pyarrow.fs, pyarrow.parquet
files = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], allow_bucket_creation=False)
table = pyarrow.parquet.read_table("sums/table.parquet", filesystem=files, columns=["value"])
print(json.dumps([table.num_rows, table.column_names]))
"""
_S3FS = """
import hashlib, json, os
import s3fs
files = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
parts = files.cat_ranges(["sums/data.bin"] * 3, [0, 5, 16777000], [10, 1000005, 16778000])
print(json.dumps([hashlib.sha256(part).hexdigest() for part in parts]))
"""
_PROGRAMS = {"boto3": ("s3-aws", _BOTO3), "pyarrow": ("s3-data", _PYARROW), "s3fs": ("s3-data", _S3FS)}


@pytest.mark.parametrize("client", _PROGRAMS)
def test_clients_that_compare(face, store, tmp_path, client):
    venv, program = _PROGRAMS[client]
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    words = [client_runs.python(venv), "program.py"]
    found = []
    for settings in (store.settings, endpoint(face), endpoint(face)):
        done = client_runs.run(words, tmp_path, settings, limit(60), venv)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[1:] == [found[0]] * 2
