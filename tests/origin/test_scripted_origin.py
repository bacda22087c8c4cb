"""The scripted origin itself: bytes, faults, log, signatures."""

import concurrent.futures
import http.client
import socket
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

from content import content, content_views, first_difference
from origin_model import Behaviour, Gate
from scripted_origin import ScriptedOrigin
from sigv4_check import Credentials

MIB = 1 << 20


@pytest.fixture
def origin():
    with ScriptedOrigin() as running:
        yield running
        assert running.refused == []


def s3_client(origin, **settings):
    who = origin.credentials
    return boto3.client(
        "s3", endpoint_url=origin.endpoint, region_name=who.region,
        aws_access_key_id=who.access_key, aws_secret_access_key=settings.pop("secret", who.secret_key),
        config=botocore.config.Config(retries={"total_max_attempts": 1}, max_pool_connections=64,
                                      s3={"addressing_style": "path"}, **settings))


def get(client, bucket, key, first, last):
    return client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{last}")


def test_content_is_a_function_of_seed_and_offset():
    whole = content(7, 0, 3 * MIB)
    for first, length in [(0, 1), (31, 2), (32, 5), (65535, 2), (65536 + 31, 66000), (MIB - 1, MIB + 2)]:
        assert content(7, first, length) == whole[first : first + length]
    assert content(7, 5 << 40, 64) == b"".join(content_views(7, 5 << 40, 64)) != content(8, 5 << 40, 64)
    assert content(7, 0, 0) == b""


def test_first_difference_finds_one_wrong_byte():
    data = bytearray(content(7, 1000, 2 * MIB))
    assert first_difference(data, 7, 1000) is None
    data[1_234_567] ^= 1
    assert first_difference(data, 7, 1000) == 1_235_567


def test_tails(origin):
    stored = origin.put("bucket", "key", size=1000)
    origin.put("bucket", "empty", size=0)
    client = s3_client(origin)
    for asked, first in [(1, 999), (1000, 0), (5000, 0)]:
        answer = client.get_object(Bucket="bucket", Key="key", Range=f"bytes=-{asked}")
        assert answer["ContentRange"] == f"bytes {first}-999/1000"
        assert answer["Body"].read() == content(stored.seed, first, 1000 - first)
    assert [record.tail for record in origin.requests()] == [1, 1000, 5000]
    empty = client.get_object(Bucket="bucket", Key="empty", Range="bytes=-5")
    assert empty["ResponseMetadata"]["HTTPStatusCode"] == 200 and "ContentRange" not in empty
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidRange"):
        client.get_object(Bucket="bucket", Key="key", Range="bytes=-0")


def test_attributes_replace_the_usual_ones(origin):
    origin.put("bucket", "key", size=10)
    origin.behave("bucket", "key", Behaviour(attributes=(("content-type", "text/plain"), ("x-amz-meta-a", "b"))))
    answer = s3_client(origin).get_object(Bucket="bucket", Key="key")
    assert answer["ContentType"] == "text/plain" and answer["Metadata"] == {"a": "b"}


@pytest.mark.parametrize("key", ["plain", "a//b", "a/../b", "a%2Fb", "a+b", "a b", "ü/日", "~!*'()@:,;&$.?#"])
def test_signed_ranged_gets_of_odd_keys(origin, key):
    stored = origin.put("bucket", key, size=3 * MIB)
    answer = get(s3_client(origin), "bucket", key, 70_000, 2 * MIB)
    assert answer["Body"].read() == content(stored.seed, 70_000, 2 * MIB - 70_000 + 1)
    assert answer["ContentRange"] == f"bytes 70000-{2 * MIB}/{3 * MIB}"
    assert answer["ETag"] == stored.etag
    (record,) = origin.ended("bucket", key)
    assert record.range == (70_000, 2 * MIB) and record.status == 206 and record.outcome == "sent"


def test_a_wrong_secret_is_refused_and_counted():
    with ScriptedOrigin(Credentials(session_token="token")) as origin:
        origin.put("bucket", "key", size=10)
        with pytest.raises(botocore.exceptions.ClientError) as error:
            get(s3_client(origin, secret="wrong"), "bucket", "key", 0, 9)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert len(origin.refused) == 1


def test_errors_of_a_healthy_store(origin):
    origin.put("bucket", "key", size=1000)
    client = s3_client(origin)
    for bucket, key, first, code in [("bucket", "none", 0, "NoSuchKey"), ("none", "key", 0, "NoSuchBucket"),
                                     ("bucket", "key", 1000, "InvalidRange")]:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            get(client, bucket, key, first, first + 9)
        assert error.value.response["Error"]["Code"] == code
    assert get(client, "bucket", "key", 990, 5000)["ContentRange"] == "bytes 990-999/1000"


def test_if_match_is_honoured(origin):
    client = s3_client(origin)
    old = origin.put("bucket", "key", size=1000)
    client.get_object(Bucket="bucket", Key="key", IfMatch=old.etag)["Body"].read()
    origin.put("bucket", "key", size=1000)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.get_object(Bucket="bucket", Key="key", IfMatch=old.etag)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_behaviours_apply_in_order_and_run_out(origin):
    origin.put("bucket", "key", size=1000)
    origin.behave("bucket", "key", Behaviour(times=1, code="SlowDown"), Behaviour(times=1, code="AccessDenied"))
    client, seen = s3_client(origin), []
    for _ in range(3):
        try:
            seen.append(get(client, "bucket", "key", 0, 9)["ResponseMetadata"]["HTTPStatusCode"])
        except botocore.exceptions.ClientError as error:
            seen.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert seen == [503, 403, 206] == [record.status for record in origin.requests()]


def test_pace_and_gate(origin):
    gate = Gate()
    stored = origin.put("bucket", "key", size=MIB)
    origin.behave("bucket", "key", Behaviour(gate=gate, pace=4 * MIB))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reading = pool.submit(lambda: get(s3_client(origin), "bucket", "key", 0, MIB - 1)["Body"].read())
        while not (origin.requests() and origin.requests()[0].held):
            time.sleep(0.005)
        gate.release()
        started = time.monotonic()
        assert reading.result() == content(stored.seed, 0, MIB)
    assert 0.2 < time.monotonic() - started < 1.0


@pytest.mark.parametrize("cut", ["fin", "rst"])
def test_a_cut_body_is_short(origin, cut):
    origin.put("bucket", "key", size=MIB)
    origin.behave("bucket", "key", Behaviour(cut_after=100_000, cut=cut))
    body = get(s3_client(origin), "bucket", "key", 0, MIB - 1)["Body"]
    with pytest.raises((botocore.exceptions.IncompleteReadError, botocore.exceptions.ResponseStreamingError)):
        body.read()
    (record,) = origin.ended()
    assert record.body_bytes == 100_000 and record.outcome == "cut"


def test_a_stall_ends_when_the_client_leaves(origin):
    origin.put("bucket", "key", size=MIB)
    origin.behave("bucket", "key", Behaviour(stall_after=1000))
    body = get(s3_client(origin), "bucket", "key", 0, MIB - 1)["Body"]
    assert len(body.read(1000)) == 1000
    body.close()
    assert origin.ended()[0].outcome == "gone"


def test_lies_in_the_head(origin):
    stored = origin.put("bucket", "key", size=1000)
    client = s3_client(origin)
    origin.behave("bucket", "key", Behaviour(times=1, content_range="bytes 1-10/1000"),
                  Behaviour(times=1, ignore_range=True), Behaviour(times=1, omit=("etag", "last-modified")),
                  Behaviour(times=1, chunked=True, close=True), Behaviour(wrong_bytes=True))
    assert get(client, "bucket", "key", 0, 9)["ContentRange"] == "bytes 1-10/1000"
    assert len(get(client, "bucket", "key", 0, 9)["Body"].read()) == 1000
    bare = get(client, "bucket", "key", 0, 9)
    assert "ETag" not in bare and "LastModified" not in bare
    assert get(client, "bucket", "key", 5, 9)["Body"].read() == content(stored.seed, 5, 5)
    assert get(client, "bucket", "key", 5, 9)["Body"].read() != content(stored.seed, 5, 5)


def test_no_answer_and_raw_answers(origin):
    origin.put("bucket", "key", size=10)
    for behaviour in (Behaviour(drop="fin"), Behaviour(drop="rst"), Behaviour(raw=b"SSH-2.0-x\r\n\r\n")):
        origin.behave("bucket", "key", behaviour)
        with pytest.raises(botocore.exceptions.HTTPClientError):
            get(s3_client(origin), "bucket", "key", 0, 9)


def test_idle_connections_are_closed_when_told(origin):
    origin.idle_close_seconds = 0.1
    with socket.create_connection(("127.0.0.1", origin.port)) as idle:
        idle.settimeout(5)
        assert idle.recv(1) == b""


def test_streams_pages_fast_to_many_connections(origin):
    """The origin must not be the bottleneck of tests that measure the server."""
    page = 16 * MIB
    origin.put("bucket", "key", size=1 << 43)
    client = s3_client(origin)

    def read(index):
        body = get(client, "bucket", "key", index * page, index * page + page - 1)["Body"]
        return sum(len(piece) for piece in body.iter_chunks(MIB))

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(read, range(16))) == 16 * page
    assert time.monotonic() - started < 10


def test_hundreds_of_connections_at_once(origin):
    clients = [http.client.HTTPConnection("127.0.0.1", origin.port, timeout=20) for _ in range(400)]
    for client in clients:
        client.request("GET", "/bucket/key")  # not signed
    assert {client.getresponse().status for client in clients} == {403}
    for client in clients:
        client.close()
    assert len(origin.refused) == origin.connections_accepted == 400
    origin.refused.clear()
