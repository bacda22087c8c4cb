"""The S3 endpoint as a part of the server: addresses, health, access, logs, metrics, TLS, both protocols, the end."""

import json
import signal
import ssl

import pytest

import http1
import prometheus_text
from harness import MIB, PAGE, Task, wait_until
from origin_model import Behaviour
from s3_face import FACE, ask, expect_error, expect_object, get, head, target
from start_up import expect_bad, run
from test_metrics import scrape
from test_shutdown import refuses_connections


@pytest.fixture
def face(s3_server):
    """Starts servers with an S3 endpoint, for this test only."""
    def start(*arguments):
        return s3_server("--memory", "128MiB", *FACE, *arguments)
    return start


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_objects_are_served_whole_and_in_parts(s3_face_server, origin, kind, protocol):
    stored = origin.put(kind, "dir/a b+c", size=100_000)
    where = (kind, "dir/a b+c")
    expect_object(get(s3_face_server, where, protocol=protocol), stored)
    expect_object(get(s3_face_server, where, [("Range", "bytes=10-19")], protocol=protocol), stored, 10, 19)
    expect_object(get(s3_face_server, where, [("Range", "bytes=99990-")], protocol=protocol), stored, 99_990, 99_999)
    expect_object(get(s3_face_server, where, [("Range", "bytes=-10")], protocol=protocol), stored, 99_990, 99_999)
    expect_object(head(s3_face_server, where, protocol=protocol), stored, method="HEAD")
    for method in ("GET", "HEAD"):
        response = ask(s3_face_server, method, where, [("Range", "bytes=100000-")], protocol=protocol)
        found = expect_error(response, 416, "InvalidRange", method)
        assert response.header("Content-Range") == "bytes */100000"
        assert method == "HEAD" or found["ActualObjectSize"] == "100000"


def test_pages_are_shared_with_fetch(s3_face_server, origin, kind):
    stored = origin.put(kind, "object", size=PAGE + 1000)
    assert s3_face_server.fetch(kind, "object", 0, 9).status == 206
    response = get(s3_face_server, (kind, "object"))
    expect_object(response, stored)
    assert [r.method for r in origin.requests(kind)].count("GET") == 2, "two pages"


def test_a_bucket_in_the_host(face, origin, kind):
    server = face("--s3api-domain", "s3.test", "--s3api-domain", "deep.s3.test")
    stored = origin.put(kind, f"{kind}/object", size=1000)
    for host in (f"{kind}.s3.test", f"{kind.upper()}.S3.Test:9000", f"{kind}.deep.s3.test"):
        expect_object(get(server, f"/{kind}/object", host=host), stored)
    for host in ("s3.test", "127.0.0.1", "[::1]:80", "localhost", "other.test"):
        expect_object(get(server, f"/{kind}/{kind}/object", host=host), stored)


def test_each_address_has_its_own_paths(face, origin, kind):
    server = face()
    origin.put(kind, "object", size=1000)
    for path in ("/-/healthz", "/-/readyz"):
        assert get(server, path).text == "ok"
        assert server.get(path).status == 404
        expect_error(ask(server, "PUT", path), 405, "MethodNotAllowed")
    for path in ("/stats", "/metrics", "/healthz"):
        expect_error(get(server, path), 404, "NoSuchBucket")  # names of buckets
    expect_error(get(server, f"/fetch/{kind}/object", [http1.range_header(0, 9)]), 404, "NoSuchBucket")
    assert server.get(target(kind, "object")).status == 404


def test_there_is_no_start_before_somebody_said_who_may_ask():
    expect_bad(run("--s3api-listen", "127.0.0.1:0"), "needs --s3api-keys", "or --s3api-open", "every client that reaches the address")


def test_buckets_that_are_not_allowed_are_denied_before_the_store_is_asked(face, origin, kind):
    server = face("--allow-bucket", f"{kind}-open")
    stored = origin.put(f"{kind}-open", "object", size=10)
    origin.put(kind, "object", size=10)
    expect_object(get(server, (f"{kind}-open", "object")), stored)
    for method in ("GET", "HEAD"):
        expect_error(ask(server, method, (kind, "object")), 403, "AccessDenied", method)
    expect_error(get(server, f"/{kind}?location"), 403, "AccessDenied")
    assert get(server, f"/{kind}-open?location").status == 200
    assert not origin.requests(kind)


def test_tokens_are_for_fetch(s3_server, origin, kind, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef\n")
    tokens.chmod(0o600)
    server = s3_server(*FACE, "--auth-tokens", str(tokens))
    stored = origin.put(kind, "object", size=10)
    server.expect_log("--auth-tokens does not hold at --s3api-listen")
    assert server.fetch(kind, "object", 0, 9).status == 401
    expect_object(get(server, (kind, "object")), stored)
    signed = [("Authorization", "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, Signature=0")]
    expect_object(get(server, (kind, "object"), signed), stored)


def test_what_happened_is_in_the_answer_unless_it_shall_not_be(face, origin, kind):
    server = face()
    origin.put(kind, "object", size=1000)
    first, second = (get(server, (kind, "object")) for _ in range(2))
    assert (first.header("X-Cache"), second.header("X-Cache")) == ("MISS", "HIT")
    assert first.header("C0-Status") == f"0-999; {kind}; 0"
    assert first.header("x-amz-request-id") != second.header("x-amz-request-id")
    plain = face("--s3api-plain")
    for _ in range(2):
        response = get(plain, (kind, "object"))
        assert response.header("X-Cache") is None and response.header("C0-Status") is None
    for response in (first, response):
        assert response.header("Server") == "cachey" and response.header("x-amz-id-2")
        assert response.header("Age") is None and response.header("Via") is None


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_trailers_come_only_if_asked_for(s3_face_server, origin, kind, protocol):
    stored = origin.put(kind, "object", size=PAGE + 10)
    response = get(s3_face_server, (kind, "object"), protocol=protocol)
    expect_object(response, stored)
    assert not response.trailers
    response = get(s3_face_server, (kind, "object"), [("TE", "trailers")], protocol=protocol)
    assert response.status == 200 and response.complete and len(response.body) == PAGE + 10
    assert len(response.trailer("C0-Status")) == 1


def test_a_request_has_a_line_in_the_access_log_without_its_signature(face, origin, kind, tmp_path):
    log = tmp_path / "access.log"
    server = face("--access-log", str(log), "--log-format", "json")
    origin.put(kind, "object", size=1000)
    query = "?X-Amz-Signature=secret1&X%2DAmz%2DCredential=secret2&Signature=secret3&x-id=GetObject"
    response = get(server, target(kind, "object") + query, [http1.range_header(0, 9)])
    assert response.status == 206
    expect_error(ask(server, "DELETE", (kind, "object")), 405, "MethodNotAllowed")
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 2, what="two lines")
    assert "secret" not in log.read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    refused, read = sorted(lines, key=lambda line: line["method"])
    assert read["request_id"] == response.header("x-amz-request-id") == response.header("X-Request-Id")
    assert (read["operation"], read["bucket"], read["range"], read["cache"]) == ("GetObject", kind, "bytes=0-9", "MISS")
    assert (refused["method"], refused["status"], refused["operation"]) == ("DELETE", 405, "Other")


def test_requests_are_counted(face, origin, kind):
    server = face()
    origin.put(kind, "object", size=1000)
    get(server, (kind, "object"))
    head(server, (kind, "object"))
    head(server, (kind, "missing"))
    families = scrape(server)

    def value(name, **labels):
        return prometheus_text.value(families, f"cachey_s3api_{name}", **labels)

    assert value("requests_total", operation="GetObject", outcome="ok") == 1
    assert value("requests_total", operation="HeadObject", outcome="ok") == 1
    assert value("requests_total", operation="HeadObject", outcome="NoSuchKey") == 1
    assert value("cache_total", word="MISS") == 1 and value("cache_total", word="HIT") == 1
    assert value("first_byte_seconds_count", word="MISS") == 1


def test_over_tls(face, origin, kind):
    server = face("--tls-self")
    stored = origin.put(kind, "object", size=1000)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    expect_object(get(server, (kind, "object"), tls=context), stored)


def test_clients_of_one_address_take_no_connection_of_the_other(face, origin, kind):
    server = face("--max-connections", "4")
    stored = origin.put(kind, "object", size=4 * MIB)
    busy = server.busy_connections(kind, "object", 4)
    assert server.get("/healthz").status == 503
    expect_object(get(server, (kind, "object")), stored)
    for connection in busy:
        connection.close()


def test_a_download_on_its_way_is_completed_by_a_shutdown(face, origin, kind):
    server = face("--drain-timeout", "30")
    stored = origin.put(kind, "object", size=2 * PAGE)
    origin.behave(kind, "object", Behaviour(pace=8 * MIB))
    s3_port = server.s3_port
    download = Task(get, server, (kind, "object"))
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes > MIB, what="the download's start")
    server.signal(signal.SIGTERM)
    wait_until(lambda: refuses_connections(s3_port), 5, "the end of the listener")
    assert refuses_connections(server.port) or server.alive()
    expect_object(download.result(), stored)
    assert server.wait() == 0
    server.check_log()


def test_clients_are_told_a_region(face, kind):
    server, other = face(), face("--s3api-region", "eu-north-9")
    assert "eu-north-9</LocationConstraint>" in get(other, f"/{kind}?location").text
    own = get(server, f"/{kind}/?location")
    assert own.status == 200 and own.complete and "<LocationConstraint" in own.text
