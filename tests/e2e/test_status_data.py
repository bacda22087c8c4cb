"""/ui/data and the findings in /stats, /metrics and the log, with the real server."""

import json
import os
import re
import time

import pytest

import http1
from harness import MIB, wait_until
from http1 import range_header
from origin_model import Behaviour


def ask(server, target, method="GET"):
    port = int(re.search(r"admin_address=127\.0\.0\.1:(\d+)", server.log())[1])
    return http1.exchange(port, method, target)


def data(server, since=0):
    return json.loads(ask(server, f"/ui/data?since={since}").text)


@pytest.fixture
def server(s3_server):
    return s3_server("--admin-listen", "127.0.0.1:0")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def total(answer, name):
    at = answer["columns"].index(name)
    return sum(row[at] or 0 for row in answer["rows"])


def test_rows_tell_what_happened(server, origin, kind):
    wait_until(lambda: data(server)["rows"], what="the first row")
    origin.put(kind, "object", size=MIB)
    assert server.fetch(kind, "object", 0, 999).status == 206
    wait_until(lambda: total(data(server), "ingress_bytes") == MIB, what="the whole page")
    for _ in range(4):
        assert server.fetch(kind, "object", 0, 999).status == 206
    wait_until(lambda: total(data(server), "pages_memory") == 4, what="the hits")
    answer = data(server)
    assert (total(answer, "pages_miss"), total(answer, "status_2xx"), total(answer, "egress_bytes")) == (1, 5, 5000)
    assert kind in [bucket["name"] for bucket in answer["buckets"]]
    newest = answer["first"] + len(answer["rows"]) - 1
    later = wait_until(lambda: [got := data(server, newest)][0]["rows"] and got, what="a newer row")
    assert later["first"] == newest + 1 and len(later["rows"]) < len(answer["rows"]) + 5
    assert later["boot"] == answer["boot"]
    window = json.loads(ask(server, "/stats").text)["windows"]["10m"]
    assert (window["requests"], window["pages"], window["hit_ratio_memory"]) == (5, 5, 0.8)


def test_hostile_numbers_and_methods(server):
    wait_until(lambda: data(server)["rows"], what="the first row")
    assert data(server, 2**64 - 1)["first"] == 1
    for text in ("-1", "x", "1e9", "18446744073709551616", "%31", "1&since=2", ""):
        assert ask(server, f"/ui/data?since={text}").status == 400, text
    assert ask(server, "/ui/data", "POST").status == 405
    head = ask(server, "/ui/data", "HEAD")
    assert head.status == 200 and head.header("Cache-Control") == "no-store"
    assert server.get("/ui/data").status == 404


def test_a_bucket_that_refuses_from_the_start_is_a_finding(server, origin, kind):
    """Such as after a restart with a wrong role: no good answer has given the bucket counts of its own."""
    wait_until(lambda: data(server)["rows"], what="the first row")
    for number in range(12):
        origin.behave(kind, f"object-{number}", Behaviour(status=403, code="AccessDenied"))
        assert server.fetch(kind, f"object-{number}", 0, 9).status == 403
    wait_until(lambda: "bucket_refuses" in [finding["code"] for finding in data(server)["findings"]], what="the finding")


def test_a_known_bucket_that_denies_is_a_finding_and_neither_made_up_names_nor_archived_objects(server, origin, kind):
    wait_until(lambda: data(server)["rows"], what="the first row")
    origin.put(kind, "object", size=9)
    assert server.fetch(kind, "object", 0, 8).status == 206
    wait_until(lambda: kind in [bucket["name"] for bucket in data(server)["buckets"]], what="the bucket")
    for number in range(15):
        for bucket, name, code in ((f"{kind}-{number}", "made-up", "AccessDenied"), (kind, f"archived-{number}", "InvalidObjectState"),
                                   (kind, f"denied-{number}", "AccessDenied")):
            origin.behave(bucket, name, Behaviour(status=403, code=code))
            assert server.fetch(kind, name, 0, 8, headers=[("C0-Bucket", bucket)]).status == 403
    counted = f'cachey_bucket_attempts_total{{bucket="{kind}",outcome='
    wait_until(lambda: {f'{counted}"denied"}} 15', f'{counted}"4xx"}} 15'} <= set(ask(server, "/metrics").text.splitlines()), what="the counts")
    server.expect_log(f'finding code=bucket_refuses level=warn text="bucket \\"{kind}\\" refuses')


def test_a_store_that_fails_is_a_finding_everywhere(server, origin, kind):
    wait_until(lambda: data(server)["rows"], what="the first row")
    for number in range(8):
        origin.behave(kind, f"object-{number}", Behaviour(code="InternalError"))
        server.fetch(kind, f"object-{number}", 0, 9, headers=[("C0-Config", "ma=1")])
    found = wait_until(lambda: {finding["code"]: finding for finding in data(server)["findings"]}.get("bucket_down"),
                       what="the finding")
    assert found["level"] == "bad" and f'bucket "{kind}" is down' in found["text"]
    assert "bucket_down" in [finding["code"] for finding in json.loads(ask(server, "/stats").text)["findings"]]
    assert 'cachey_finding{code="bucket_down"} 1' in ask(server, "/metrics").text
    assert 'cachey_finding{code="disk_offline"} 0' in ask(server, "/metrics").text
    server.expect_log("finding code=bucket_down")
    wait_until(lambda: "finding" in [line["event"] for line in data(server)["warnings"]], what="the warning")


def test_what_no_server_does_is_no_failure(server):
    """A scanner that asks for another protocol on a server without other clients."""
    wait_until(lambda: data(server)["rows"], what="the first row")
    for _ in range(12):
        with http1.Connection(server.port) as scanner:
            assert scanner.exchange("GET", "/", version="HTTP/3.7").status == 505
    answer = wait_until(lambda: total(got := data(server), "status_5xx") == 12 and got, what="the answers")
    assert "fetches_fail" not in [finding["code"] for finding in answer["findings"]]


@pytest.mark.skipif(not os.environ.get("CACHEY_TEST_LONG"), reason="a minute; CACHEY_TEST_LONG=1 runs it")
def test_fifty_pages_cost_less_than_a_hundredth_of_a_cpu(server):
    """Fifty browsers poll once a second over connections that they keep."""
    port = int(re.search(r"admin_address=127\.0\.0\.1:(\d+)", server.log())[1])
    pages = [http1.Connection(port) for _ in range(50)]
    seen = 0

    def poll():
        nonlocal seen
        for page in pages:
            answer = json.loads(page.exchange("GET", f"/ui/data?since={seen}").text)
        seen = answer["first"] + len(answer["rows"]) - 1

    poll()
    before, began = cpu_seconds(server.pid), time.monotonic()
    while time.monotonic() - began < 60:
        poll()
        time.sleep(1)
    assert (cpu_seconds(server.pid) - before) / (time.monotonic() - began) < 0.01
