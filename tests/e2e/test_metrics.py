"""/metrics, /stats, /healthz and /readyz: format, names, consistent numbers."""

import json

import pytest

import http1
import prometheus_text
from expect import expect_206, fetch_from_memory
from harness import KIB, MIB, PAGE, Task, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

KNOWN = {
    "cachey_fetch_requests_total": "counter", "cachey_fetch_request_bytes": "histogram", "cachey_fetch_request_entries": "histogram",
    "cachey_entry_requests_total": "counter", "cachey_download_latency_seconds": "histogram",
    "cachey_first_chunk_latency_seconds": "histogram", "cachey_throughput_bytes_per_second": "gauge", "cachey_connections": "gauge",
    "cachey_bucket_error_ratio": "gauge", "cachey_bucket_latency_seconds": "gauge",
    "cachey_bucket_deprioritized": "gauge", "cachey_bucket_consecutive_failures": "gauge",
}
LATENCIES = [.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60]
BOUNDS = {
    "cachey_fetch_request_bytes": [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB],
    "cachey_fetch_request_entries": [1, 2, 4],
    "cachey_download_latency_seconds": LATENCIES,
    "cachey_first_chunk_latency_seconds": LATENCIES,
}


def scrape(server):
    response = http1.exchange(server.admin_port, "GET", "/metrics")
    assert response.status == 200
    assert response.header("Content-Type").replace(" ", "").startswith("text/plain;version=0.0.4")
    return prometheus_text.parse(response.text)


def pages(server, kind, what):
    return prometheus_text.value(scrape(server), "cachey_entry_requests_total", kind=kind, type=what)


def requests(server, kind, status, method="GET"):
    return prometheus_text.value(scrape(server), "cachey_fetch_requests_total", kind=kind, method=method, status=status)


@pytest.fixture
def server(s3_server):
    return s3_server("--split-after", "0", "--memory", "256MiB")


def test_the_format_and_the_names(server, origin, kind):
    origin.put(kind, "object", size=2 * PAGE)
    server.fetch(kind, "object", 0, PAGE)
    fetch_from_memory(server, kind, "object", 0, 9)
    families = scrape(server)
    for name, kind_of in KNOWN.items():
        assert name in families and families[name].type == kind_of and families[name].help, name
        assert families[name].samples, name
    for name, bounds in BOUNDS.items():
        found = {float(labels["le"]) for sample, labels, _ in families[name].samples if sample.endswith("_bucket")}
        assert sorted(found)[:-1] == pytest.approx(bounds), name
    directions = {(labels["direction"], labels["window"]) for _, labels, _ in families["cachey_throughput_bytes_per_second"].samples}
    assert directions == {(way, window) for way in ("ingress", "egress") for window in ("10s", "30s", "1m")}
    hits = {labels["hit"] for _, labels, _ in families["cachey_first_chunk_latency_seconds"].samples}
    assert hits <= {"0", "1"} and hits


def test_page_counts_reconcile_with_the_origins_log(server, origin, kind):
    stored = origin.put(kind, "object", size=4 * PAGE)
    for first, last in [(0, 9), (PAGE - 5, PAGE + 5), (0, 4 * PAGE - 1), (3 * PAGE, 3 * PAGE + 9)]:
        expect_206(server.fetch(kind, "object", first, last), stored, first, last, kind)
    for page in range(4):
        fetch_from_memory(server, kind, "object", page * PAGE, page * PAGE)
    before = {what: pages(server, kind, what) for what in ("access", "download", "success", "cache_hit", "cache_hit_memory")}
    assert before["download"] == len(origin.requests(kind)) == 4
    for _ in range(10):
        expect_206(server.fetch(kind, "object", PAGE - 5, 2 * PAGE + 5), stored, PAGE - 5, 2 * PAGE + 5, kind, hit=True)
    after = {what: pages(server, kind, what) for what in before}
    change = {what: after[what] - before[what] for what in before}
    assert change == {"access": 30, "download": 0, "success": 30, "cache_hit": 30, "cache_hit_memory": 30}
    assert pages(server, kind, "cache_hit_disk") == 0 and pages(server, kind, "hedged") == 0


def test_who_joins_a_fill_is_counted_as_coalesced(server, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    origin.behave(kind, "object", Behaviour(pace=MIB))
    leader = Task(server.fetch, kind, "object", 0, MIB - 1)
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes, what="the fill")
    joined = [Task(server.fetch, kind, "object", at, MIB - 1) for at in range(9)]
    for at, task in enumerate([leader, *joined]):
        expect_206(task.result(), stored, max(0, at - 1), MIB - 1, kind, hit=False)
    assert pages(server, kind, "access") == pages(server, kind, "success") == 10
    assert pages(server, kind, "download") == len(origin.requests(kind)) == 1
    assert pages(server, kind, "coalesced") == 9
    assert pages(server, kind, "cache_hit") == 0


def test_first_choice_and_fallback_are_counted(server, origin, kind):
    origin.put(kind, "object", size=1000)
    origin.put(kind + "-b", "other", size=1000)
    headers = [("C0-Bucket", kind), ("C0-Bucket", kind + "-b")]
    assert server.fetch(kind, "object", 0, 9, headers).status == 206
    assert pages(server, kind, "client_pref") == 1 and pages(server, kind, "fallback") == 0
    assert server.fetch(kind, "other", 0, 9, headers).status == 206
    assert pages(server, kind, "client_pref") == 2 and pages(server, kind, "fallback") == 1


def test_requests_are_counted_by_how_they_ended(server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    for _ in range(3):
        expect_206(server.fetch(kind, "object", 0, 99), stored, 0, 99, kind)
    server.fetch(kind, "object", 0, 99, method="HEAD")
    server.fetch(kind, "missing", 0, 99)
    server.fetch(kind, "object", 2000, 2099)
    origin.behave(kind, "broken", Behaviour(code="InternalError"))
    server.fetch(kind, "broken", 0, 99, headers=[("C0-Config", "ma=1")])
    wait_until(lambda: requests(server, kind, "success") == 3, what="three successes")
    assert requests(server, kind, "start") == 6
    assert requests(server, kind, "start", "HEAD") == requests(server, kind, "success", "HEAD") == 1
    assert requests(server, kind, "failed:init:not_found") == 1
    assert requests(server, kind, "failed:init:range_not_satisfiable") == 1
    statuses = {labels["status"]: number for _, labels, number in scrape(server)["cachey_fetch_requests_total"].samples
                if labels["kind"] == kind and labels["method"] == "GET"}
    assert sum(number for status, number in statuses.items() if status.startswith("failed:init:")) == 3


def test_a_body_that_broke_off_is_a_later_failure(server, origin, kind):
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(cut_at=MIB))
    response = server.fetch(kind, "object", 0, PAGE - 1, headers=[("C0-Config", "ma=1")])
    assert not response.complete

    def later():
        samples = scrape(server)["cachey_fetch_requests_total"].samples
        return [number for _, labels, number in samples
                if labels["kind"] == kind and labels["status"].startswith("failed:later:") and number]

    assert wait_until(later, 5, "the failure in /metrics") == [1]
    assert requests(server, kind, "success") == 0


def test_histograms_count_requests_bytes_and_pages(server, origin, kind):
    origin.put(kind, "object", size=4 * PAGE)
    for last in (99, 3 * MIB - 1, 2 * PAGE - 1, 4 * PAGE - 1):
        server.fetch(kind, "object", 0, last)
    families = wait_until(lambda: complete_histograms(scrape(server), kind), what="four requests in the histograms")
    total = 100 + 3 * MIB + 2 * PAGE + 4 * PAGE
    assert prometheus_text.value(families, "cachey_fetch_request_bytes_sum", kind=kind) == total
    assert prometheus_text.value(families, "cachey_fetch_request_entries_sum", kind=kind) == 1 + 1 + 2 + 4
    assert prometheus_text.value(families, "cachey_download_latency_seconds_count", kind=kind) == 4
    assert prometheus_text.value(families, "cachey_first_chunk_latency_seconds_count", kind=kind) == 4


def complete_histograms(families, kind):
    counts = [prometheus_text.value(families, f"cachey_fetch_request_{what}_count", kind=kind) for what in ("bytes", "entries")]
    return families if counts == [4, 4] else None


def test_labels_from_clients_are_bounded(server):
    """A client cannot fill the server's memory with names of kinds."""
    with server.connect() as connection:
        for number in range(3000):
            connection.exchange("GET", fetch_target(f"kind {number}", "none"), [("Range", "bytes=5-")])
    families = scrape(server)
    kinds = {labels["kind"] for _, labels, _ in families["cachey_fetch_requests_total"].samples}
    assert len(kinds) < 1500


def test_odd_kinds_are_escaped(server, origin):
    kind = 'quote" back\\slash ü'
    origin.put(kind, "object", size=10)
    assert server.fetch(kind, "object", 0, 9, headers=[("C0-Bucket", kind)]).status == 206
    assert requests(server, kind, "start") == 1


def test_connections_are_counted(server):
    held = [server.connect() for _ in range(7)]
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_connections") == 8, what="eight connections")
    for connection in held:
        connection.close()
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_connections") == 1, what="one connection")


def test_stats_tell_what_was_sent_and_received(server, origin, kind):
    origin.put(kind, "object", size=2 * PAGE)
    for _ in range(3):
        server.fetch(kind, "object", 0, 2 * PAGE - 1)

    def moved():
        response = server.get("/stats")
        assert response.status == 200 and response.header("Content-Type").startswith("application/json")
        stats = json.loads(response.text)
        out, came = stats["egress_throughput_10s_bps"], stats["ingress_throughput_10s_bps"]
        return (out * 10, came * 10) if out * 10 >= 5.9 * PAGE and came * 10 >= 1.9 * PAGE else None

    out, came = wait_until(moved, 8, "the transfer in /stats")
    assert out < 6.2 * PAGE and came < 2.1 * PAGE


def test_egress_is_what_was_sent_not_what_was_looked_up(server, origin, kind):
    origin.put(kind, "object", size=4 * PAGE)
    with server.connect(receive_buffer=4 * KIB) as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, 4 * PAGE - 1)])
        connection.read_head()
    fetch_from_memory(server, kind, "object", 0, 9)
    stats = json.loads(server.get("/stats").text)
    assert stats["egress_throughput_10s_bps"] * 10 < PAGE


def test_health_and_readiness(cachey):
    for target in ("/healthz", "/readyz"):
        response = cachey.get(target)
        assert response.status == 200 and response.complete
