"""Dashboards of the reference's current release find their metrics: names, types, labels and bounds as that release has."""

import re
import time

import pytest

import prometheus_text
from harness import KIB, MIB, ROOT, wait_until
from origin_model import Behaviour
from test_metrics import scrape

_NOT_GIVEN = "foyer_"  # the reference's storage library; docs/migrating.md names what to ask for instead
_KIND = "replay"
_BUCKETS = [("C0-Bucket", "replay-a"), ("C0-Bucket", "replay-b")]
_READS = 40


def told():
    """{name: (type, labels, bounds)} of the reference's own /metrics."""
    rows = {}
    for line in (ROOT / "tests/e2e/reference_metrics.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, kind, labels, bounds = line.split(" | ")
            rows[name] = (kind, set(labels.split(",")) - {"-"}, [float(bound) for bound in bounds.split() if bound != "-"])
    return rows


@pytest.fixture(scope="module")
def server(start_session_server, origin):
    """A server after the traffic that the reference had when its metrics were listed."""
    server = start_session_server("--origin", "s3", "--memory", "128MiB", environment=origin.environment())
    for bucket in ("replay-a", "replay-b"):
        for at in range(_READS):
            origin.put(bucket, f"object-{at}", size=4 * KIB)
        origin.put(bucket, "large", size=MIB)
        origin.put(bucket, "late", size=4 * KIB)
    for at in range(_READS):
        assert server.fetch(_KIND, f"object-{at}", 0, 4 * KIB - 1, _BUCKETS).status == 206
    assert server.fetch(_KIND, "object-0", 0, 4 * KIB - 1, _BUCKETS).status == 206
    assert server.fetch(_KIND, "large", 0, MIB - 1, _BUCKETS).status == 206
    origin.behave("replay-a", "late", Behaviour(times=1, delay=3.0))
    begun = time.monotonic()
    assert server.fetch(_KIND, "late", 0, 9, _BUCKETS).status == 206
    assert time.monotonic() - begun < 2, "a hedge"
    origin.behave("replay-a", "slow-down", Behaviour(code="SlowDown"))
    origin.behave("replay-a", "broken", Behaviour(code="InternalError"))
    once = [("C0-Bucket", "replay-a"), ("C0-Config", "ma=1")]
    assert server.fetch(_KIND, "slow-down", 0, 9, once).status == 503
    assert server.fetch(_KIND, "broken", 0, 9, once).status == 502
    assert server.fetch(_KIND, "missing", 0, 9, _BUCKETS).status == 404
    return server


@pytest.fixture(scope="module")
def families(server):
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_hedges_total", outcome="won") == 1, what="the hedge")
    return scrape(server)


@pytest.mark.parametrize("name", [name for name in told() if not name.startswith(_NOT_GIVEN)])
def test_a_metric_has_the_name_the_type_the_labels_and_the_bounds(families, name):
    kind, labels, bounds = told()[name]
    if name.startswith("cachey_jemalloc_") and "cachey_jemalloc_active_bytes" not in families:
        pytest.skip("this build has another allocator")
    assert families[name].type == kind and families[name].samples
    for _, own, _ in families[name].samples:
        assert set(own) - {"le"} == labels
    found = {float(own["le"]) for sample, own, _ in families[name].samples if sample.endswith("_bucket")}
    assert found >= set(bounds)


def test_what_is_not_given_is_told():
    text = (ROOT / "docs/migrating.md").read_text()
    for name in told():
        if name.startswith(_NOT_GIVEN):
            assert re.search(rf"`{name}`", text), name


def test_the_values_are_those_of_the_traffic(families):
    def value(name, **labels):
        return prometheus_text.value(families, name, **labels)

    asked = _READS + 1 + 1 + 1 + 3
    assert value("cachey_fetch_requests_total", kind=_KIND, method="GET", status="start") == asked
    assert value("cachey_fetch_requests_total", kind=_KIND, method="GET", status="success") == asked - 3
    assert value("cachey_fetch_requests_total", kind=_KIND, status="failed:init:overloaded") == 1
    assert value("cachey_fetch_requests_total", kind=_KIND, status="failed:init:not_found") == 1
    assert value("cachey_fetch_request_bytes_sum", kind=_KIND) == (_READS + 1) * 4 * KIB + MIB + 4 * 10
    assert value("cachey_fetch_request_entries_sum", kind=_KIND) == asked
    assert value("cachey_entry_requests_total", kind=_KIND, type="cache_hit") == 1
    assert value("cachey_entry_requests_total", kind=_KIND, type="download") == _READS + 2
    assert value("cachey_download_latency_seconds_count", kind=_KIND) == _READS + 2
    assert value("cachey_first_chunk_latency_seconds_count", kind=_KIND) == asked - 3
    assert value("cachey_hedges_total", kind=_KIND, bucket="replay-a", phase="first_byte", target="peer", outcome="won") == 1
    assert value("cachey_connections") >= 1
    assert 0 < value("cachey_bucket_error_ratio", bucket="replay-a") < 0.5
    assert value("cachey_bucket_consecutive_failures", bucket="replay-a") == 2
    assert value("cachey_bucket_deprioritized", bucket="replay-a") == 0
    assert value("cachey_bucket_latency_model_bytes", bucket="replay-a", phase="request") == MIB


def test_the_latencies_are_those_of_the_reads(families):
    def value(name, **labels):
        return prometheus_text.value(families, f"cachey_bucket_{name}", bucket="replay-a", **labels)

    for size in (4 * KIB, MIB):
        median, tail = (value("latency_seconds", bytes=str(size), quantile=quantile) for quantile in ("0.5", "0.99"))
        assert 0 < median <= tail < 3
    assert value("latency_seconds", bytes=str(64 * KIB)) == 0, "nothing of this size was read"
    assert value("latency_predictions_total") == _READS - 10
    assert value("latency_predictions_exceeded_total", quantile="0.99") <= value(
        "latency_predictions_exceeded_total", quantile="0.5") <= _READS - 10
    delays = {(own["phase"], own["bytes"]): number for _, own, number in families["cachey_bucket_hedge_delay_seconds"].samples
              if own["bucket"] == "replay-a"}
    assert len(delays) == 8 and all(number >= 0.02 for number in delays.values())


def test_there_are_no_names_of_earlier_releases(families):
    gone = {"cachey_fetch_request_total", "cachey_fetch_request_pages", "cachey_page_request_total",
            "cachey_page_download_latency_seconds", "cachey_throughput_bytes_per_sec", "cachey_connection_count",
            "cachey_bucket_error_rate", "cachey_bucket_latency_mean_seconds", "cachey_bucket_latency_hedge_seconds",
            "cachey_bucket_circuit_breaker_open"}
    assert not gone & set(families)
