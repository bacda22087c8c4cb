"""Freshness at the S3 endpoint in front of a real store: replaced objects, replaced metadata, deleted objects."""

import time

import pytest
from harness import KIB, MIB, limit, wait_until
from prometheus_text import value
from s3_face import FACE, expect_error, expect_object, get, head
from test_metrics import scrape


@pytest.fixture(scope="module")
def face(start_session_server, radosgw):
    return start_session_server("--origin", "s3", "--memory", "256MiB", "--s3api-revalidate=test/always/*=always",
                                "--s3api-revalidate=*=1", *FACE, environment=radosgw.environment())


@pytest.mark.parametrize("folder", ["ttl", "always"])
def test_head_and_get_agree_while_the_object_is_replaced(face, radosgw, folder):
    where = ("test", f"{folder}/replaced")
    stored = {one.etag: one for one in [radosgw.put(*where, 100 * KIB, seed=1)]}
    for seed in range(2, 6):
        new = radosgw.put(*where, seed * 50 * KIB, seed=seed)
        stored[new.etag] = new
        replaced_at = time.monotonic()
        while True:
            told = head(face, where)
            answer = get(face, where, [("If-Match", told.header("ETag"))])
            version = stored[told.header("ETag")]
            assert answer.status == 200 and answer.header("ETag") == version.etag
            # radosgw's time of a HEAD and of a GET may differ by a part of a second.
            assert len(answer.body) == version.size
            if version is new:
                break
            assert folder == "ttl" and time.monotonic() - replaced_at < limit(2)
            time.sleep(0.05)


def test_metadata_that_is_replaced_shows_and_no_byte_is_fetched(face, radosgw):
    where = ("test", "ttl/metadata")
    names = {"Bucket": "test", "Key": "ttl/metadata"}
    radosgw.client.put_object(**names, Body=b"x" * MIB, ContentType="text/old", Metadata={"name": "old"})
    assert get(face, where).header("x-amz-meta-name") == "old"
    before = value(scrape(face), "cachey_memory_insertions_total")
    radosgw.client.copy_object(**names, CopySource=names, MetadataDirective="REPLACE", ContentType="text/new",
                               CacheControl="max-age=7", Metadata={"other": "new"})
    wait_until(lambda: head(face, where).header("Content-Type") == "text/new", 3, "the new metadata")
    for answer in (head(face, where), get(face, where)):
        assert answer.header("Content-Type") == "text/new" and answer.header("Cache-Control") == "max-age=7"
        assert answer.header("x-amz-meta-other") == "new" and answer.header("x-amz-meta-name") is None
    assert value(scrape(face), "cachey_memory_insertions_total") == before


def test_a_deleted_object_is_gone_and_comes_back(face, radosgw):
    where = ("test", "always/deleted")
    old = radosgw.put(*where, 10 * KIB, seed=1)
    expect_object(get(face, where), old)
    radosgw.client.delete_object(Bucket="test", Key="always/deleted")
    expect_error(get(face, where), 404, "NoSuchKey")
    expect_error(head(face, where), 404, "", method="HEAD")
    new = radosgw.put(*where, 20 * KIB, seed=2)
    expect_object(get(face, where), new)


def test_an_object_that_grew_is_never_416(face, radosgw):
    where = ("test", "ttl/grown")
    old = radosgw.put(*where, 100 * KIB, seed=1)
    expect_object(get(face, where), old)
    grown = radosgw.put(*where, 200 * KIB, seed=2)
    expect_object(get(face, where, [("Range", f"bytes={100 * KIB}-")]), grown, 100 * KIB, 200 * KIB - 1)
