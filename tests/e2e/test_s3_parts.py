"""partNumber at the S3 endpoint: parts come from the pages of their object, and never touch the whole object's entry
(aws-samples/sample-s3-hybrid-cache 2.6.0: a HEAD of a part shrank the object for everybody)."""

import hashlib
import itertools
import urllib.parse

import pytest

import bucket
import client_runs
from content import content
from harness import KIB, MIB, Task, limit
from origin_model import Behaviour
from s3_face import FACE, endpoint, expect_error, expect_object, get, head, target

_RULES = tuple(f"--s3api-revalidate={bucket}={policy}" for bucket, policy in
               {"ttl5": "5", "always": "always", "never": "never"}.items())
_SIZES = (300 * KIB, 300 * KIB, 123_456)


@pytest.fixture(scope="module")
def face(start_session_server, origin):
    return start_session_server("--origin", "s3", "--memory", "256MiB", "--hedge-quantile", "0", *FACE, *_RULES,
                                environment=origin.environment())


def put(origin, where, sizes=_SIZES, **named):
    return origin.put(*where, sum(sizes), parts=sizes, **named)


def of_part(where, number):
    return f"{target(*where)}?partNumber={urllib.parse.quote(str(number))}"


def expect_part(response, stored, number, method="GET"):
    expect_object(response, stored, *stored.part(number), method=method)
    assert response.header("x-amz-mp-parts-count") == (str(len(stored.parts)) if stored.parts else None)
    assert response.header("x-amz-checksum-crc32") is None


def part_questions(origin, where):
    return [(record.method, record.part) for record in origin.requests(*where) if record.part is not None]


_STEPS = ("head part 1", "get part 2", "get", "head")


def step(face, where, stored, name):
    method, _, number = name.partition(" part ")
    if number:
        ask = get if method == "get" else head
        expect_part(ask(face, of_part(where, number)), stored, int(number), method.upper())
        return
    answer = get(face, where) if name == "get" else head(face, where)
    expect_object(answer, stored, method=name.upper())
    assert answer.header("x-amz-mp-parts-count") is None


@pytest.mark.parametrize("order", itertools.permutations(_STEPS), ids=",".join)
def test_the_whole_object_stays_whole(face, origin, order):
    where = ("ttl5", " ".join(order))
    stored = put(origin, where)
    for _ in ("cold", "warm"):
        for name in order:
            step(face, where, stored, name)
    assert part_questions(origin, where).count(("HEAD", 1)) == 1
    assert part_questions(origin, where).count(("HEAD", 2)) == 1
    assert len(part_questions(origin, where)) == 2, "no bytes are asked for by a part's number"


@pytest.mark.parametrize("bucket", ["ttl5", "always", "never"])
def test_parts_are_the_object(face, origin, bucket):
    where = (bucket, "parts")
    stored = put(origin, where, (9 * MIB, 9 * MIB, 5))
    for _ in ("cold", "warm"):
        for number in (3, 1, 2):
            expect_part(head(face, of_part(where, number)), stored, number, "HEAD")
            answer = get(face, of_part(where, number), [("If-Match", stored.etag)])
            expect_part(answer, stored, number)
    assert len(part_questions(origin, where)) == 3
    reads = [record for record in origin.requests(*where) if record.method == "GET"]
    assert sum(record.body_bytes for record in reads) == stored.size, "each byte is fetched once"


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_many_that_wait_share_a_question(face, origin, protocol):
    where = ("ttl5", f"shared {protocol}")
    stored = put(origin, where)
    expect_object(get(face, where), stored)
    origin.behave(*where, Behaviour(delay=1.0, when=lambda record: record.part is not None))
    tasks = [Task(get, face, of_part(where, 2), protocol=protocol) for _ in range(8)]
    for task in tasks:
        expect_part(task.result(), stored, 2)
    assert part_questions(origin, where) == [("HEAD", 2)]


def test_an_object_that_was_uploaded_as_a_whole(face, origin):
    where = ("ttl5", "simple")
    stored = origin.put(*where, 1234)
    expect_object(get(face, of_part(where, 1)), stored, 0, 1233)
    expect_object(head(face, of_part(where, 1)), stored, 0, 1233, method="HEAD")
    found = expect_error(get(face, of_part(where, 2)), 416, "InvalidPartNumber")
    assert (found["ActualPartCount"], found["PartNumberRequested"]) == ("1", "2")
    expect_error(head(face, of_part(where, 2)), 416, "InvalidPartNumber", "HEAD")
    assert part_questions(origin, where) == []


def test_an_empty_object(face, origin):
    where = ("ttl5", "empty")
    stored = origin.put(*where, 0)
    for ask, method in ((get, "GET"), (head, "HEAD")):
        answer = ask(face, of_part(where, 1))
        assert (answer.status, answer.header("Content-Length"), answer.header("Content-Range")) == (200, "0", None)
        assert answer.header("ETag") == stored.etag, method


def test_past_the_last_part_the_store_says_so(face, origin):
    where = ("ttl5", "past")
    put(origin, where)
    found = expect_error(get(face, of_part(where, 4)), 416, "InvalidPartNumber")
    assert (found["ActualPartCount"], found["PartNumberRequested"]) == ("3", "4")
    assert part_questions(origin, where) == [("HEAD", 4)]


def test_a_store_that_ignores_numbers(face, origin):
    where = ("ttl5", "ignored")
    stored = put(origin, where)
    origin.behave(*where, Behaviour(ignore_parts=True))
    for number in (1, 3, 2, 1):
        for ask, method in ((head, "HEAD"), (get, "GET")):
            answer = ask(face, of_part(where, number))
            expect_object(answer, stored, method=method)
            assert answer.header("x-amz-mp-parts-count") is None
    assert len(part_questions(origin, where)) == 1, "learnt once a version"


@pytest.mark.parametrize("number", ["0", "-3", "10001", "", "x", "1.0", "99999999999999999999"])
def test_numbers_that_are_none(face, origin, number):
    where = ("ttl5", "numbers")
    put(origin, where)
    asked = len(origin.requests(*where))
    found = expect_error(get(face, of_part(where, number)), 400, "InvalidArgument")
    assert (found["ArgumentName"], found["ArgumentValue"]) == ("partNumber", number)
    expect_error(head(face, of_part(where, number)), 400, "InvalidArgument", "HEAD")
    assert len(origin.requests(*where)) == asked


def test_a_range_of_a_part_is_refused(face, origin):
    where = ("ttl5", "ranges")
    put(origin, where)
    expect_error(get(face, of_part(where, 1), [("Range", "bytes=0-9")]), 400, "InvalidRequest")
    assert origin.requests(*where) == []


def test_conditions_come_first(face, origin):
    where = ("ttl5", "conditions")
    stored = put(origin, where)
    assert get(face, of_part(where, 9), [("If-None-Match", stored.etag)]).status == 304
    expect_error(get(face, of_part(where, 9), [("If-Match", '"x"')]), 412, "PreconditionFailed")
    assert part_questions(origin, where) == []


@pytest.mark.parametrize("bucket", ["always", "ttl5"])
def test_parts_of_another_version_are_its_own(face, origin, bucket):
    where = (bucket, "replaced")
    old = put(origin, where)
    expect_part(get(face, of_part(where, 2)), old, 2)
    new = put(origin, where, (100 * KIB, 700 * KIB))
    for number in (2, 1):
        answer = get(face, of_part(where, number), [("Cache-Control", "no-cache")])
        expect_part(answer, new, number)
    expect_error(get(face, of_part(where, 3)), 416, "InvalidPartNumber")
    expect_object(get(face, where), new)


def test_parts_that_were_read_need_no_store(face, origin):
    where = ("never", "dead")
    stored = put(origin, where)
    for number in (1, 2, 3):
        expect_part(get(face, of_part(where, number)), stored, number)
    origin.behave(*where, Behaviour(drop="rst"))
    for number in (1, 2, 3):
        expect_part(get(face, of_part(where, number)), stored, number)
        expect_part(head(face, of_part(where, number)), stored, number, "HEAD")


@pytest.fixture
def real(real_store, start_server):
    """A function from a real store's name to the store, with an object of three parts, and a cache in front of it."""
    def start(name):
        store = real_store(name)
        store.add_bucket("parts")
        store.put_in_parts("parts", "three", 12 * MIB, seed=5, part_bytes=5 * MIB)
        return store, start_server("--origin", "s3", "--memory", "128MiB", *FACE, environment=store.environment())
    return start


def test_the_same_as_from_a_real_store(real):
    store, server = real("versitygw")
    for number in (1, 3, 2):
        wanted = store.client.get_object(Bucket="parts", Key="three", PartNumber=number)
        body = wanted["Body"].read()
        for ask in (head, get, get):
            answer = ask(server, of_part(("parts", "three"), number))
            assert answer.status == 206
            assert answer.header("ETag") == wanted["ETag"]
            assert answer.header("Content-Length") == str(len(body))
            assert answer.header("x-amz-mp-parts-count") == str(wanted["PartsCount"])
            assert ask is head or answer.body == body
    assert len(get(server, ("parts", "three")).body) == 12 * MIB


@pytest.mark.parametrize("name", ["moto", "radosgw"])
def test_a_real_store_that_ignores_numbers(real, name):
    """moto: HEAD obeys, and tells the part's own tag; GET ignores the number."""
    _, server = real(name)
    for number in (1, 3):
        for ask in (head, get):
            answer = ask(server, of_part(("parts", "three"), number))
            assert answer.status == 200
            assert answer.header("Content-Length") == str(12 * MIB)
            assert answer.header("x-amz-mp-parts-count") is None


_CRT = """
import os
from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client
client = MountpointS3Client(region="us-east-1", endpoint=os.environ["AWS_ENDPOINT_URL"], force_path_style=True, unsigned=True)
print(b"".join(client.get_object("ttl5", "empty for the CRT")))
"""


def test_the_crt_reads_an_empty_object(face, origin, tmp_path):
    """It asks for a range, gets a 416 that tells of no bytes, and asks for part 1."""
    origin.put("ttl5", "empty for the CRT", 0)
    (tmp_path / "program.py").write_text(_CRT, encoding="utf-8")
    words = [client_runs.python("s3-data"), "program.py"]
    done = client_runs.run(words, tmp_path, endpoint(face), limit(60), "s3-data")
    assert (done.returncode, done.stdout) == (0, "b''\n"), done.stderr


@pytest.mark.parametrize("name", ["versitygw", "moto", "radosgw"])
def test_go_reads_the_object_in_parts(real_store, start_server, tmp_path, name):
    """Go's transfermanager heads part 1 and gets as many parts as the answer tells. If a server tells a count and ignores
    the numbers of GETs, the file has a multiple of the object, without an error."""
    store = real_store(name)
    bucket.fill(store, {})
    server = start_server("--origin", "s3", "--memory", "256MiB", *FACE, environment=store.environment())
    found, said = client_runs.report_of("go", bucket.BUCKET, tmp_path, endpoint(server), limit(60))
    body = content(1701, 0, 40 * MIB)
    digest = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert found["asked"]["transfer manager, by parts"] == digest, said
