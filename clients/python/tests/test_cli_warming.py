"""A warm run over a scripted client: counts, retries, the limit of bytes a second, early ends."""

import errno
import threading
import time

import pytest

from cachey_client.cli import warming
from cachey_client.cli.manifest import Entry, Fault
from cachey_client.cli.plan import Plan
from cachey_client.cli.rate import Rate
from cachey_client.cli.warming import Run, Settings
from cachey_client.errors import CacheyError, Denied, NotCached, NotFound, OutOfRange, Unavailable
from cachey_client.results import Warmed

MIB = 1 << 20


class Scripted:
    """A client whose `answer` gets (key, start, end, number of the request for the key)."""

    def __init__(self, answer):
        self._answer = answer
        self._lock = threading.Lock()
        self.asked = []
        self.in_flight = self.most_in_flight = 0

    def warm(self, kind, key, start=0, end=None, *, buckets=(), config=None, only_if_cached=False, deadline=None):
        with self._lock:
            self.asked.append((key, start, end, tuple(buckets), only_if_cached))
            number = sum(asked[0] == key for asked in self.asked)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return self._answer(key, start, end, number)
        finally:
            with self._lock:
                self.in_flight -= 1


def fetched(key, start, end, number, size=300):
    return Warmed(pages=1, fetched=1, bytes=min(end, size) - start, size=size)


def play(answer, items, **settings):
    """(totals, failures, client) of a run to its end."""
    failures, client = {}, Scripted(answer)
    run = Run(client, Plan(items, 256 * MIB), Settings(**settings), failures.__setitem__)
    run.start()
    assert run.wait(30)
    return run.snapshot(), failures, client


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(warming, "_pause", lambda error, attempt: 0.001)


def test_a_run_counts_objects_and_bytes():
    def answer(key, start, end, number):
        return Warmed(1, 0, 0, 300) if key == "there" else fetched(key, start, end, number)

    totals, failures, client = play(
        answer, [Entry("k", "a", 300), Entry("k", "there", 300), Entry("k", "b")], buckets=("x",)
    )
    assert (totals.objects, totals.there, totals.failed, totals.bytes, totals.fetched) == (3, 1, 0, 900, 600)
    assert failures == {} and {asked[3] for asked in client.asked} == {("x",)}


def test_buckets_of_a_line_win_over_those_of_the_command():
    _, _, client = play(fetched, [Entry("k", "a", 300, (), ("own",))], buckets=("x",))
    assert client.asked[0][3] == ("own",)


def test_requests_run_side_by_side_up_to_the_limit():
    barrier = threading.Barrier(4)

    def answer(key, start, end, number):
        barrier.wait(20)
        return fetched(key, start, end, number)

    totals, _, client = play(answer, [Entry("k", str(number), 300) for number in range(12)], in_flight=4)
    assert totals.objects == 12 and client.most_in_flight == 4


def test_an_overloaded_server_is_asked_again():
    def answer(key, start, end, number):
        if number < 3:
            raise Unavailable("busy", status=503, retry_after=0)
        return fetched(key, start, end, number)

    totals, failures, client = play(answer, [Entry("k", "a", 300)])
    assert totals.objects == 1 and not failures and len(client.asked) == 3


def test_tries_are_bounded_and_the_object_is_named():
    def answer(key, start, end, number):
        raise Unavailable("all nodes failed")

    totals, failures, client = play(answer, [Entry("k", "a", 300)], tries=3)
    assert (totals.objects, totals.failed, len(client.asked)) == (1, 1, 3)
    assert failures == {"k/a": "all nodes failed"}


def test_what_is_final_is_not_asked_again():
    def answer(key, start, end, number):
        raise NotFound("no such object", status=404)

    _, failures, client = play(answer, [Entry("k", "a"), Fault("line 2", "not kind/key")])
    assert set(failures) == {"k/a", "line 2"} and len(client.asked) == 1


def test_an_object_with_several_failed_windows_fails_once():
    def answer(key, start, end, number):
        raise NotCached("absent", status=504)

    totals, failures, _ = play(answer, [Entry("k", "a", 1 << 40)], check=True)
    assert (totals.objects, totals.failed, len(failures)) == (1, 1, 1)


def test_an_empty_object_is_there():
    def answer(key, start, end, number):
        raise OutOfRange("past the end", status=416, size=0)

    totals, failures, _ = play(answer, [Entry("k", "empty"), Entry("k", "declared", 0)])
    assert (totals.objects, totals.there, totals.failed, failures) == (2, 2, 0, {})


def test_a_range_past_the_end_fails():
    def answer(key, start, end, number):
        raise OutOfRange("past the end", status=416, size=5)

    _, failures, _ = play(answer, [Entry("k", "a", None, ((0, 9),))])
    assert list(failures) == ["k/a"]


def test_a_wrong_token_ends_the_run():
    def answer(key, start, end, number):
        raise Denied("no token", status=401)

    totals, _, client = play(answer, (Entry("k", str(number), 1) for number in range(10_000)), in_flight=2)
    assert totals.stopped == "the server wants a valid token" and len(client.asked) < 100


def test_a_full_cache_ends_the_run_without_retries():
    def answer(key, start, end, number):
        raise CacheyError("no room", status=507)

    totals, _, client = play(answer, (Entry("k", str(number), 1) for number in range(10_000)), in_flight=2)
    assert "no room" in totals.stopped and len(client.asked) < 100


def test_many_failures_end_the_run():
    def answer(key, start, end, number):
        raise NotFound("absent", status=404)

    totals, _, _ = play(answer, (Entry("k", str(number)) for number in range(10_000)), most_failures=10)
    assert totals.stopped == "10 objects failed" and 10 <= totals.failed < 100


def test_a_fault_of_the_client_is_a_failure_not_a_lost_thread():
    def answer(key, start, end, number):
        raise RuntimeError("bug")

    totals, failures, _ = play(answer, [Entry("k", str(number), 1) for number in range(40)], in_flight=2)
    assert totals.failed == 40 and failures["k/3"] == "RuntimeError: bug"


@pytest.mark.parametrize("full", ["done", "failure"])
def test_a_full_disk_ends_the_run(full):
    """Else a check of what was noted before would succeed, and leave out the rest."""

    def answer(key, start, end, number):
        if full == "failure":
            raise NotFound("absent", status=404)
        return fetched(key, start, end, number)

    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    client = Scripted(answer)
    plan = Plan((Entry("k", str(number), 300) for number in range(10_000)), 256 * MIB)
    run = Run(client, plan, Settings(in_flight=2), no_space, no_space)
    run.start()
    assert run.wait(30)
    assert run.snapshot().stopped == "no space left on device" and len(client.asked) < 100


def test_a_check_asks_the_caches_alone():
    _, _, client = play(lambda *_: Warmed(1, 0, 0, 300), [Entry("k", "a", 300)], check=True)
    assert client.asked[0][4] is True


def test_a_check_of_an_empty_object_asks_nothing():
    totals, failures, client = play(lambda *_: None, [Entry("k", "a", 0)], check=True)
    assert (totals.there, failures, client.asked) == (1, {}, [])


def test_a_stop_ends_a_run_that_waits_for_its_rate():
    failures = {}
    run = Run(
        Scripted(fetched),
        Plan([Entry("k", str(n), 300) for n in range(99)], 256 * MIB),
        Settings(rate=1),
        failures.__setitem__,
    )
    run.start()
    assert not run.wait(0.3)
    run.stop("interrupted")
    assert run.wait(20)
    assert run.snapshot().stopped == "interrupted" and failures == {}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_rate_holds_over_time():
    clock = Clock()
    rate, taken = Rate(100, clock), 0
    while clock.now < 60:
        pause = rate.pause(50)
        taken += 0 if pause else 50
        clock.now += pause
    assert taken == pytest.approx(6000, rel=0.05)


def test_bytes_that_did_not_come_from_the_store_are_given_back():
    clock = Clock()
    rate = Rate(100, clock)
    for _ in range(1000):
        assert rate.pause(1000) == 0
        rate.give_back(1000)


def test_a_rate_saves_up_for_one_second_only():
    clock = Clock()
    rate = Rate(100, clock)
    clock.now = 3600
    assert rate.pause(100) == 0 and rate.pause(100) == 0
    assert rate.pause(100) == pytest.approx(1)


def test_retry_after_is_obeyed_up_to_a_limit(monkeypatch):
    monkeypatch.undo()
    assert 2 <= warming._pause(Unavailable("busy", retry_after=2), 1) <= 2.5
    assert warming._pause(Unavailable("busy", retry_after=9999), 1) <= 75
    assert warming._pause(Unavailable("down"), 20) <= 10


def test_no_run_takes_long(monkeypatch):
    began = time.monotonic()
    play(fetched, [Entry("k", str(number), 300) for number in range(2000)])
    assert time.monotonic() - began < 20
