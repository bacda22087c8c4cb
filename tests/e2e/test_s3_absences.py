"""What a store's 404 means at the S3 endpoint: a missing object, a missing bucket, or wrong keys. Cold tails."""

import pytest
from harness import KIB, PAGE
from origin_model import Behaviour
from s3_face import FACE, expect_error, expect_object, get, head


@pytest.fixture(scope="module")
def face(start_session_server, origin):
    return start_session_server("--origin", "s3", "--memory", "256MiB", "--hedge-quantile", "0", *FACE,
                                "--s3api-revalidate=*=always", environment=origin.environment())


def methods(origin, where):
    return [record.method for record in origin.requests(*where)]


def test_a_head_of_a_missing_object_is_one_request(face, origin, kind):
    origin.add_bucket(kind)
    expect_error(head(face, (kind, "missing")), 404, "", method="HEAD")
    assert methods(origin, (kind, "missing")) == ["HEAD"]


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket"])
@pytest.mark.parametrize("request_headers", [[], [("If-None-Match", '"x"')]])
def test_a_get_names_what_is_missing(face, origin, kind, code, request_headers):
    where = (kind, "known")
    stored = origin.put(*where, 10 * KIB)
    expect_object(get(face, where), stored)
    origin.behave(*where, Behaviour(status=404, code=code))
    expect_error(get(face, where, request_headers), 404, code)
    expect_error(get(face, where, request_headers), 404, code)


@pytest.mark.parametrize("code", ["XAdminUserNotFound", "NoSuchUser", "NoSuchBucket"])
@pytest.mark.parametrize("ask", [get, head])
def test_a_404_of_another_thing_drops_no_page(face, origin, kind, code, ask):
    where = (kind, "kept")
    stored = origin.put(*where, 10 * KIB)
    expect_object(get(face, where), stored)
    origin.behave(*where, Behaviour(status=404, code=code))
    assert ask(face, where).status in (404, 500)
    origin.behave(*where)
    before = methods(origin, where)
    expect_object(get(face, where), stored)
    assert methods(origin, where) == [*before, "HEAD"], "the page was dropped"


def test_the_404_of_a_missing_object_drops_its_pages(face, origin, kind):
    where = (kind, "gone")
    stored = origin.put(*where, 10 * KIB)
    expect_object(get(face, where), stored)
    origin.behave(*where, Behaviour(status=404, code="NoSuchKey"))
    before = methods(origin, where)
    assert head(face, where).status == 404
    assert methods(origin, where) == [*before, "HEAD", "GET"]
    origin.behave(*where)
    expect_object(get(face, where), stored)
    assert methods(origin, where)[-1] == "GET"


@pytest.mark.parametrize("tag, status", [("own", 200), ("other", 412)])
def test_if_match_of_an_unknown_object_is_one_request(face, origin, kind, tag, status):
    where = (kind, "matched")
    stored = origin.put(*where, 10 * KIB)
    answer = get(face, where, [("If-Match", stored.etag if tag == "own" else '"other"')])
    assert answer.status == status
    assert methods(origin, where) == ["GET"]


@pytest.mark.parametrize("protocol", ["h1", "h2"])
@pytest.mark.parametrize("size", [1, 10, 100 * KIB, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 5])
@pytest.mark.parametrize("condition", [False, True])
def test_a_tail_of_an_unknown_object_is_one_request(face, origin, kind, size, protocol, condition):
    where = (kind, "tail")
    stored = origin.put(*where, size)
    headers = [("Range", "bytes=-10"), *([("If-Match", stored.etag)] if condition else [])]
    expect_object(get(face, where, headers, protocol=protocol), stored, max(0, size - 10), size - 1)
    assert methods(origin, where) == ["GET"]


def test_a_tail_of_an_empty_object_is_all_of_it(face, origin, kind):
    where = (kind, "empty")
    origin.put(*where, 0)
    answer = get(face, where, [("Range", "bytes=-10")])
    assert (answer.status, answer.body, answer.header("Content-Range")) == (200, b"", None)


def test_a_region_that_is_none_is_not_told(start_server, origin, kind):
    environment = origin.environment() | {"AWS_REGION": "a<b", "AWS_DEFAULT_REGION": "a<b"}
    server = start_server("--origin", "s3", "--memory", "128MiB", *FACE, environment=environment)
    assert "a<b" not in get(server, f"/{kind}?location").text
