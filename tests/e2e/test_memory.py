"""One memory budget for pages, fills and slow clients; the bytes are correct under any budget."""

import random
import re
import threading
import time

import pytest

from crowd import Crowd, Visit
from expect import expect_206, expect_retry_after, fetch_from_memory
from harness import KIB, MIB, PAGE, SLOW, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

BUDGET = 256 * MIB
OVERHEAD_MAX = 64 * MIB  # allowance beside the budget


class ResidentMemory:
    """Samples a process's resident memory; `peak` is the largest value seen."""

    def __init__(self, pid):
        self._path = f"/proc/{pid}/status"
        self._ended = threading.Event()
        self.peak = self.now()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def now(self):
        with open(self._path, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * KIB

    def _sample(self):
        while not self._ended.wait(0.05):
            self.peak = max(self.peak, self.now())

    def expect_within_budget(self):
        self._ended.set()
        self._thread.join()
        self.peak = max(self.peak, self.now())
        if SLOW <= 1:  # a sanitizer's shadow memory does not count
            assert self.peak < BUDGET + OVERHEAD_MAX, f"resident memory reached {self.peak / MIB:.0f} MiB"


def expect_served_or_shed(visits):
    """Checks that every ended visit has its bytes or a 503; returns the two groups."""
    served = [visit for visit in visits if visit.good]
    shed = [visit for visit in visits if visit.status == 503]
    others = [visit for visit in visits if visit.ended and not visit.good and visit.status != 503]
    assert not others, f"{len(others)} neither served nor shed, the first: {others[0]}"
    for visit in shed:
        assert int(visit.field("Retry-After")) >= 1
        assert visit.field("Content-Type") == "text/plain; charset=utf-8" and visit.text.strip()
    return served, shed


def slow_visits(kind, stored, count, pages):
    return [Visit(kind, "slow", stored.seed, at % pages * PAGE, at % pages * PAGE + PAGE - 1, bytes_per_second=KIB,
                  receive_buffer=4 * KIB) for at in range(count)]


def healthy_visits(kind, stored, count):
    return [Visit(kind, "object", stored.seed, at * PAGE, at * PAGE + PAGE - 1) for at in range(count)]


@pytest.mark.alone
@pytest.mark.parametrize("slow_pages", [5, 50], ids=["slow ones share pages", "each slow one has its page"])
def test_three_hundred_cold_clients_beside_fifty_slow_ones(s3_server, origin, kind, slow_pages):
    server = s3_server("--memory", "256MiB")
    wanted = origin.put(kind, "object", size=300 * PAGE)
    dripping = origin.put(kind, "slow", size=50 * PAGE)
    memory = ResidentMemory(server.pid)
    slow, healthy = slow_visits(kind, dripping, 50, slow_pages), healthy_visits(kind, wanted, 300)
    everybody = slow + healthy
    if slow_pages == 50:  # mixed with the others: if they came first, they could take all memory
        random.Random(3).shuffle(everybody)
    with Crowd(server.port, everybody) as crowd:
        crowd.send_requests().run(90)
        served, shed = expect_served_or_shed(healthy)
        assert len(served) + len(shed) == 300
        assert len(served) >= 10, f"only {len(served)} of 300 got their page"
        expect_served_or_shed(slow)
        assert all(visit.wrong_at < 0 for visit in slow)
    memory.expect_within_budget()
    # The crowd has left: its memory is free for other requests.
    served_again = wait_until(lambda: whole_page(server, kind, wanted), 20, "a page after the crowd")
    expect_206(served_again, wanted, 0, PAGE - 1, kind)


def whole_page(server, kind, stored):
    response = server.fetch(kind, "object", 0, PAGE - 1)
    if response.status == 503:
        expect_retry_after(response)
        return None
    expect_206(response, stored, 0, PAGE - 1, kind)
    return response


def test_past_the_budget_requests_wait_then_get_503(s3_server, origin, kind):
    """Stalled fills hold all memory: later requests wait for the time limit, then get 503."""
    server = s3_server("--memory", "256MiB", "--admission-timeout", "1", "--drain-timeout", "1")
    origin.put(kind, "stuck", size=100 * PAGE)
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "stuck", Behaviour(stall_after=1000))
    stuck = []
    try:
        for page in range(32):
            stuck.append(server.connect())
            stuck[-1].request("GET", fetch_target(kind, "stuck"), [range_header(page * PAGE, page * PAGE + PAGE - 1)])
        wait_until(lambda: sum(record.held for record in origin.requests(kind, "stuck")) >= 8, 10, "fills that hold memory")
        time.sleep(0.1)  # the rest of the crowd takes the remaining memory
        started = time.monotonic()
        response = server.fetch(kind, "object", 0, PAGE - 1)
        took = time.monotonic() - started
        expect_retry_after(response)
        assert 0.8 <= took < limit(4)
    finally:
        for connection in stuck:
            connection.close()


def test_who_waits_for_memory_gets_it_when_it_comes_free(s3_server, origin, kind):
    server = s3_server("--memory", "256MiB", "--admission-timeout", "20")
    wanted = origin.put(kind, "object", size=60 * PAGE)
    origin.behave(kind, "object", Behaviour(delay=0.3))
    memory = ResidentMemory(server.pid)
    visits = healthy_visits(kind, wanted, 60)
    with Crowd(server.port, visits) as crowd:
        crowd.send_requests().run(40)
    served, shed = expect_served_or_shed(visits)
    assert len(served) == 60 and not shed, f"{len(shed)} were shed although there was time"
    memory.expect_within_budget()


def test_more_data_than_memory_keeps_every_byte_right(s3_server, origin, kind):
    server = s3_server("--memory", "128MiB", "--admission-timeout", "30")
    stored = origin.put(kind, "object", size=24 * PAGE)
    small = [origin.put(kind, f"small-{at}", size=1000 + at) for at in range(300)]

    def read(number):
        source = random.Random(number)
        for _ in range(25):
            first = source.randrange(24 * PAGE)
            last = min(first + source.choice([0, 100, 70_000, 3 * MIB, PAGE + 5]), 24 * PAGE - 1)
            expect_206(server.fetch(kind, "object", first, last), stored, first, last, kind)
            at = source.randrange(300)
            expect_206(server.fetch(kind, f"small-{at}", 0, 999), small[at], 0, 999, kind)

    for task in [Task(read, number) for number in range(4)]:
        task.result(120)
    pages = {record.range[0] // PAGE for record in origin.requests(kind, "object")}
    assert len(pages) > 8 and len(origin.requests(kind, "object")) > len(pages), "nothing was ever evicted"


def test_small_objects_do_not_cost_a_page_each(s3_server, origin, kind):
    """A thousand objects of 10 KB fit into the memory of sixteen pages: all stay in memory."""
    server = s3_server("--memory", "256MiB")
    stored = [origin.put(kind, f"small-{at}", size=10_000) for at in range(1000)]
    for _ in range(2):
        with server.connect() as connection:
            for at, one in enumerate(stored):
                response = connection.exchange("GET", fetch_target(kind, f"small-{at}"), [range_header(0, 9_999)])
                expect_206(response, one, 0, 9_999, kind)
    assert len(origin.requests(kind)) <= 1050, "small objects were evicted although there was room"


def test_an_object_past_1_tib(cachey, origin, kind):
    """Page numbers past 65,535, and the last pages of 50 TiB objects."""
    size = (50 << 40) - 12_345
    stored = origin.put(kind, "huge", size=size)
    places = [(1 << 40) - 1, 1 << 40, (1 << 40) + 5 * PAGE - 3, 65_535 * PAGE, 65_536 * PAGE - 1, 6 << 40, 2**45 + 7]
    for first in places:
        expect_206(cachey.fetch(kind, "huge", first, first + 99_999), stored, first, first + 99_999, kind)
        expect_206(fetch_from_memory(cachey, kind, "huge", first + 5, first + 9), stored, first + 5, first + 9, kind)
    expect_206(cachey.fetch(kind, "huge", size - 100, size + 12_000), stored, size - 100, size - 1, kind)
    past = cachey.fetch(kind, "huge", size, size + 100)
    assert past.status == 416 and past.header("Content-Range") == f"bytes */{size}"
    beyond = cachey.fetch(kind, "huge", (50 << 40) + 1, (50 << 40) + 9)
    assert beyond.status == 416
