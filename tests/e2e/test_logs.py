"""Logs: text and JSON, the access log and its rotation, request ids."""

import contextlib
import json
import re
import signal

import pytest

from expect import fetch_from_memory
from harness import PAGE, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

KEYS = ["time", "client", "method", "target", "status", "bytes", "duration_ms", "first_byte_ms", "hit", "request_id", "protocol",
        "complete", "user_agent"]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
OBJECT_KEYS = ["bucket", "range", "tier"]  # of requests for objects


def whole_lines(text):
    """All lines except one that is still being written."""
    return text[:text.rfind("\n") + 1].splitlines()


def json_lines(text):
    return [json.loads(line) for line in whole_lines(text)]


@pytest.fixture
def access_log(tmp_path):
    return tmp_path / "access.log"


def lines_of(path, count):
    def enough():
        lines = whole_lines(path.read_text()) if path.exists() else []
        return lines if len(lines) >= count else None

    return wait_until(enough, what=f"{count} lines of access log")


def test_text_lines_have_time_level_event_and_fields(s3_server):
    server = s3_server()
    assert re.search(rf"^{TIME} info listening address=127\.0\.0\.1:\d+ version=\S+ threads=\d+ memory=\d+ tls=false$", server.log(), re.M)


def test_json_lines_are_objects_with_real_fields(s3_server, origin, kind):
    server = s3_server("--log-format", "json", "--log-level", "debug")
    hostile = 'a"}\n\x1b[31m\\ü'
    server.fetch(kind, hostile, 0, 9)
    server.expect_log("fill failed")
    lines = json_lines(server.log())
    for line in lines:
        assert re.fullmatch(TIME, line["time"]) and line["level"] in ("debug", "info", "warning", "error") and line["event"]
    listening = next(line for line in lines if line["event"] == "listening")
    assert listening["address"] == f"127.0.0.1:{server.port}" and isinstance(listening["threads"], int)
    failed = next(line for line in lines if line["event"] == "fill failed")
    assert failed["kind"] == kind and failed["page"] == 0 and failed["error"] == "not_found"
    assert "\x1b" not in server.log()


def test_a_request_id_goes_from_the_client_to_the_log_of_the_origin_and_back(s3_server, origin, kind):
    server = s3_server("--log-format", "json")
    origin.put(kind, "object", size=100)
    origin.behave(kind, "object", Behaviour(times=2, code="InternalError"))
    answer = server.fetch(kind, "object", 0, 9, headers=[("X-Request-Id", "trace-17"), ("C0-Config", "ib=1 mb=1")])
    assert answer.status == 206 and answer.header("X-Request-Id") == "trace-17"
    wait_until(lambda: server.log().count("origin attempt failed") >= 2, what="the failed attempts in the log")
    attempts = [line for line in json_lines(server.log()) if line["event"] == "origin attempt failed"]
    assert [(line["attempt"], line["retry"], line["level"]) for line in attempts] == [(1, True, "warning"), (2, True, "warning")]
    assert {line["request_id"] for line in attempts} == {"trace-17"}
    assert {line["bucket"] for line in attempts} == {kind}


@pytest.mark.parametrize("name", ["a b", "x" * 129, "ü", ""])
def test_a_bad_request_id_is_not_taken(cachey, name):
    assert cachey.get("/healthz", headers=[("X-Request-Id", name)]).header("X-Request-Id") is None


def test_without_an_access_log_only_the_clients_id_is_echoed(cachey):
    assert cachey.get("/healthz").header("X-Request-Id") is None
    assert cachey.get("/none", headers=[("X-Request-Id", "x" * 128)]).header("X-Request-Id") == "x" * 128


def test_every_request_leaves_a_line(s3_server, origin, kind, access_log):
    origin.put(kind, "object", size=2 * PAGE)
    server = s3_server("--access-log", str(access_log))
    with server.connect() as connection:
        for method, target, headers in [
                ("GET", fetch_target(kind, "object"), [range_header(0, 99), ("User-Agent", "test client/1"), ("Authorization", "Bearer secret")]),
                ("HEAD", fetch_target(kind, "object"), [range_header(0, 99), ("X-Request-Id", "mine")]),
                ("GET", fetch_target(kind, "none"), [range_header(0, 99)]),
                ("GET", "/stats?x=1", []), ("GET", "/nowhere", []), ("DELETE", "/stats", [])]:
            assert connection.exchange(method, target, headers).header("X-Request-Id")
    lines = lines_of(access_log, 6)
    found = [dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)) for line in lines]
    assert [list(line) for line in found[:2]] == [[*KEYS[1:], *OBJECT_KEYS]] * 2
    assert list(found[2]) == [*KEYS[1:], *OBJECT_KEYS, "error"] and found[2]["error"] == "not_found"
    assert [list(line) for line in found[3:]] == [KEYS[1:]] * 3
    assert found[0]["bucket"] == kind and found[0]["range"] == '"bytes=0-99"'
    assert all(re.match(TIME + " client=127.0.0.1 ", line) for line in lines)
    assert [line["method"] for line in found] == ["GET", "HEAD", "GET", "GET", "GET", "DELETE"]
    assert [line["status"] for line in found] == ["206", "206", "404", "200", "404", "405"]
    assert found[0]["bytes"] == "100" and found[1]["bytes"] == "0" and found[0]["user_agent"] == '"test client/1"'
    assert found[0]["hit"] == "0" and found[3]["hit"] == "-" and found[1]["request_id"] == "mine"
    assert found[3]["target"] == '"/stats?x=1"' and all(line["complete"] == "true" for line in found)
    assert re.fullmatch(r"[0-9a-f]{16}", found[0]["request_id"]) and "secret" not in access_log.read_text() + server.log()


def test_json_access_log_and_a_hit_and_an_answer_that_broke_off(s3_server, origin, kind, access_log):
    origin.put(kind, "object", size=100)
    origin.put(kind, "broken", size=PAGE)
    origin.behave(kind, "broken", Behaviour(cut_at=1000))
    server = s3_server("--access-log", str(access_log), "--log-format", "json")
    fetch_from_memory(server, kind, "object", 0, 9)
    assert not server.fetch(kind, "broken", 0, PAGE - 1).complete

    def lines():
        """Sorted by object name, because the order of lines of different workers may vary."""
        return {line["target"].rpartition("/")[2]: line for line in json_lines(access_log.read_text()) if line["hit"] != "0" or not line["complete"]}

    wait_until(lambda: {"object", "broken"} <= lines().keys(), what="both lines")
    found = {line["complete"]: list(line) for line in json_lines(access_log.read_text())}
    assert found == {True: [*KEYS, *OBJECT_KEYS], False: [*KEYS, *OBJECT_KEYS, "error"]}
    hit, broken = lines()["object"], lines()["broken"]
    assert hit["hit"] == "1" and hit["status"] == 206 and hit["bytes"] == 10 and hit["duration_ms"] >= hit["first_byte_ms"] >= 0
    assert broken["error"] == "upstream"
    assert broken["complete"] is False and broken["hit"] == "0" and broken["bytes"] <= 1000


def test_a_hangup_opens_the_access_log_anew_and_does_nothing_else(s3_server, access_log):
    server = s3_server("--access-log", str(access_log))
    server.get("/healthz")
    lines_of(access_log, 1)
    access_log.rename(access_log.with_suffix(".1"))
    server.signal(signal.SIGHUP)
    wait_until(access_log.exists, what="the new file")
    server.get("/stats")
    assert "/stats" in lines_of(access_log, 1)[0]
    assert len(access_log.with_suffix(".1").read_text().splitlines()) == 1


def test_what_was_asked_before_the_end_is_in_the_access_log(s3_server, access_log):
    server = s3_server("--access-log", str(access_log))
    with server.connect() as connection:
        for _ in range(500):
            assert connection.exchange("GET", "/healthz").status == 200
    server.stop()
    assert len(access_log.read_text().splitlines()) == 500


def test_standard_output_takes_the_access_log_too(s3_server):
    server = s3_server("--access-log", "-")
    server.get("/healthz")
    server.expect_log("target=/healthz")


def test_a_flood_of_one_warning_is_limited(s3_server, origin, kind):
    server = s3_server()
    with server.connect() as connection:
        for at in range(60):
            bucket = f"{kind}-{at // 4}"  # four failures do not open the breaker
            origin.behave(bucket, "object", Behaviour(code="InternalError"))
            headers = [range_header(0, 9), ("C0-Bucket", bucket), ("C0-Config", "ma=1")]
            connection.exchange("GET", fetch_target(kind, "object"), headers)
    metrics = server.get("/metrics").text
    suppressed = int(re.search(r"^cachey_log_suppressed_lines_total (\d+)$", metrics, re.M).group(1))
    server.expect_log("origin attempt failed", count=60 - suppressed)


def test_a_bucket_that_fails_and_comes_back_is_in_the_log_once_each(s3_server, origin, kind):
    server = s3_server()
    once = ("C0-Config", "ma=1")
    for at in range(12):
        origin.put(kind, f"object-{at}", size=100)
        origin.behave(kind, f"object-{at}", Behaviour(times=1, code="InternalError"))
        server.fetch(kind, f"object-{at}", 0, 9, headers=[once])
    server.expect_log(f"warning bucket deprioritized bucket={kind} failures_in_a_row=5 error=upstream reason=")
    origin.put(kind, "good", size=100)
    wait_until(lambda: server.fetch(kind, "good", 0, 9).status == 206, what="a read of the bucket")
    server.expect_log(f"info bucket in use again bucket={kind} seconds=")
    assert re.search(r"in use again .* seconds=\d+(\.\d{1,3})?$", server.log(), re.M)
    assert server.log().count("bucket deprioritized") == server.log().count("bucket in use again") == 1


def test_refused_connections_are_in_the_log_with_their_number(s3_server):
    server = s3_server("--max-connections", "2")
    held = [server.connect(), server.connect()]
    for connection in held:
        assert connection.exchange("GET", "/healthz").status == 200
    for _ in range(20):
        with contextlib.suppress(OSError), server.connect() as connection:
            connection.exchange("GET", "/healthz")
    server.expect_log("warning connections refused count=")
    assert server.log().count("connections refused") <= 2
