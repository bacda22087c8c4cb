"""deploy/nginx/s3-split.conf: reads of objects from the cache, all else to the store, one URL for clients."""

import contextlib
import re
import socket
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest

import split_proxy
from content import content
from harness import MIB, limit
from s3_face import FACE

BACKUP = {"# server store:80 backup;": "server store:80 backup;"}


@pytest.fixture
def start_proxy(start_server, radosgw, tmp_path):
    """Starts a server and the proxy in front of both. The function returns the server, the proxy and a client."""
    if not split_proxy.installed():
        pytest.skip("nginx is not installed")

    def start(more=(), face=FACE):
        server = start_server("--origin", "s3", *face, "--s3api-revalidate", "*=always", environment=radosgw.environment())
        store = radosgw.settings["AWS_ENDPOINT_URL"].removeprefix("http://")
        proxy = split_proxy.SplitProxy(tmp_path / "nginx", f"127.0.0.1:{server.s3_port}", store, more)
        ends.enter_context(proxy)
        style = {"addressing_style": "path"}
        client = boto3.client("s3", endpoint_url=proxy.endpoint, region_name="us-east-1",
                              aws_access_key_id=radosgw.settings["AWS_ACCESS_KEY_ID"],
                              aws_secret_access_key=radosgw.settings["AWS_SECRET_ACCESS_KEY"],
                              config=botocore.config.Config(s3=style, signature_version="s3v4"))
        return server, proxy, client

    with contextlib.ExitStack() as ends:
        yield start


@pytest.fixture
def client(start_proxy):
    """A client of the proxy, with the store's keys. X-Cache shows which of the two answered."""
    return start_proxy()[2]


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
    names = {"Bucket": "test", "Key": "split-large", "ResponseContentType": "a/b"}
    url = client.generate_presigned_url("get_object", Params=names)
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-D", "-", "-o", "/dev/null", url], capture_output=True, text=True,
                          check=True)
    assert "x-cache:" in done.stdout.lower() and "content-type: a/b" in done.stdout.lower()


def test_what_is_not_the_object_goes_to_the_store(client):
    client.put_object(Bucket="test", Key="split-tagged", Body=b"x", Tagging="a=b")
    answer = client.get_object_tagging(Bucket="test", Key="split-tagged")
    assert answer["TagSet"] == [{"Key": "a", "Value": "b"}] and not came_from_the_cache(answer)
    assert not came_from_the_cache(client.head_bucket(Bucket="test"))
    assert not came_from_the_cache(client.get_object_acl(Bucket="test", Key="split-tagged"))


def test_lists_through_the_cache_are_those_of_the_store(start_proxy, radosgw):
    _, _, client = start_proxy(split_proxy.lists_too())
    for number in range(5):
        client.put_object(Bucket="test", Key=f"split-list/{number}/x", Body=b"x")
    for ask in ({"MaxKeys": 2, "StartAfter": "split-list/1"}, {"Delimiter": "/", "EncodingType": "url"}, {}):
        answer = client.list_objects_v2(Bucket="test", Prefix="split-list/", **ask)
        assert came_from_the_cache(answer)
        expected = radosgw.client.list_objects_v2(Bucket="test", Prefix="split-list/", **ask)
        for what in ("Contents", "CommonPrefixes", "KeyCount", "IsTruncated"):
            assert answer.get(what) == expected.get(what)
    for answer in (client.list_objects(Bucket="test"), client.list_object_versions(Bucket="test"),
                   client.head_bucket(Bucket="test"), client.list_buckets()):
        assert came_from_the_cache(answer)
    assert not came_from_the_cache(client.get_bucket_acl(Bucket="test"))


def test_parts_and_versions_come_from_the_cache(client):
    client.put_object(Bucket="test", Key="split-part", Body=b"xyz")
    assert came_from_the_cache(client.get_object(Bucket="test", Key="split-part", PartNumber=1))
    assert came_from_the_cache(client.get_object(Bucket="test", Key="split-part", VersionId="null"))


@pytest.mark.parametrize("more", [{}, split_proxy.lists_too()], ids=["lists_of_the_store", "lists_too"])
def test_signatures_hold_on_both_sides(start_proxy, radosgw, tmp_path, more):
    key, secret = radosgw.settings["AWS_ACCESS_KEY_ID"], radosgw.settings["AWS_SECRET_ACCESS_KEY"]
    file = tmp_path / "keys"
    file.write_text(f"{key} {secret}\n", encoding="utf-8")
    file.chmod(0o600)
    _, proxy, client = start_proxy(more, ["--s3api-listen", "127.0.0.1:0", "--s3api-keys", str(file)])
    names = {"Bucket": "test", "Key": "split signed/a b+c%25/ü=1.txt"}
    client.put_object(**names, Body=b"x")
    assert came_from_the_cache(client.get_object(**names, Range="bytes=0-0"))
    assert came_from_the_cache(client.list_objects_v2(Bucket="test", Prefix="split signed/a b+")) == bool(more)
    # radosgw itself refuses the URL of an ACL by version 2.
    for version, operation, side in (("s3v4", "get_object", "x-cache:"), ("s3", "get_object", "x-cache:"),
                                     ("s3v4", "get_object_acl", "x-amz-request-id: tx")):
        signer = boto3.client("s3", endpoint_url=proxy.endpoint, region_name="us-east-1", aws_access_key_id=key,
                              aws_secret_access_key=secret, config=botocore.config.Config(
                                  s3={"addressing_style": "path"}, signature_version=version))
        url = signer.generate_presigned_url(operation, Params=names)
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-D", "-", "-o", "/dev/null", url], capture_output=True,
                              text=True, check=True)
        assert done.stdout.startswith("HTTP/1.1 200 ") and side in done.stdout.lower(), done.stdout
    wrong = boto3.client("s3", endpoint_url=proxy.endpoint, region_name="us-east-1", aws_access_key_id=key,
                         aws_secret_access_key="not-" + secret, config=botocore.config.Config(s3={"addressing_style": "path"}))
    for ask in (wrong.get_object, wrong.delete_object):
        with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
            ask(**names)


def test_names_and_values_of_metadata_reach_both_sides(client, radosgw):
    metadata = {"under_score": "1", "d.o.t": "2", "much": "x" * 1800}
    client.put_object(Bucket="test", Key="split-metadata", Body=b"x", Metadata=metadata)
    kept = radosgw.client.get_object(Bucket="test", Key="split-metadata")["Metadata"]  # "_" is "-" for this store
    assert len(kept) == 3 and kept["d.o.t"] == "2" and kept["much"] == metadata["much"]
    for _ in range(2):
        answer = client.get_object(Bucket="test", Key="split-metadata")
        assert answer["Metadata"] == kept and came_from_the_cache(answer)


def test_no_way_of_writing_meets_the_cache(client):
    """Each of these would be 405 there."""
    names = {"Bucket": "test", "Key": "split-parts"}
    upload = client.create_multipart_upload(**names)["UploadId"]
    sent = client.upload_part(**names, UploadId=upload, PartNumber=1, Body=content(71, 0, 5 * MIB))
    listed = client.list_parts(**names, UploadId=upload)
    assert [part["PartNumber"] for part in listed["Parts"]] == [1]
    client.complete_multipart_upload(**names, UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]})
    client.copy_object(Bucket="test", Key="split-copy", CopySource="test/split-parts")
    assert client.get_object(Bucket="test", Key="split-copy")["Body"].read() == content(71, 0, 5 * MIB)
    client.put_object_acl(**names, ACL="private")
    done = client.delete_objects(Bucket="test", Delete={"Objects": [{"Key": "split-copy"}, {"Key": "split-parts"}]})
    assert len(done["Deleted"]) == 2
    upload = client.create_multipart_upload(**names)["UploadId"]
    client.abort_multipart_upload(**names, UploadId=upload)
    client.create_bucket(Bucket="split-bucket")
    client.delete_bucket(Bucket="split-bucket")


def test_bodies_are_not_kept_by_the_proxy(start_proxy):
    """A body passes as it comes: the store has its first bytes while the client still has the last."""
    _, proxy, _ = start_proxy()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=limit(10)) as upload:
        upload.sendall(b"PUT /test/split-slow HTTP/1.1\r\nHost: h\r\n"
                       b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
        answer = upload.recv(1 << 16)
        if answer.startswith(b"HTTP/1.1 100 "):
            upload.sendall(bytes(1000))
            answer = answer.split(b"\r\n\r\n", 1)[1] or upload.recv(1 << 16)
        # The store refuses what is not signed, and does so long before the body is whole.
        assert re.match(rb"HTTP/1.1 403 ", answer), answer


def test_connections_to_both_sides_are_kept(start_proxy):
    server, _, client = start_proxy()
    client.put_object(Bucket="test", Key="split-kept", Body=b"x")
    for _ in range(20):
        assert came_from_the_cache(client.get_object(Bucket="test", Key="split-kept"))
    accepted, = re.findall(r"^cachey_connections_accepted_total (\d+)", server.get("/metrics").body.decode(), re.M)
    assert int(accepted) < 10


def test_the_store_answers_while_the_cache_does_not(start_proxy):
    server, _, client = start_proxy(BACKUP)
    client.put_object(Bucket="test", Key="split-backup", Body=b"x")
    assert came_from_the_cache(client.get_object(Bucket="test", Key="split-backup"))
    server.stop()
    answer = client.get_object(Bucket="test", Key="split-backup")
    assert answer["Body"].read() == b"x" and not came_from_the_cache(answer)
