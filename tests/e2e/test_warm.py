"""HEAD with warm=1: pages come into the cache for readers to come, and readers of now do not pay for it."""

import os
import re
import statistics
import threading
import time

import pytest

import http1
import http2
import prometheus_text
from disk import from_origin, kill, wait_for_pages
from expect import expect_206, fetch_from_memory
from harness import KIB, MIB, PAGE, Task, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate
from test_metrics import scrape

WARM = ("C0-Config", "warm=1")
SMALL = 64 * KIB
SMALL_PAGES = int(os.environ.get("CACHEY_TEST_WARM_PAGES", "1280"))


def done(response):
    """(pages, fetched, bytes) of a warm request that succeeded."""
    assert response.status in (200, 206), f"{response.status}"
    found = re.fullmatch(r"pages=(\d+); fetched=(\d+); bytes=(\d+)", response.header("C0-Warm"))
    return tuple(int(number) for number in found.groups())


def warm(client, kind, key, first, last, *headers):
    return client.fetch(kind, key, first, last, [WARM, *headers], "HEAD")


def warm_with_patience(*arguments):
    """Asks again after 503, as a client does: on a busy machine there may be no memory ready for a second."""
    def answer():
        response = warm(*arguments)
        return response if response.status != 503 else None

    return wait_until(answer, seconds=20, what="an answer other than 503")


def counted(server, result):
    return prometheus_text.value(scrape(server), "cachey_warm_requests_total", result=result)


def test_all_pages_of_the_range_come_and_are_served_without_the_store(client, origin, kind):
    stored = origin.put(kind, "object", size=3 * PAGE + 9)
    assert done(warm(client, kind, "object", PAGE, 9 * PAGE)) == (3, 3, 2 * PAGE + 9)
    asked = len(origin.ended(kind))
    assert asked == 3, "one request a page"
    assert done(warm(client, kind, "object", PAGE + 5, 2 * PAGE)) == (2, 0, 0)
    for page in (1, 2, 3):
        response = client.fetch(kind, "object", page * PAGE, page * PAGE + 8)
        expect_206(response, stored, page * PAGE, page * PAGE + 8, kind, hit=True)
    assert len(origin.ended(kind)) == asked


def test_the_answer_is_that_of_head(cachey, origin, kind):
    stored = origin.put(kind, "object", size=PAGE)
    warmed = warm(cachey, kind, "object", 0, 99)
    plain = cachey.fetch(kind, "object", 0, 99, method="HEAD")
    assert warmed.status == 206 and warmed.header("ETag") == stored.etag
    names = {"content-range", "content-length", "etag", "last-modified", "accept-ranges", "vary"}
    fields = [{name.lower(): value for name, value in answer.headers if name.lower() in names} for answer in (warmed, plain)]
    assert fields[0] == fields[1]
    assert plain.header("C0-Warm") is None
    assert warm(cachey, kind, "none", 0, 9).status == 404
    assert warm(cachey, kind, "object", PAGE, PAGE + 1).status == 416
    assert cachey.fetch(kind, "object", 0, 99, [WARM]).status == 400, "GET"


def test_what_is_warm_survives_a_crash(disk_server, origin, kind):
    stored = origin.put(kind, "object", size=20 * PAGE)
    server = disk_server(memory="64MiB")
    assert done(warm_with_patience(server, kind, "object", 0, 20 * PAGE - 1))[0] == 20
    assert len(origin.ended(kind)) == 20, "one request a page"
    wait_for_pages(server, 20)
    kill(server)
    server = disk_server(memory="64MiB")
    assert done(warm(server, kind, "object", 0, 20 * PAGE - 1)) == (20, 0, 0)
    assert done(warm(server, kind, "object", 0, 20 * PAGE - 1, ("Cache-Control", "only-if-cached"))) == (20, 0, 0)
    for page in range(20):
        expect_206(server.fetch(kind, "object", page * PAGE, page * PAGE + 9), stored, page * PAGE, page * PAGE + 9, kind)
    assert from_origin(server) == 0


def test_more_than_fits_is_507(s3_server, origin, kind):
    origin.put(kind, "object", size=20 * PAGE)
    server = s3_server("--memory", "64MiB")
    assert warm_with_patience(server, kind, "object", 0, 20 * PAGE - 1).status == 507
    assert counted(server, "no_room") == 1
    assert warm(server, kind, "object", 0, 20 * PAGE - 1, ("Cache-Control", "only-if-cached")).status == 504


def test_a_request_is_shed_while_readers_need_the_memory(s3_server, origin, kind):
    origin.put(kind, "object", size=PAGE)
    server = s3_server("--memory", "64MiB")
    gate = Gate()
    readers = []
    for number in range(3):
        origin.put(kind, f"held-{number}", size=PAGE)
        origin.behave(kind, f"held-{number}", Behaviour(stall_after=MIB, stall_gate=gate))
        readers.append(Task(server.fetch, kind, f"held-{number}", 0, PAGE - 1))
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_memory_admitted_bytes") >= 3 * PAGE)
    response = warm(server, kind, "object", 0, 9)
    assert response.status == 503 and int(response.header("Retry-After")) >= 1
    assert origin.requests(kind, "object") == []
    gate.release()
    assert all(reader.result().status == 206 for reader in readers)
    assert counted(server, "shed") == 1
    wait_until(lambda: warm(server, kind, "object", 0, 9).status in (206, 507))


def test_a_reader_takes_a_warm_fill_over(cachey, origin, kind):
    stored, gate = origin.put(kind, "object", size=MIB), Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    warming = Task(warm, cachey, kind, "object", 0, 9)
    wait_until(lambda: origin.requests(kind))
    reader = Task(cachey.fetch, kind, "object", 5, 99)
    gate.release()
    expect_206(reader.result(), stored, 5, 99, kind)
    assert done(warming.result()) == (1, 1, MIB)
    assert len(origin.ended(kind)) == 1


def test_after_its_client_has_left_only_pages_under_way_come(s3_server, origin, kind):
    origin.put(kind, "object", size=64 * SMALL)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(gate=gate))
    server = s3_server("--kind", f"{kind}={kind}", "--page-size", f"{kind}={SMALL // KIB}KiB")
    with http1.Connection(server.port) as connection:
        connection.request("HEAD", fetch_target(kind, "object"), [range_header(0, 64 * SMALL - 1), WARM])
        wait_until(lambda: origin.requests(kind))
    wait_until(lambda: counted(server, "client_gone") == 1)
    gate.release()
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_warm_pages_in_flight") == 0)
    assert len(origin.ended(kind)) <= 16


def test_what_is_not_here_in_time_is_504_and_goes_on(cachey, origin, kind):
    origin.put(kind, "object", size=MIB)
    gate = Gate()
    origin.behave(kind, "object", Behaviour(stall_after=KIB, stall_gate=gate))
    response = cachey.fetch(kind, "object", 0, 9, [("C0-Config", "warm=1 ot=300")], "HEAD")
    assert response.status == 504
    gate.release()
    wait_until(lambda: done(warm(cachey, kind, "object", 0, 9)))


def test_the_access_log_says_warm(s3_server, origin, kind, tmp_path):
    origin.put(kind, "object", size=9)
    log = tmp_path / "access.log"
    server = s3_server("--access-log", str(log))
    done(warm(server, kind, "object", 0, 8))
    line = wait_until(lambda: log.read_text() if log.exists() else "")
    assert "operation=Warm" in line and 'range=bytes=0-8' in line.replace('"', "")


def times_of_hits(server, kind, until, least=200):
    """Seconds of GETs of a cached object, one after the other, until `until()`; at least `least` of them."""
    times = []
    with http1.Connection(server.port) as connection:
        while len(times) < least or not until():
            begun = time.perf_counter()
            response = connection.exchange("GET", fetch_target(kind, "hot"), [range_header(0, 999)])
            times.append(time.perf_counter() - begun)
            assert response.status == 206
    return times


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def test_hits_are_served_as_ever_while_many_pages_are_warmed(start_server, tmp_path, record_property):
    """The origin is a folder, so that this process does little beside its readers. Figures are in the report."""
    bucket = tmp_path / "store" / "many"
    bucket.mkdir(parents=True)
    (bucket / "hot").write_bytes(b"x" * 1000)
    per_request, requests = 64, SMALL_PAGES // 64
    for number in range(requests):
        with open(bucket / f"cold-{number}", "wb") as file:
            file.truncate(per_request * SMALL)
    server = start_server("--origin", f"dir:{tmp_path / 'store'}", "--memory", "1GiB", "--kind", "many=many",
                          "--page-size", "many=64KiB")
    wait_until(lambda: server.fetch("many", "hot", 0, 999).status == 206)
    idle = times_of_hits(server, "many", lambda: True, 2000)
    left = list(range(requests))
    lock = threading.Lock()

    def warmer():
        with http1.Connection(server.port) as connection:
            while True:
                with lock:
                    if not left:
                        return
                    number = left.pop()
                fields = [range_header(0, per_request * SMALL - 1), WARM]
                assert done(connection.exchange("HEAD", fetch_target("many", f"cold-{number}"), fields))[1] == per_request

    begun = time.monotonic()
    warmers = [Task(warmer) for _ in range(4)]
    busy = times_of_hits(server, "many", lambda: all(task.done for task in warmers))
    for task in warmers:
        task.result(120)
    figures = f"p99 of hits idle {p99(idle) * 1e3:.2f} ms, while warming {p99(busy) * 1e3:.2f} ms ({len(busy)} hits); " \
              f"{requests * per_request} pages in {time.monotonic() - begun:.1f} s"
    record_property("figures", figures)
    print(figures)
    assert statistics.median(busy) < 20 * statistics.median(idle) + 0.01, figures


def test_a_thousand_warm_requests_at_once_leave_hits_and_misses_of_others_alone(s3_server, origin, kind):
    stored = [origin.put(kind, f"honest-{i}", size=MIB) for i in range(20)]
    other = f"{kind}-other"
    gate = Gate()
    server = s3_server("--memory", "256MiB", "--bucket-requests", "32")
    fetch_from_memory(server, kind, "honest-0", 0, 9)
    for number in range(1000):
        origin.put(other, f"warm-{number}", size=MIB)
        origin.behave(other, f"warm-{number}", Behaviour(gate=gate))
    connections = [http2.Connection(server.port) for _ in range(10)]
    streams = [(connection, connection.request("HEAD", fetch_target(other, f"warm-{number * 100 + i}"),
                                               [range_header(0, 9), WARM]))
               for number, connection in enumerate(connections) for i in range(100)]
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_fetch_requests_total", kind=other, method="HEAD",
                                             status="start") == 1000)
    assert prometheus_text.value(scrape(server), "cachey_fills_in_flight") <= 32
    begun = time.monotonic()
    for i, one in enumerate(stored):
        expect_206(server.fetch(kind, f"honest-{i}", 0, MIB - 1), one, 0, MIB - 1, kind)
    took = time.monotonic() - begun
    assert took < 10, f"{len(stored)} misses took {took:.1f} s"
    origin.put(other, "honest", size=9)
    assert server.fetch(other, "honest", 0, 8).status == 206, "a miss of the bucket that hangs has a turn"
    gate.release()
    statuses = [connection.read_response(stream).status for connection, stream in streams]
    for connection in connections:
        connection.close()
    assert set(statuses) <= {206, 503, 507} and 206 in statuses
