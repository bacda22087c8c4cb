"""What other S3 endpoints and caches got wrong, each named by its report."""

import urllib.parse

import boto3
import botocore.config
import pytest

import s3_face
from harness import PAGE
from origin_model import Behaviour
from s3_face import FACE, endpoint, expect_error, expect_object, get, head

_ASCII = [f"a{chr(code)}b" for code in range(0x20, 0x7f)]
_EDGES = [" x", "x ", "/x", "x/", "//", "a//b", "a/../b", "..", ".", "./a", "a/.", "%41", "100%", "?", "#", "+", "ü", "日本語/キー", "😀",
          "a=b&x-id=GetObject", "tagging", "x" * 1024, "ü" * 512, "e\u0301", "\u202e", "tab\tx", "line\nx", "\x7f"]


def client_of(server, version="s3v4", **config):
    settings = botocore.config.Config(s3={"addressing_style": "path"}, signature_version=version, retries={"total_max_attempts": 1},
                                      **config)
    return boto3.client("s3", endpoint_url=endpoint(server)["AWS_ENDPOINT_URL"], aws_access_key_id="any",
                        aws_secret_access_key="any", region_name="us-east-1", config=settings)


@pytest.mark.parametrize("version", ["raw", "s3v4", "s3", "presigned s3v4", "presigned s3"])
def test_every_byte_in_a_key(s3_face_server, origin, version):
    """nginx/nginx-s3-gateway#53, anomalizer/ngx_aws_auth#87."""
    bucket = "every-byte"
    client = client_of(s3_face_server, version.rpartition(" ")[2]) if version != "raw" else None
    with s3_face_server.connect_s3() as connection:
        for number, key in enumerate(_ASCII + _EDGES):
            stored = origin.stored(bucket, key) or origin.put(bucket, key, size=100 + number)
            if version == "raw":
                expect_object(connection.exchange("GET", s3_face.target(bucket, key)), stored)
                expect_object(connection.exchange("HEAD", s3_face.target(bucket, key)), stored, method="HEAD")
            elif "presigned" in version:
                url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
                expect_object(connection.exchange("GET", "/" + url.split("/", 3)[3]), stored)
            else:
                answer = client.get_object(Bucket=bucket, Key=key)
                assert (answer["ETag"], len(answer["Body"].read())) == (stored.etag, stored.size)


def test_keys_that_look_alike(s3_face_server, origin, kind):
    alike = ["look/alike", "look//alike", "look/./alike", "look/x/../alike", "look%2Falike", "look/alike/", "/look/alike", "look/Alike",
             "look/a+like", "look/a like", "look/a%20like", "look/alike?", "look/alike?x"]
    stored = {key: origin.put(kind, key, size=500 + number) for number, key in enumerate(alike)}
    for _ in range(2):
        for key in alike:
            expect_object(get(s3_face_server, (kind, key)), stored[key])


@pytest.mark.parametrize("key,on_the_wire", [
    ("en/co/ded", "en%2Fco%2fded"), ("en/co/ded", "%65n/co/%64ed"), ("en+coded", "en+coded"), ("en+coded", "en%2Bcoded"),
    ("en coded", "en%20coded"), ("en:co@ded", "en:co@ded"), ("en!$&'()*,;=", "en!$&'()*,;="), ("en/../coded", "en/%2E%2e/coded"),
    ("percent%2Fen", "percent%252Fen"), ("ü", "%C3%BC"), ("ü", "%c3%bc")])
def test_a_key_is_decoded_once(s3_face_server, origin, key, on_the_wire):
    stored = origin.stored("decoded", key) or origin.put("decoded", key, size=10)
    expect_object(get(s3_face_server, f"/decoded/{on_the_wire}"), stored)


@pytest.mark.parametrize("target,code", [
    ("/{}/bad%zz", "InvalidURI"), ("/{}/bad%4", "InvalidURI"), ("/{}/bad%", "InvalidURI"), ("/{}/%ff", "InvalidURI"),
    ("/{}/%c3", "InvalidURI"), ("/{}/%ed%a0%80", "InvalidURI"), ("/{}/" + "x" * 1025, "KeyTooLongError"),
    ("/{}/" + "%C3%BC" * 513, "KeyTooLongError"), ("/a..b/key", "InvalidBucketName"),
    ("/arn:aws:s3:us-east-1:1:accesspoint%2Fx/key", "InvalidBucketName"), ("/a%0ab/key", "InvalidBucketName"),
    ("/" + "b" * 64 + "/key", "InvalidBucketName"), ("/-/key", "InvalidBucketName")])
def test_bad_names(s3_face_server, origin, kind, target, code):
    before = len(origin.requests())
    for method in ("GET", "HEAD"):
        expect_error(s3_face.ask(s3_face_server, method, target.format(kind)), 400, code, method)
    assert origin.requests()[before:] == []


@pytest.mark.parametrize("tag,shown", [(None, None), ('""', None), ("", None), ('W/"weak"', 'W/"weak"'), ("unquoted", '"unquoted"'),
                                       ('"plain"', '"plain"'), ('"with-5"', '"with-5"')])
def test_odd_tags_of_the_store(s3_face_server, origin, kind, tag, shown):
    """milvus-io/talon#160: without, with an empty, with a weak ETag."""
    stored = origin.put(kind, "object", size=3 * PAGE)
    behaviour = Behaviour(omit=("etag",)) if tag is None else Behaviour(attributes=(("ETag", tag),))
    origin.behave(kind, "object", behaviour)
    for _ in range(2):
        for method in ("HEAD", "GET"):
            response = s3_face.ask(s3_face_server, method, (kind, "object"))
            assert response.status == 200 and response.header("ETag") == shown, response.headers
            assert method == "HEAD" or len(response.body) == stored.size
        part = get(s3_face_server, (kind, "object"), [("Range", f"bytes={PAGE - 5}-{PAGE + 5}")])
        assert part.status == 206 and part.header("ETag") == shown
    if shown and not shown.startswith("W/"):
        for wanted in (shown, shown.strip('"'), "*", f'"x", {shown}'):
            assert head(s3_face_server, (kind, "object"), [("If-Match", wanted)]).status == 200
            assert head(s3_face_server, (kind, "object"), [("If-None-Match", wanted)]).status == 304
    else:
        assert head(s3_face_server, (kind, "object"), [("If-Match", '"x"')]).status == 412


def test_a_missing_key_is_404_for_a_head(s3_face_server, origin, kind):
    """minio/minio#7935: not 503; aws/aws-sdk-php#3173: errors of HEAD have no length."""
    origin.add_bucket(kind)
    for _ in range(3):
        response = head(s3_face_server, (kind, "missing"))
        expect_error(response, 404, "NoSuchKey", "HEAD")
        assert response.header("Content-Length") == "0"
        expect_error(get(s3_face_server, (kind, "missing")), 404, "NoSuchKey")
    expect_error(get(s3_face_server, (f"{kind}-none", "missing")), 404, "NoSuchBucket")


def test_absences_say_nothing_of_the_store(s3_face_server, origin, kind):
    """Clients probe for names that are no objects; the bucket goes on serving."""
    stored = origin.put(kind, "object", size=100)
    with s3_face_server.connect_s3() as connection:
        for number in range(300):
            assert connection.exchange("HEAD", f"/{kind}/no-{number}").status == 404
        expect_object(connection.exchange("GET", f"/{kind}/object"), stored)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_is_a_hit_the_second_time(s3_face_server, origin, kind, version):
    """tigrisdata/tag#93."""
    stored = origin.put(kind, "object", size=1000)
    words = []
    for _ in range(2):
        url = client_of(s3_face_server, version).generate_presigned_url("get_object", Params={"Bucket": kind, "Key": "object"})
        response = get(s3_face_server, "/" + url.split("/", 3)[3])
        expect_object(response, stored)
        words.append(response.header("X-Cache"))
    assert words == ["MISS", "HIT"]
    assert len(origin.ended(kind)) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost", "cache.test", "cache.test:9", "[::1]", "[::1]:80", "[::1]:", "x",
                                  "CACHE.TEST", "cache.test.", "xn--bcher-kva.example", "a_b.c", ""])
def test_any_host_is_path_style(s3_face_server, origin, host):
    """seaweedfs#10284: a proxy that changes Host or drops its port."""
    stored = origin.stored("any-host", "object") or origin.put("any-host", "object", size=10)
    expect_object(get(s3_face_server, ("any-host", "object"), host=host), stored)


@pytest.mark.parametrize("host,target", [
    ("bucket-of-host.s3.test", "/dir/object"), ("bucket-of-host.s3.test:8080", "/dir/object"), ("Bucket-Of-Host.S3.TEST", "/dir/object"),
    ("dots.in.bucket.s3.test", "/dir/object"), ("s3.test", "/bucket-of-host/dir/object"), ("s3.test:80", "/bucket-of-host/dir/object"),
    ("127.0.0.1", "/bucket-of-host/dir/object"), ("other.test", "/bucket-of-host/dir/object"),
    ("xs3.test", "/bucket-of-host/dir/object"), ("x.s3.test.evil", "/bucket-of-host/dir/object"),
    ("bucket-of-host.deep.s3.test", "/dir/object")])
def test_virtual_hosts(virtual_hosts_server, origin, host, target):
    bucket = "dots.in.bucket" if host.startswith("dots") else "bucket-of-host"
    stored = origin.stored(bucket, "dir/object") or origin.put(bucket, "dir/object", size=10)
    for protocol in s3_face.PROTOCOLS:
        expect_object(get(virtual_hosts_server, target, host=host, protocol=protocol), stored)


@pytest.fixture(scope="module")
def virtual_hosts_server(start_session_server, origin):
    return start_session_server("--origin", "s3", *FACE, "--s3api-domain", "s3.test", "--s3api-domain", "deep.s3.test",
                                environment=origin.environment())


def test_pages_are_shared_with_fetch(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    assert s3_face_server.fetch(kind, "object", 0, 999).status == 206
    response = get(s3_face_server, (kind, "object"))
    expect_object(response, stored)
    assert len([record for record in origin.ended(kind) if record.method == "GET"]) == 1


def test_a_query_of_16_kib(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=10)
    response = get(s3_face_server, f"/{kind}/object?" + "&".join(f"p{number}=x" for number in range(1700)))
    assert response.status in (200, 400, 431)
    if response.status == 200:
        expect_object(response, stored)
    response = get(s3_face_server, f"/{kind}/object?" + urllib.parse.quote("x" * (32 << 10)))
    assert response.status in (400, 414, 431)
