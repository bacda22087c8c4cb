"""What the store answers past the cache, at the S3 endpoint: lists, questions about buckets, sub-resources, versions."""

import re
import socket
import threading
import xml.etree.ElementTree

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness import wait_until
from prometheus_text import value
from s3_face import FACE, endpoint, expect_error, get, head
from s3_keys import Client, Key, presign, write_keys
from test_metrics import scrape

_KEYS = 3000
_BUCKET = "lists"


def client(settings, **config):
    return boto3.client(
        "s3", endpoint_url=settings["AWS_ENDPOINT_URL"], aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"], region_name=settings["AWS_REGION"],
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config))


@pytest.fixture(scope="module")
def store(radosgw):
    radosgw.add_bucket(_BUCKET)
    names = [f"{folder}/{number:04} +%ü&<.txt" for number in range(_KEYS // 3) for folder in ("a", "b", "c/d")]
    workers = [threading.Thread(target=lambda mine=names[start::8]: [
        radosgw.client.put_object(Bucket=_BUCKET, Key=key, Body=b"") for key in mine]) for start in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return radosgw


@pytest.fixture(scope="module")
def face(start_session_server, store):
    return start_session_server("--origin", "s3", "--memory", "128MiB", "--s3api-bucket=alias=lists",
                                "--s3api-region=eu-west-7", *FACE, environment=store.environment())


@pytest.fixture(scope="module")
def cached(face):
    return client(endpoint(face))


def without_ids(answer):
    answer = dict(answer)
    answer.pop("ResponseMetadata", None)
    answer.pop("RequestCharged", None)
    return answer


@pytest.mark.parametrize("parameters", [
    {}, {"Prefix": "a/"}, {"Delimiter": "/"}, {"Prefix": "c/", "Delimiter": "/"}, {"EncodingType": "url"},
    {"Prefix": "none"}, {"Prefix": ""}, {"MaxKeys": 7}], ids=str)
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
def test_a_list_is_the_stores(store, cached, operation, parameters):
    told = getattr(cached, operation)(Bucket=_BUCKET, **parameters)
    assert without_ids(told) == without_ids(getattr(store.client, operation)(Bucket=_BUCKET, **parameters))


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
def test_all_pages_of_a_list(store, cached, operation):
    def pages(asked):
        parameters = {"Bucket": _BUCKET, "PaginationConfig": {"PageSize": 700}}
        return [without_ids(page) for page in asked.get_paginator(operation).paginate(**parameters)]
    told = pages(cached)
    assert len(told) == -(-_KEYS // 700)
    assert told == pages(store.client)


def test_a_list_starts_where_the_client_says(store, cached):
    parameters = {"Bucket": _BUCKET, "Prefix": "b/", "StartAfter": "b/0990", "FetchOwner": True}
    told = cached.list_objects_v2(**parameters)
    assert told["KeyCount"] == 10
    assert without_ids(told) == without_ids(store.client.list_objects_v2(**parameters))


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_a_list_on_the_wire(face, protocol):
    response = get(face, f"/{_BUCKET}?list-type=2&prefix=&delimiter=", protocol=protocol)
    assert response.status == 200 and response.complete
    assert response.header("X-Cache") == "PASS" and response.header("x-amz-request-id")
    assert response.header("Content-Type") == "application/xml"
    assert xml.etree.ElementTree.fromstring(response.body).tag.endswith("ListBucketResult")


def test_in_a_list_of_an_alias_its_name_stands(face, cached):
    told = cached.list_objects_v2(Bucket="alias", MaxKeys=5)
    assert told["Name"] == "alias" and told["KeyCount"] == 5
    assert b"<Name>alias</Name>" in get(face, "/alias?versions&max-keys=1").body
    assert cached.list_objects(Bucket="alias", MaxKeys=1)["Name"] == "alias"


def test_buckets(face, store, cached):
    told = [bucket["Name"] for bucket in cached.list_buckets()["Buckets"]]
    assert told == sorted([bucket["Name"] for bucket in store.client.list_buckets()["Buckets"]] + ["alias"])
    response = head(face, f"/{_BUCKET}")
    assert response.status == 200 and response.header("x-amz-bucket-region") == "eu-west-7"
    assert head(face, "/alias").status == 200
    expect_error(head(face, "/no-such-bucket"), 404, "", "HEAD")
    expect_error(get(face, "/no-such-bucket?list-type=2"), 404, "NoSuchBucket")
    assert cached.get_bucket_versioning(Bucket=_BUCKET).get("Status") is None


def test_buckets_that_may_not_be_read_are_not_told(start_server, store):
    server = start_server("--origin", "s3", "--allow-bucket=li*", *FACE, environment=store.environment())
    names = re.findall(rb"<Name>([^<]*)</Name>", get(server, "/").body)
    assert names == [_BUCKET.encode()]
    expect_error(get(server, "/test?list-type=2"), 403, "AccessDenied")
    expect_error(head(server, "/test"), 403, "", "HEAD")


def test_subresources(face, store, cached):
    names = {"Bucket": _BUCKET, "Key": "a/0000 +%ü&<.txt"}
    tags = {"TagSet": [{"Key": "k", "Value": "v &"}]}
    store.client.put_object_tagging(**names, Tagging=tags)
    assert without_ids(cached.get_object_tagging(**names)) == without_ids(store.client.get_object_tagging(**names))
    assert without_ids(cached.get_object_acl(**names)) == without_ids(store.client.get_object_acl(**names))
    # This store answers with the object.
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        cached.get_object_attributes(**names, ObjectAttributes=["ETag"])
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    expect_error(get(face, f"/{_BUCKET}/none?tagging"), 404, "NoSuchKey")


def test_versions(face, store, cached):
    bucket = "versions"
    store.add_bucket(bucket)
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert cached.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    old, new = (store.client.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"old", b"newer"))
    assert get(face, (bucket, "k")).body == b"newer"
    for version, body in ((old, b"old"), (new, b"newer")):
        told = cached.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert told["Body"].read() == body and told["VersionId"] == version
        assert cached.head_object(Bucket=bucket, Key="k", VersionId=version)["ContentLength"] == len(body)
        assert cached.get_object(Bucket=bucket, Key="k", VersionId=version, Range="bytes=1-2")["Body"].read() == body[1:3]
    response = get(face, f"/{bucket}/k?versionId={old}", [("If-None-Match", cached.head_object(
        Bucket=bucket, Key="k", VersionId=old)["ETag"])])
    assert response.status == 304 and response.body == b""
    assert get(face, (bucket, "k")).body == b"newer"  # the entry is the newest version's still
    marker = store.client.delete_object(Bucket=bucket, Key="k")["VersionId"]
    assert get(face, f"/{bucket}/k?versionId={marker}").status in (404, 405)
    assert get(face, f"/{bucket}/k?versionId={old}").body == b"old"


def test_no_store_is_neither_from_nor_into_the_cache(face, store):
    names = {"Bucket": _BUCKET, "Key": "no-store"}
    store.client.put_object(**names, Body=b"one", Metadata={"a": "b"})
    where = (_BUCKET, "no-store")
    response = get(face, where, [("Cache-Control", "no-store")])
    assert response.body == b"one" and response.header("X-Cache") == "PASS"
    assert response.header("x-amz-meta-a") == "b" and response.header("Content-Length") == "3"
    assert get(face, where).header("X-Cache") == "MISS"
    store.client.put_object(**names, Body=b"second")
    assert get(face, where).body == b"one"
    assert get(face, where, [("Cache-Control", "no-store"), ("Range", "bytes=0-2")]).body == b"sec"
    assert get(face, where).body == b"one"
    store.client.delete_object(**names)


ALL = Key("ALL-KEY-ID-000000001")
LIMITED = Key("LIMITED-KEY-ID-00001", limits="buckets=lists,alias prefix=a/")


@pytest.fixture(scope="module")
def keyed(start_session_server, store, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    write_keys(keys, ALL, LIMITED)
    return start_session_server("--origin", "s3", "--s3api-bucket=alias=lists", "--s3api-listen", "127.0.0.1:0",
                                "--s3api-keys", str(keys), environment=store.environment())


@pytest.mark.parametrize("query", [
    "list-type=2&prefix=a%2F", "prefix=a%2F09", "versions&prefix=a%2F", "list-type=2&prefix=a%2F&start-after=b%2F0000",
    "prefix=a%2F&marker=c", "list-type=2&prefix=a%2F&start-after=a%2F0990", "versions&prefix=a%2F&key-marker=b",
    "prefix=a%2F&delimiter=%2F", "list-type=2&prefix=a%2F&continuation-token=b%2F0001"])
def test_a_key_with_a_prefix_lists_below_it(keyed, query):
    response = Client(keyed.s3_port, LIMITED).ask("GET", f"/{_BUCKET}?{query}")
    assert response.status in (200, 400), response.body  # 400: a token that the store has not made
    keys = re.findall(rb"<Key>([^<]*)</Key>", response.body)
    assert all(key.startswith(b"a/") for key in keys)


@pytest.mark.parametrize("query", ["", "?list-type=2", "?prefix=", "?prefix=a", "?prefix=b%2F", "?versions", "?versions&prefix=c",
                                   "?prefix=a%2F&prefix=b%2F", "?list-type=2&start-after=a%2F", "/b/0000?tagging", "/b/0000?versionId=null"])
def test_a_key_with_a_prefix_hears_of_nothing_else(keyed, query):
    expect_error(Client(keyed.s3_port, LIMITED).ask("GET", f"/{_BUCKET}{query}"), 403, "AccessDenied")
    if query.count("prefix") < 2:  # radosgw finds another signature for two of a name
        assert Client(keyed.s3_port, ALL).ask("GET", f"/{_BUCKET}{query}").status in (200, 404)


def test_a_key_with_buckets_sees_these(keyed):
    limited, everything = Client(keyed.s3_port, LIMITED), Client(keyed.s3_port, ALL)
    assert re.findall(rb"<Name>([^<]*)</Name>", limited.ask("GET", "/").body) == [b"alias", b"lists"]
    assert b"<Name>test</Name>" in everything.ask("GET", "/").body
    assert limited.ask("HEAD", "/alias").status == 200
    assert limited.ask("HEAD", "/test").status == 403
    expect_error(limited.ask("GET", "/test?list-type=2&prefix=a%2F"), 403, "AccessDenied")


class DyingStore:
    """Answers each request with `answer`, then closes; keeps the last request and counts all."""

    def __init__(self):
        self.answer = b""
        self.hold = None  # an event that ends the answer
        self.asked = 0
        self.last = b""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def environment(self):
        return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "AWS_ACCESS_KEY_ID": "id",
                "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}

    def _accept(self):
        while True:
            peer, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            request = b""
            while b"\r\n\r\n" not in request:
                more = peer.recv(65536)
                if not more:
                    return
                request += more
            self.asked += 1
            self.last = request
            try:
                peer.sendall(self.answer)
                if self.hold is not None:
                    self.hold.wait(60)
            except OSError:
                pass


@pytest.fixture(name="dying", scope="module")
def fixture_dying(start_session_server):
    store = DyingStore()
    server = start_session_server("--origin", "s3", *FACE, environment=store.environment())
    return store, server


_BEGIN = b"<?xml version=\"1.0\"?><ListBucketResult><Name>bkt</Name>" + b"<Contents><Key>k</Key></Contents>" * 1000


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000\r\n\r\n" + _BEGIN,
                                     b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(_BEGIN), _BEGIN)],
                         ids=["length", "chunks"])
def test_a_store_that_dies_in_a_list_breaks_the_clients(dying, framing, protocol):
    store, server = dying
    store.hold = None
    store.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n" + framing
    response = get(server, "/bkt?list-type=2", protocol=protocol)
    assert response.status == 200 and not response.complete


def test_a_store_that_fails_is_retriable(dying):
    store, server = dying
    store.hold = None
    for answer, status in ((b"", 500), (b"HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n", 500),
                           (b"HTTP/1.1 503 E\r\nContent-Length: 0\r\n\r\n", 503)):
        store.answer = answer
        response = get(server, "/bkt?list-type=2")
        assert response.status == status, (answer, response.status)
        assert head(server, "/bkt").status == status


def test_past_the_places_clients_are_refused_and_hits_are_not(dying):
    """One client has 32 places, and 128 of its questions wait; another client's are not refused."""
    store, server = dying
    store.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    store.hold = threading.Event()
    before = store.asked
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(get(server, "/bkt?list-type=2", timeout=60).status))
               for _ in range(200)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: value(scrape(server), "cachey_s3api_forwards_waiting") == 128, 10, "a full queue")
        wait_until(lambda: len(statuses) == 40, 10, "the refusals")
        assert statuses == [503] * 40
        assert store.asked - before == 32 == value(scrape(server), "cachey_s3api_forwards")
        assert get(server, "/-/healthz").text == "ok"
    finally:
        store.hold.set()
        for thread in threads:
            thread.join()
    wait_until(lambda: value(scrape(server), "cachey_s3api_forwards") == 0, 10, "the end of all")


def test_no_signature_of_the_client_reaches_the_store(start_server, tmp_path):
    store = DyingStore()
    store.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_BEGIN), _BEGIN)
    write_keys(tmp_path / "keys", ALL)
    server = start_server("--origin", "s3", "--s3api-listen", "127.0.0.1:0", "--s3api-keys", str(tmp_path / "keys"),
                          environment=store.environment())
    url = presign(ALL, "GET", f"127.0.0.1:{server.s3_port}", "/bkt?list-type=2&other=1&prefix=x")
    assert Client(server.s3_port, ALL).ask_url("GET", url).status == 200
    assert store.last.startswith(b"GET /bkt/?list-type=2&prefix=x HTTP/1.1\r\n"), store.last
    assert ALL.access.encode() not in store.last and b"Credential=id/" in store.last
