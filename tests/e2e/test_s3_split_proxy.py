"""The proxy of docs/s3-endpoint.md: reads of objects from the cache, all else to the store, one URL for clients."""

import re
import shutil
import socket
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest

from content import content
from harness import MIB, ROOT, wait_until
from s3_face import FACE

_CONFIGURATION = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{example}}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(start_server, radosgw, tmp_path):
    """A client of the proxy, with the store's keys. X-Cache shows which of the two answered."""
    server = start_server("--origin", "s3", *FACE, "--s3api-revalidate", "*=always", environment=radosgw.environment())
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    text = (ROOT / "docs" / "s3-endpoint.md").read_text(encoding="utf-8")
    example, = re.findall(r"^```nginx\n(.*?)^```", text, re.S | re.M)
    port = free_port()
    for written, here in [("cachey:9000", f"127.0.0.1:{server.s3_port}"), ("listen 8000", f"listen 127.0.0.1:{port}"),
                          ("store:80", radosgw.settings["AWS_ENDPOINT_URL"].removeprefix("http://"))]:
        assert written in example
        example = example.replace(written, here)
    (tmp_path / "nginx.conf").write_text(_CONFIGURATION.format(folder=tmp_path, example=example), encoding="utf-8")
    proxy = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
    try:
        wait_until(lambda: accepts(port), 10, "nginx")
        yield boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                           aws_access_key_id=radosgw.settings["AWS_ACCESS_KEY_ID"],
                           aws_secret_access_key=radosgw.settings["AWS_SECRET_ACCESS_KEY"],
                           config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version="s3v4"))
    finally:
        proxy.terminate()
        proxy.wait(10)


def came_from_the_cache(answer):
    return "x-cache" in answer["ResponseMetadata"]["HTTPHeaders"]


def test_writes_are_read_at_once(client):
    for number, key in enumerate(["plain", "dir/a b+c%25/ü=1.txt", "a//b", "x-id=1"]):
        for version in range(3):
            body = content(60 + number + version, 0, 1000 + version)
            assert not came_from_the_cache(client.put_object(Bucket="test", Key=f"split/{key}", Body=body))
            for _ in range(2):
                answer = client.get_object(Bucket="test", Key=f"split/{key}")
                assert came_from_the_cache(answer) and answer["Body"].read() == body
        client.delete_object(Bucket="test", Key=f"split/{key}")
        with pytest.raises(botocore.exceptions.ClientError, match="NoSuchKey"):
            client.get_object(Bucket="test", Key=f"split/{key}")


def test_large_uploads_and_listings(client, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(content(70, 0, 20 * MIB))
    client.upload_file(str(file), "test", "split-large")
    listed = client.list_objects_v2(Bucket="test", Prefix="split-large")
    assert not came_from_the_cache(listed) and [entry["Size"] for entry in listed["Contents"]] == [20 * MIB]
    client.download_file("test", "split-large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == file.read_bytes()
    url = client.generate_presigned_url("get_object", Params={"Bucket": "test", "Key": "split-large", "ResponseContentType": "a/b"})
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-D", "-", "-o", "/dev/null", url], capture_output=True, text=True, check=True)
    assert "x-cache:" in done.stdout.lower() and "content-type: a/b" in done.stdout.lower()


def test_what_is_not_the_object_goes_to_the_store(client):
    client.put_object(Bucket="test", Key="split-tagged", Body=b"x", Tagging="a=b")
    answer = client.get_object_tagging(Bucket="test", Key="split-tagged")
    assert answer["TagSet"] == [{"Key": "a", "Value": "b"}] and not came_from_the_cache(answer)
    assert not came_from_the_cache(client.head_bucket(Bucket="test"))
    assert not came_from_the_cache(client.get_object(Bucket="test", Key="split-tagged", PartNumber=1))
