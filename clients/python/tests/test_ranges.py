"""read_ranges: which requests many ranges of one object make, and whose bytes the answers are."""

import itertools
import random
import threading
import time

import pytest

from cachey_client.errors import Changed, DeadlineExceeded, NotCached, NotFound, OutOfRange
from cachey_client.ranges import PARALLEL, plan, read_ranges, side_by_side
from scripted_client import ScriptedClient

KIB, MIB = 1 << 10, 1 << 20
DATA = random.Random(1).randbytes(MIB)


@pytest.fixture
def client():
    return ScriptedClient(o=DATA)


def spans_of(ranges, **named):
    return [(span.start, span.end, span.members) for span in plan(ranges, **named)]


def test_near_ranges_are_one_span():
    assert spans_of([(0, 10), (110, 120)], gap=100) == [(0, 120, [0, 1])]
    assert spans_of([(0, 10), (110, 120)], gap=99) == [(0, 10, [0]), (110, 120, [1])]


def test_overlapping_ranges_share_a_span_of_any_length():
    assert spans_of([(5, 50), (0, 10), (20, 30), (49, 99)], gap=0, longest=10) == [(0, 99, [1, 0, 2, 3])]


def test_neighbours_do_not_make_a_span_longer_than_the_limit():
    assert spans_of([(0, 60), (60, 100), (100, 120)], gap=10, longest=100) == [(0, 100, [0, 1]), (100, 120, [2])]


def test_empty_ranges_need_no_span():
    assert spans_of([(7, 7), (1, 2), (2, 2)]) == [(1, 2, [1])]


def test_an_open_end_takes_in_what_follows():
    assert spans_of([(900, 910), (800, None), (100, 110)], gap=0) == [(100, 110, [2]), (800, None, [1, 0])]


def test_answers_are_in_the_asked_order(client):
    ranges = [(900, 1000), (0, 10), (500_000, 500_001), (5, 905), (7, 7), (MIB - 3, None)]
    answers = read_ranges(client, "k", "o", ranges)
    assert [bytes(answer.data) for answer in answers] == [DATA[start:end] for start, end in ranges]
    assert [(answer.start, answer.end) for answer in answers] == [*ranges[:-1], (MIB - 3, MIB)]
    assert all((answer.etag, answer.size) == ('"1"', MIB) for answer in answers)
    assert sorted(client.reads, key=lambda read: read[0]) == [(0, 1000), (500_000, 500_001), (MIB - 3, None)]


def test_answers_of_a_span_are_views_of_one_buffer(client):
    one, two = read_ranges(client, "k", "o", [(0, 1000), (1100, 2000)])
    assert isinstance(one.data, memoryview) and one.data.obj is two.data.obj


def test_a_span_of_mostly_gaps_is_not_kept(client):
    one, two = read_ranges(client, "k", "o", [(0, 10), (100_000, 100_010)])
    assert client.reads == [(0, 100_010)]
    assert isinstance(one.data, bytes) and (one.data, two.data) == (DATA[:10], DATA[100_000:100_010])


def test_random_ranges_give_their_bytes(client):
    dice = random.Random(2)
    for _ in range(200):
        starts = [dice.randrange(MIB) for _ in range(dice.randrange(1, 30))]
        ranges = [(start, min(MIB, start + dice.choice([0, 1, 100, 70_000]))) for start in starts]
        gap = dice.choice([0, 1, 1000, 256 * KIB])
        answers = read_ranges(client, "k", "o", ranges, gap=gap)
        assert [bytes(answer.data) for answer in answers] == [DATA[start:end] for start, end in ranges]
        assert [(answer.start, answer.end) for answer in answers] == ranges


def test_no_ranges_make_no_request(client):
    assert read_ranges(client, "k", "o", []) == []
    assert (client.reads, client.stats) == ([], 0)


def test_only_empty_ranges_tell_whether_the_object_exists(client):
    (answer,) = read_ranges(client, "k", "o", [(9, 9)])
    assert (answer.data, answer.start, answer.end, answer.size) == (b"", 9, 9, MIB)
    assert (client.reads, client.stats) == ([], 1)
    with pytest.raises(NotFound):
        read_ranges(client, "k", "other", [(9, 9)])


@pytest.mark.parametrize(
    "ranges", [[(MIB, MIB + 1)], [(MIB - 10, MIB), (MIB + 5, MIB + 9)], [(0, 1), (MIB, None)]], ids=str
)
def test_a_range_past_the_end_fails_the_call(client, ranges):
    with pytest.raises(OutOfRange) as caught:
        read_ranges(client, "k", "o", ranges)
    assert (caught.value.size, caught.value.status) == (MIB, 416)
    assert "k/o" in str(caught.value)


def test_an_end_past_the_end_is_cut(client):
    (answer,) = read_ranges(client, "k", "o", [(MIB - 2, MIB + 100)])
    assert (bytes(answer.data), answer.end) == (DATA[-2:], MIB)


@pytest.mark.parametrize("wrong", [(-1, 5), (5, 4), (1.5, 2), 7, (1, 2, 3), ("0", "1"), (None, 4)], ids=str)
def test_a_malformed_range_is_an_error_before_any_request(client, wrong):
    with pytest.raises(ValueError, match="range"):
        read_ranges(client, "k", "o", [(0, 1), wrong])
    assert client.reads == []


def test_into_is_refused(client):
    with pytest.raises(TypeError, match="into"):
        read_ranges(client, "k", "o", [(0, 1)], into=bytearray(1))


def test_a_failed_span_fails_the_call_and_drops_what_has_not_begun(client):
    far = [(at * 10_000, at * 10_000 + 1) for at in range(100)]

    def before(start, _):
        if start == 0:
            raise NotCached("not there", status=504)
        time.sleep(0.001)

    client.before = before
    with pytest.raises(NotCached):
        read_ranges(client, "k", "o", far, gap=0)
    assert len(client.reads) < 100


def test_spans_are_read_side_by_side_but_not_all_at_once(client):
    now, most, lock = 0, 0, threading.Lock()
    enough = threading.Event()

    def before(*_):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == PARALLEL:
                enough.set()
        enough.wait(5)
        with lock:
            now -= 1

    client.before = before
    read_ranges(client, "k", "o", [(at * 10_000, at * 10_000 + 1) for at in range(50)], gap=0)
    assert most == PARALLEL


def test_the_deadline_is_that_of_the_whole_call(client):
    left = []
    read, gate = client.read, threading.Event()

    def slow(*arguments, deadline, **named):
        left.append(deadline)
        gate.wait(0.06)
        return read(*arguments, **named)

    client.read = slow
    with pytest.raises(DeadlineExceeded):
        read_ranges(client, "k", "o", [(at * 10_000, at * 10_000 + 1) for at in range(100)], gap=0, deadline=0.15)
    assert len(left) < 40 and all(0 < one <= 0.15 for one in left)


def test_exact_ranges_are_not_joined_past_what_the_server_takes(client):
    asked = []
    client.read = lambda kind, key, start, end, **named: (
        asked.append(end - start),
        client_read(kind, key, start, end),
    )[1]
    client_read = ScriptedClient(o=bytes(40 * MIB)).read
    read_ranges(client, "k", "o", [(at * 10 * MIB, (at + 1) * 10 * MIB) for at in range(4)], exact=True)
    assert max(asked) <= 16 * MIB


class TestVersions:
    """Answers of one call are of one version, although nodes hold unequal ones."""

    RANGES = ((0, 10), (500_000, 500_010))

    def mixed(self, client, refreshes):
        """The first span is of version 1 until a read with If-Match makes its node ask the store, if that helps."""
        old = ScriptedClient(o=DATA[::-1])
        client.versions["k", "o"] = 2
        new = client.read

        def read(kind, key, start, end, if_match=None, **named):
            if start == 0 and (if_match is None or not refreshes):
                return old.read(kind, key, start, end)
            return new(kind, key, start, end, if_match=if_match, **named)

        client.read = read

    def test_the_older_parts_are_read_again(self, client):
        self.mixed(client, refreshes=True)
        answers = read_ranges(client, "k", "o", self.RANGES)
        assert [bytes(answer.data) for answer in answers] == [DATA[start:end] for start, end in self.RANGES]
        assert {answer.etag for answer in answers} == {'"2"'}

    def test_versions_of_the_same_second_are_tried_in_turn(self, client, monkeypatch):
        self.mixed(client, refreshes=True)
        monkeypatch.setattr(ScriptedClient, "_date", lambda *_: "Sun, 29 Nov 2026 10:00:00 GMT")
        answers = read_ranges(client, "k", "o", self.RANGES)
        assert [bytes(answer.data) for answer in answers] == [DATA[start:end] for start, end in self.RANGES]

    def test_a_version_that_does_not_come_is_changed(self, client):
        self.mixed(client, refreshes=False)
        with pytest.raises(Changed, match="k/o"):
            read_ranges(client, "k", "o", self.RANGES)


def test_side_by_side_keeps_the_order():
    assert side_by_side([lambda at=at: at for at in range(100)], 3) == list(range(100))


def test_an_interrupt_waits_for_no_read(monkeypatch):
    go_on = threading.Event()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.wait", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            side_by_side([go_on.wait] * 3)
    finally:
        go_on.set()
        for thread in threading.enumerate():
            if thread.name.startswith("cachey-ranges"):
                thread.join()


def test_side_by_side_ends_its_threads():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        side_by_side([lambda: 1 / 0, *itertools.repeat(lambda: 1, 20)])
    assert threading.active_count() == before
