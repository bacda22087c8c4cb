"""versionId at the S3 endpoint: as from the store, and the cached object is never another version."""

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness import KIB
from content import content
from s3_face import FACE, endpoint, expect_error, get, head, target

_BUCKET = "versions"
_KEY = "a key/ü"


def client_of(settings):
    return boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"], aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"], region_name=settings["AWS_REGION"],
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}))


class Object:
    """An object with three versions, the second one a delete marker."""

    def __init__(self, store):
        self.bodies = {"first": content(1, 0, 100 * KIB), "last": content(3, 0, 200 * KIB)}
        put = store.client.put_object
        self.ids = {"first": put(Bucket=_BUCKET, Key=_KEY, Body=self.bodies["first"], Metadata={"a": "1"})["VersionId"]}
        self.ids["marker"] = store.client.delete_object(Bucket=_BUCKET, Key=_KEY)["VersionId"]
        self.ids["last"] = put(Bucket=_BUCKET, Key=_KEY, Body=self.bodies["last"])["VersionId"]


@pytest.fixture(scope="module")
def stored(radosgw):
    radosgw.add_bucket(_BUCKET)
    radosgw.client.put_bucket_versioning(Bucket=_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Object(radosgw)


@pytest.fixture
def face(start_server, radosgw):
    return start_server("--origin", "s3", "--memory", "64MiB", *FACE, environment=radosgw.environment())


def result(call, **asked):
    """What a client sees of an answer."""
    try:
        answer = call(Bucket=_BUCKET, Key=_KEY, **asked)
    except botocore.exceptions.ClientError as error:
        told = error.response["ResponseMetadata"]
        return told["HTTPStatusCode"], error.response["Error"]["Code"], told["HTTPHeaders"].get("x-amz-delete-marker")
    told = answer["ResponseMetadata"]
    body = answer["Body"].read() if "Body" in answer else None
    kept = ("etag", "last-modified", "content-length", "content-range", "content-type", "x-amz-version-id", "x-amz-meta-a")
    return told["HTTPStatusCode"], {name: told["HTTPHeaders"].get(name) for name in kept}, body


_ASKED = [{}, {"Range": "bytes=5-99"}, {"Range": "bytes=-7"}, {"Range": "bytes=99999999-"}, {"IfMatch": '"x"'}, {"IfNoneMatch": "*"}]


@pytest.mark.parametrize("version", ["first", "last", "marker", "unknown"])
def test_as_from_the_store(radosgw, face, stored, version):
    through = client_of(endpoint(face))
    where = {"VersionId": stored.ids.get(version, "0" * 32)}
    for asked in _ASKED if version in stored.bodies else [{}]:
        for _ in range(2):
            assert result(through.get_object, **where, **asked) == result(radosgw.client.get_object, **where, **asked), asked
            assert result(through.head_object, **where, **asked) == result(radosgw.client.head_object, **where, **asked), asked


@pytest.mark.parametrize("first", ["version", "plain"])
def test_the_cached_object_is_the_newest_version(face, stored, first):
    old = f"{target(_BUCKET, _KEY)}?versionId={stored.ids['first']}"
    for turn in range(4):
        if (turn % 2 == 0) == (first == "version"):
            answer = get(face, old)
            assert (answer.status, answer.body) == (200, stored.bodies["first"])
            assert answer.header("x-amz-version-id") == stored.ids["first"]
            assert answer.header("X-Cache") == "PASS"
            assert head(face, old).header("Content-Length") == str(100 * KIB)
        else:
            answer = get(face, (_BUCKET, _KEY))
            assert (answer.status, answer.body) == (200, stored.bodies["last"])
            assert answer.header("X-Cache") in ("MISS", "HIT")
            assert answer.header("x-amz-version-id") == stored.ids["last"]


def test_no_store_passes_by(radosgw, face, stored):
    no_store = [("Cache-Control", "no-store")]
    for _ in range(2):
        for ask in (get, head):
            answer = ask(face, (_BUCKET, _KEY), no_store)
            assert (answer.status, answer.header("X-Cache")) == (200, "PASS")
            assert answer.header("Content-Length") == str(200 * KIB)
        assert get(face, (_BUCKET, _KEY), no_store).body == stored.bodies["last"]
        answer = get(face, (_BUCKET, _KEY), [*no_store, ("Range", "bytes=5-9")])
        assert (answer.status, answer.body) == (206, stored.bodies["last"][5:10])
    expect_error(get(face, (_BUCKET, _KEY), [("Cache-Control", "only-if-cached")]), 504, "NotCached")
    expect_error(get(face, (_BUCKET, _KEY), [("Cache-Control", "only-if-cached, no-store")]), 504, "NotCached")
