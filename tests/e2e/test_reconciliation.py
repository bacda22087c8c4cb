"""Known traffic: every counter is exact and agrees with the origin's own log."""

import time

import prometheus_text
from expect import fetch_from_memory
from harness import KIB, MIB, PAGE, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour
from test_metrics import scrape

_METRICS_BYTES_MAX = 2 * MIB
_SCRAPE_SECONDS_MAX = 2


class Change:
    """The growth of a server's metrics since this object was made."""

    def __init__(self, server):
        self._server = server
        self._before = scrape(server)
        self._now = self._before

    def read(self):
        self._now = scrape(self._server)
        return self

    def of(self, name, **labels):
        return prometheus_text.value(self._now, name, **labels) - prometheus_text.value(self._before, name, **labels)

    def by(self, name, label, **labels):
        """{value of `label`: growth}, without zero growth."""
        values = {own[label] for _, own, _ in self._now[name].samples if all(own.get(k) == v for k, v in labels.items())}
        grown = {value: self.of(name, **labels, **{label: value}) for value in values}
        return {value: number for value, number in grown.items() if number}


def test_every_counter_is_exact(s3_server, origin, kind):
    server = s3_server("--split-after", "0", "--memory", "512MiB")
    change = Change(server)
    origin.put(kind, "small", size=300 * KIB)
    origin.put(kind, "large", size=2 * PAGE + 5)
    origin.behave(kind, "flaky", Behaviour(times=2, code="SlowDown"))
    origin.put(kind, "flaky", size=1000)
    quick = ("C0-Config", "ib=1 mb=1")
    fetches = 0

    def fetch(key, first, last, status, headers=(), method="GET"):
        nonlocal fetches
        answer = server.fetch(kind, key, first, last, headers, method)
        assert answer.status == status, answer.body
        fetches += method == "GET"
        return len(answer.body) if status == 206 and method == "GET" else 0

    sent = fetch("small", 0, 300 * KIB - 1, 206)
    sent += fetch("large", 0, 2 * PAGE + 4, 206)
    sent += fetch("flaky", 10, 19, 206, [quick])
    wait_until(lambda: change.read().of("cachey_memory_insertions_total") == 5, what="five whole pages")
    for at in range(20):
        sent += fetch("small", at, at + 9, 206)
    sent += fetch("large", PAGE - 1, PAGE, 206)
    fetch("small", 0, 9, 206, method="HEAD")
    fetch("missing", 0, 9, 404)
    fetch("small", MIB, MIB, 416)
    assert server.get(fetch_target(kind, "small")).status == 400
    fetches += 1

    change.read()
    log = origin.ended(kind)
    assert change.by("cachey_fetch_requests_total", "status", kind=kind, method="GET") == {
        "start": fetches, "success": fetches - 3, "failed:init:not_found": 1, "failed:init:range_not_satisfiable": 1,
        "failed:init:bad_request": 1}
    assert change.by("cachey_fetch_requests_total", "status", kind=kind, method="HEAD") == {"start": 1, "success": 1}
    assert change.by("cachey_entry_requests_total", "type", kind=kind) == {
        "access": 30, "success": 28, "download": 5, "cache_hit": 24, "cache_hit_memory": 24, "client_pref": 7}
    for histogram in ("bytes", "entries"):
        assert change.of(f"cachey_fetch_request_{histogram}_count", kind=kind) == fetches - 1 + 1  # a HEAD; no bad request
    assert change.of("cachey_fetch_request_bytes_sum", kind=kind) == sent + 10 + 10 + 1  # also what failed, and the HEAD's
    assert change.of("cachey_fetch_request_entries_sum", kind=kind) == 1 + 3 + 1 + 20 + 2 + 1 + 1 + 1
    assert change.of("cachey_first_chunk_latency_seconds_count", kind=kind, hit="0") == 3
    assert change.of("cachey_first_chunk_latency_seconds_count", kind=kind, hit="1") == 21
    assert change.of("cachey_download_latency_seconds_count", kind=kind) == 5
    for histogram in ("first_byte", "request"):
        by_tier = [change.of(f"cachey_{histogram}_seconds_count", tier=tier) for tier in ("memory", "disk", "miss")]
        assert by_tier == [21, 0, 3]
    # Agreement with the origin's own log.
    received = sum(record.body_bytes for record in log if record.status == 206)
    assert change.of("cachey_origin_requests_total") == len(log) == 5 + 2 + 1 + 1  # the 416 asks by HeadObject
    assert change.by("cachey_bucket_attempts_total", "outcome", bucket=kind) == {"ok": 6, "not_found": 1, "throttled": 2}
    assert change.of("cachey_bucket_first_byte_seconds_count", bucket=kind) == 6 + 1
    assert change.of("cachey_origin_retries_total") == 2 and change.of("cachey_origin_throttled_total") == 2
    assert change.of("cachey_ingress_bytes_total") == received == 300 * KIB + 2 * PAGE + 5 + 1000
    assert change.of("cachey_origin_bytes_total") > received
    assert change.of("cachey_egress_bytes_total") == sent
    # Page counts are consistent.
    assert change.of("cachey_memory_pages") == 5
    assert change.by("cachey_page_drops_total", "cause") == {"failed": 1} and change.of("cachey_fill_failed_total") == 1
    assert change.of("cachey_memory_admitted_bytes") == 0 and change.of("cachey_fills_in_flight") == 0


def test_responses_are_counted_by_class_and_connections_by_protocol(s3_server):
    server = s3_server()
    change = Change(server)
    with server.connect() as connection:
        for target, times in (("/healthz", 5), ("/none", 3), ("/fetch/k", 2)):
            for _ in range(times):
                connection.exchange("GET", target)
        assert change.read().of("cachey_http_connections", protocol="http/1.1") == 1
    with server.connect() as connection:
        connection.send(b"nonsense\r\n\r\n")
        assert connection.read_response().status == 400
    # The scrape counts itself.
    wait_until(lambda: change.read().of("cachey_http_connections", protocol="http/1.1") == 0, what="the connections' end")
    responses = change.by("cachey_http_responses_total", "code", protocol="http/1.1")
    assert responses["4xx"] == 3 + 2 + 1 and responses["2xx"] >= 5 + 1
    assert change.by("cachey_http_responses_total", "code", protocol="h2") == {}
    assert change.of("cachey_requests_malformed_total") == 1


def test_pages_of_an_old_version_are_drops_with_a_cause(s3_server, origin, kind):
    server = s3_server("--split-after", "0")
    origin.put(kind, "object", size=2 * PAGE)
    fetch_from_memory(server, kind, "object", 0, 9)
    change = Change(server)
    origin.put(kind, "object", size=2 * PAGE)
    server.fetch(kind, "object", PAGE, PAGE + 9)
    wait_until(lambda: change.read().by("cachey_page_drops_total", "cause") == {"changed": 1}, what="the drop in /metrics")
    wait_until(lambda: change.read().of("cachey_memory_insertions_total") == 1, what="the new page")
    assert change.of("cachey_memory_pages") == 0


def test_evictions_are_drops_with_a_cause(s3_server, origin, kind):
    server = s3_server("--split-after", "0", "--memory", "64MiB")
    origin.put(kind, "object", size=12 * PAGE)
    for page in range(12):
        assert server.fetch(kind, "object", page * PAGE, page * PAGE + 9).status == 206
    families = wait_until(lambda: inserted(server, 12), what="twelve pages")
    dropped = prometheus_text.value(families, "cachey_page_drops_total", cause="evicted")
    assert dropped == prometheus_text.value(families, "cachey_memory_evictions_total") >= 8
    assert 12 - dropped == prometheus_text.value(families, "cachey_memory_pages")


def inserted(server, count):
    families = scrape(server)
    return families if prometheus_text.value(families, "cachey_memory_insertions_total") == count else None


def test_twenty_thousand_kinds_do_not_grow_metrics_past_their_bound(s3_server):
    server = s3_server("--memory", "128MiB")
    request = "".join(f"GET /fetch/kind{{}}-{at}/o HTTP/1.1\r\nHost: x\r\n\r\n" for at in range(100)).encode()
    with server.connect() as connection:
        for batch in range(200):
            connection.send(request.replace(b"{}", str(batch).encode()))
            for _ in range(100):
                assert connection.read_response().status == 400
    started = time.monotonic()
    text = server.get("/metrics").text
    assert time.monotonic() - started < limit(_SCRAPE_SECONDS_MAX)
    families = prometheus_text.parse(text)
    kinds = {labels["kind"] for _, labels, _ in families["cachey_fetch_requests_total"].samples}
    assert len(kinds) == 101 and "other" in kinds and len(text) < _METRICS_BYTES_MAX
    assert prometheus_text.value(families, "cachey_fetch_requests_total", status="start") == 20_000
    assert prometheus_text.value(families, "cachey_fetch_requests_total", status="failed:init:bad_request") == 20_000
    assert prometheus_text.value(families, "cachey_fetch_requests_total", status="start", kind="other") == 19_900


def test_requests_are_answered_while_metrics_are_made(s3_server, origin, kind):
    """The text of a scrape is not made on a worker: with one worker, other requests continue."""
    origin.put(kind, "object", size=100)
    server = s3_server("--threads", "1", "--memory", "128MiB")
    for number in range(100):
        server.get(f"/fetch/kind-{number}/o")
    fetch_from_memory(server, kind, "object", 0, 9)
    with server.connect() as scraper, server.connect() as client:
        for _ in range(20):
            scraper.request("GET", "/metrics")
            client.request("GET", fetch_target(kind, "object"), [range_header(0, 9)])
            assert client.read_response().status == 206
            assert scraper.read_response().status == 200
