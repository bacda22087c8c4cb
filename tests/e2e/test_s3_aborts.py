"""Clients of the S3 endpoint that go away in mid-answer: the entry stays whole, and costs no bytes twice."""

import socket
import struct

import pytest

import s3_face
from harness import MIB, PAGE, wait_until
from origin_model import Behaviour, Gate
from s3_face import expect_object, get

_SIZE = 40 * MIB


def gets_by_page(origin, bucket):
    """How many GETs asked for bytes of each page; a GET without a range asks for all."""
    counts = [0] * -(-_SIZE // PAGE)
    for record in origin.ended(bucket):
        first, last = record.range or (0, _SIZE - 1)
        for page in range(first // PAGE, min(last, _SIZE - 1) // PAGE + 1):
            counts[page] += record.method == "GET"
    return counts


def reset(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("taken", [0, 1, 16 * MIB])
def test_a_cold_read_that_is_cut(s3_face_server, origin, kind, taken):
    """minio/minio#8130: the client of the first GET leaves; the next one gets the object."""
    bucket = f"{kind}-undisturbed"
    whole = origin.put(bucket, "object", size=_SIZE)
    expect_object(get(s3_face_server, (bucket, "object")), whole)
    stored = origin.put(kind, "object", size=_SIZE)
    connection = s3_face_server.connect_s3(receive_buffer=64 << 10)
    connection.request("GET", s3_face.target(kind, "object"))
    assert connection.read_head().header("Content-Length") == str(_SIZE)
    connection.read_body_bytes(taken)
    reset(connection)
    expect_object(get(s3_face_server, (kind, "object")), stored)
    for disturbed, usual in zip(gets_by_page(origin, kind), gets_by_page(origin, bucket)):
        assert disturbed <= usual + 1
    expect_object(get(s3_face_server, (kind, "object")), stored)
    assert origin.ended(kind)[-1].status in (200, 206)


def test_a_reader_that_asks_for_all_and_takes_a_little(s3_face_server, origin, kind):
    """ClickHouse asks for the rest of the object, takes what it needs, and hangs up."""
    stored = origin.put(kind, "object", size=_SIZE)
    for at in range(0, _SIZE, 3 * MIB):
        connection = s3_face_server.connect_s3(receive_buffer=64 << 10)
        connection.request("GET", s3_face.target(kind, "object"), [("Range", f"bytes={at}-"), ("If-Match", stored.etag)])
        assert connection.read_head().status == 206
        connection.read_body_bytes(1000)
        reset(connection)
    expect_object(get(s3_face_server, (kind, "object")), stored)
    assert max(gets_by_page(origin, kind)) <= 3


def test_a_client_that_leaves_before_the_head(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    for method in ("GET", "HEAD"):
        connection = s3_face_server.connect_s3()
        connection.request(method, s3_face.target(kind, "object"))
        wait_until(lambda: origin.requests(kind))
        reset(connection)
    gate.release()
    expect_object(get(s3_face_server, (kind, "object")), stored)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_thousand_that_disconnect_do_not_evict_a_hot_entry(s3_face_server, origin, kind, method):
    """tigrisdata/tag#104."""
    stored = origin.put(kind, "hot", size=100_000)
    expect_object(get(s3_face_server, (kind, "hot")), stored)
    headers = [("Range", "bytes=0-99")] if method == "GET" else []
    for _ in range(10):
        connections = [s3_face_server.connect_s3() for _ in range(100)]
        for connection in connections:
            connection.request(method, s3_face.target(kind, "hot"), headers)
            reset(connection)
    before = len([record for record in origin.ended(kind) if record.method == "GET"])
    response = get(s3_face_server, (kind, "hot"))
    expect_object(response, stored)
    assert response.header("X-Cache") in ("HIT", "REVALIDATED")
    assert len([record for record in origin.ended(kind) if record.method == "GET"]) == before == 1
