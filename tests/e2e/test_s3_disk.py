"""The S3 endpoint over a disk: attributes are back after a restart, and so is all of an older program's store."""

import hashlib
import re
import signal
import struct
import subprocess
import time

import pytest

import prometheus_text
from disk import from_origin, kill, wait_for_pages
from harness import BINARY, KIB, MIB, ROOT, wait_until
from origin_model import Behaviour
from s3_face import FACE, expect_object, get, head
from test_metrics import scrape

NEVER = (*FACE, "--s3api-revalidate", "*=never")
ALWAYS = (*FACE, "--s3api-revalidate", "*=always")
OWN_OF_AN_ANSWER = {"date", "x-amz-request-id", "x-amz-id-2", "x-cache", "c0-status"}
ATTRIBUTES = (("Content-Type", "text/plain"), ("Cache-Control", "max-age=5"), ("x-amz-meta-a", "1"),
              ("x-amz-meta-long", "x" * 3000))


def lines(response):
    """What the head says of the object."""
    return sorted((name.lower(), value) for name, value in response.headers if name.lower() not in OWN_OF_AN_ANSWER)


def end(server, how):
    if how == "kill":
        kill(server)
        return
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_hits_and_attributes_are_as_before_after_a_restart(disk_server, origin, kind, how):
    keys = [f"object-{i}" for i in range(8)]
    stored = {key: origin.put(kind, key, size=70 * KIB) for key in keys}
    for i, key in enumerate(keys):
        origin.behave(kind, key, Behaviour(attributes=(*ATTRIBUTES, ("x-amz-meta-own", str(i % 4)))))
    server = disk_server(*NEVER)
    before = {}
    for key in keys:
        expect_object(get(server, (kind, key)), stored[key])
        before[key] = lines(head(server, (kind, key)))
        assert ("x-amz-meta-long", "x" * 3000) in before[key]
    wait_for_pages(server, len(keys))
    end(server, how)

    asked = len(origin.requests(kind))
    server = disk_server(*NEVER)
    for key in keys:
        answer = head(server, (kind, key))
        expect_object(answer, stored[key], method="HEAD")
        assert lines(answer) == before[key]
        answer = get(server, (kind, key))
        expect_object(answer, stored[key])
        assert lines(answer) == before[key] and answer.header("X-Cache") == "HIT"
    assert len(origin.requests(kind)) == asked and from_origin(server) == 0


def test_replaced_attributes_survive_a_kill(disk_server, origin, kind):
    stored = origin.put(kind, "object", size=70 * KIB)
    origin.behave(kind, "object", Behaviour(attributes=ATTRIBUTES))
    server = disk_server(*ALWAYS)
    expect_object(get(server, (kind, "object")), stored)
    wait_for_pages(server, 1)
    received = from_origin(server)
    for value in ("2", "3", "4"):
        origin.behave(kind, "object", Behaviour(attributes=(("Content-Type", "a/b"), ("x-amz-meta-a", value))))
        answer = get(server, (kind, "object"))
        expect_object(answer, stored)
        assert answer.header("x-amz-meta-a") == value and answer.header("x-amz-meta-long") is None
    assert from_origin(server) == received, "no page came again"
    # The first answer is recorded at once, the last one up to 5 s later.
    time.sleep(6)
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_disk_pending_records") == 0, 10, "the records")
    kill(server)

    server = disk_server(*NEVER)
    answer = head(server, (kind, "object"))
    assert answer.header("x-amz-meta-a") == "4" and answer.header("Content-Type") == "a/b"
    expect_object(get(server, (kind, "object")), stored)
    assert from_origin(server) == 0


# A store of version 3, as src/store/testing/old_stores.h has it.

def hex_of(name):
    text = (ROOT / "src/store/testing/old_stores.h").read_text(encoding="utf-8")
    found = re.search(rf"{name} =((?:\s*\"[0-9a-f]+\")+);", text)
    return bytes.fromhex("".join(re.findall(r"[0-9a-f]+", found.group(1))))


def content(kind, etag, key, code, size):
    """page_content() of src/store/testing/disk_harness.cc."""
    named = (kind + etag).encode()
    digest = hashlib.sha256(struct.pack("<Q", len(named)) + named + key.encode()).digest()
    word = struct.unpack_from("<Q", digest, 8)[0] + code
    words = bytearray()
    while len(words) < size:
        word = (word * 0x5851F42D4C957F2D + 1) % 2**64
        words += struct.pack("<Q", word)
    return bytes(words[:size])


def test_a_store_of_an_older_program_is_used_and_upgraded(disk_server, disk_path):
    part = content("kind", '"v1"', "d", 128 << 32, 2000)
    disk = bytearray(4 * MIB)
    for at, piece in ((0, hex_of("kVersion3Superblock")), (256 * KIB, hex_of("kVersion3Superblock")),
                      (150 * 4 * KIB, hex_of("kVersion3Records")),
                      (151 * 4 * KIB, hex_of("kVersion3LaterRecords")), (214 * 4 * KIB, part)):
        disk[at:at + len(piece)] = piece
    file = disk_path / "cachey.disk"
    file.write_bytes(disk)
    server = disk_server(*FACE)
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_disk_pages") == 3, 10, "the old pages")
    answer = server.fetch("kind", "d", 10, 1999, headers=(("C0-Exact", "true"), ("C0-Bucket", "bucket")))
    assert answer.status == 206 and answer.body == part[10:2000]
    assert from_origin(server) == 0
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert struct.unpack_from("<I", file.read_bytes()[:12], 8) == (4,)
    told = subprocess.run([str(BINARY), "disk", "inspect", str(disk_path)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^format version +4$", told, re.MULTILINE), told
    assert re.search(r"^attributes +0 texts, 0 bytes, of 0 objects$", told, re.MULTILINE), told
