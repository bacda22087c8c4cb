"""Whatever writes is refused at the S3 endpoint before anything is asked: nginx/nginx-s3-gateway#551.

Large uploads by other clients: test_uploads.py."""

import shutil
import socket
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest

import s3_face
from harness import MIB, limit
from s3_face import FACE, expect_error, expect_object, get

_METHODS = ("PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO", "get", "GETX", "PROPFIND")
_VIRTUAL_HOST = "bucket.s3.test"
_UPLOAD_BYTES = 64 * MIB


def paths(bucket):
    """40 targets: objects, buckets, sub-resources, health, and what a careless router takes for another path."""
    plain = ["/", "//", "/*", "/?", "/-/healthz", "/-/readyz", "/-", "/index.html", "/%2F", "/../..", "/fetch/a/b", "/metrics", "/stats"]
    own = ["", "/", "/object", "/object/", "/object?", "/a/../object", "/./object", "//object", "/index.html", "/%6Fbject", "/object%00",
           "/object%0d%0aX:%20y", "/object?tagging", "/object?acl", "/object?uploads", "/object?uploadId=1&partNumber=1", "?delete",
           "?acl", "?policy", "?lifecycle", "/object?versionId=null", "/object?x-id=PutObject", "/object?restore", "/object?select",
           "/object?_method=GET", "/object?X-Amz-Signature=0", "?list-type=2"]
    return plain + [f"/{bucket}{rest}" for rest in own]


def test_there_are_forty():
    assert len(paths("b")) == len(set(paths("b"))) == 40


@pytest.mark.parametrize("protocol", s3_face.PROTOCOLS)
@pytest.mark.parametrize("method", _METHODS)
def test_every_method_on_every_path(s3_face_server, origin, kind, method, protocol):
    origin.put(kind, "object", size=100)
    before = len(origin.requests())
    for path in paths(kind):
        for host in ("cache.test", _VIRTUAL_HOST):
            response = s3_face.ask(s3_face_server, method, path, host=host, protocol=protocol)
            assert response.status == 405, f"{method} {path}: {response.status} {response.body[:200]!r}"
            expect_error(response, 405, "MethodNotAllowed")
            assert response.header("Allow") == "GET, HEAD"
    assert origin.requests()[before:] == []
    expect_object(get(s3_face_server, (kind, "object")), origin.stored(kind, "object"))


@pytest.mark.parametrize("target", ["127.0.0.1:80", "bucket/key", "*", "/bucket/key"])
def test_connect(s3_face_server, origin, target):
    before = len(origin.requests())
    response = s3_face.ask(s3_face_server, "CONNECT", target)
    assert response.status in (400, 405)
    assert origin.requests()[before:] == []


def test_the_connection_ends_with_the_refusal(s3_face_server, kind):
    """What follows is the refused body, not a request."""
    with s3_face_server.connect_s3() as connection:
        body = b"GET /smuggled/key HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.request("PUT", f"/{kind}/object", [("Content-Length", str(len(body)))])
        connection.send(body)
        response = connection.read_response()
        expect_error(response, 405, "MethodNotAllowed")
        assert response.header("Connection") == "close"
        assert connection.is_closed_by_server() and connection.leftover() == b""


def test_a_body_is_not_asked_for(s3_face_server, kind):
    """Expect: 100-continue gets the final status, with no 100 before it."""
    with s3_face_server.connect_s3() as connection:
        connection.request("PUT", f"/{kind}/object", [("Content-Length", "1000"), ("Expect", "100-continue")])
        expect_error(connection.read_response(), 405, "MethodNotAllowed")


@pytest.fixture
def upload(tmp_path):
    file = tmp_path / "64-MiB"
    with open(file, "wb") as made:
        made.truncate(_UPLOAD_BYTES)
    return file


_GO = """package main

import ("fmt"; "io"; "net/http"; "os"; "strings")

func main() {
	file, _ := os.Open(os.Args[2])
	request, _ := http.NewRequest("PUT", os.Args[1], file)
	request.ContentLength = 64 << 20
	answer, err := http.DefaultClient.Do(request)
	if err != nil { fmt.Println("failed:", err); os.Exit(1) }
	body, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, strings.Contains(string(body), "<Code>MethodNotAllowed</Code>"), err)
}
"""


def test_go_reads_the_refusal_of_a_large_upload(s3_face_server, kind, upload, tmp_path):
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    program = tmp_path / "upload.go"
    program.write_text(_GO, encoding="utf-8")
    built = tmp_path / "upload"
    subprocess.run(["go", "build", "-o", str(built), str(program)], cwd=tmp_path, timeout=limit(90), check=True)
    for _ in range(5):
        done = subprocess.run([str(built), f"http://127.0.0.1:{s3_face_server.s3_port}/{kind}/object", str(upload)],
                              capture_output=True, text=True, timeout=limit(30), check=False)
        assert done.stdout == "405 true <nil>\n", done


def test_boto3_reports_the_refusal(s3_face_server, origin, kind):
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=s3_face.endpoint(s3_face_server)["AWS_ENDPOINT_URL"],
                          aws_access_key_id="any", aws_secret_access_key="any",
                          config=botocore.config.Config(s3={"addressing_style": "path"}))
    before = len(origin.requests())
    for write in (lambda: client.put_object(Bucket=kind, Key="object", Body=bytes(8 * MIB)),
                  lambda: client.delete_object(Bucket=kind, Key="object"),
                  lambda: client.create_multipart_upload(Bucket=kind, Key="object"),
                  lambda: client.delete_objects(Bucket=kind, Delete={"Objects": [{"Key": "object"}]}),
                  lambda: client.create_bucket(Bucket=kind)):
        with pytest.raises(botocore.exceptions.ClientError, match="MethodNotAllowed.*read-only"):
            write()
    assert origin.requests()[before:] == []


def test_refusals_hold_no_connection_for_long(s3_face_server, kind):
    """A client that never ends its body is left."""
    with s3_face_server.connect_s3() as connection:
        connection.request("PUT", f"/{kind}/object", [("Content-Length", str(1 << 40))])
        expect_error(connection.read_response(), 405, "MethodNotAllowed")
        assert connection.is_closed_by_server(seconds=10)


def test_other_subresources_are_never_reinterpreted(s3_face_server, origin, kind):
    """milvus-io/talon#534: a sub-resource that is not served is not the object."""
    origin.put(kind, "object", size=100)
    before = len(origin.requests())
    for query in ("torrent", "legal-hold", "select", "append", "retention", "uploadId=1", "uploads", "restore",
                  "%74orrent", "torrent=", "x-id=GetObject&torrent", "acl&tagging"):
        for method in ("GET", "HEAD"):
            response = s3_face.ask(s3_face_server, method, f"/{kind}/object?{query}")
            expect_error(response, 501, "NotImplemented", method)
    assert origin.requests()[before:] == []


def test_unknown_parameters_do_not_matter(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=100)
    for query in ("x-id=GetObject", "", "unknown", "a=b&c=d", "X-Amz-Signature=0&X-Amz-Expires=1", "Signature=x&Expires=1", "&&&", "=",
                  "ACL", "tagging-x", "utm=1"):
        expect_object(get(s3_face_server, f"/{kind}/object?{query}"), stored)


def test_a_proxy_that_leaves_the_method_alone(start_server, origin, kind):
    """With virtual hosts, too, nothing is written."""
    server = start_server("--origin", "s3", *FACE, "--s3api-domain", "s3.test", environment=origin.environment())
    stored = origin.put("bucket", "object", size=100)
    expect_object(get(server, "/object", host=_VIRTUAL_HOST), stored)
    before = len(origin.requests())
    for method in _METHODS:
        expect_error(s3_face.ask(server, method, "/object", host=_VIRTUAL_HOST), 405, "MethodNotAllowed")
    assert origin.requests()[before:] == []
    with socket.create_connection(("127.0.0.1", server.s3_port), timeout=limit(10)) as raw:
        raw.sendall(b"DELETE http://bucket.s3.test/object HTTP/1.1\r\nHost: bucket.s3.test\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 405")
    assert origin.requests()[before:] == []
