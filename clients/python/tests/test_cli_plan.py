"""The order of a warm run: every byte in one window, windows within groups, a bounded number of open objects."""

import threading

from cachey_client.cli.manifest import Entry, Fault
from cachey_client.cli.plan import GROUP, Plan

MIB = 1 << 20


def windows_of(plan, size_of_unknown=0):
    """Runs the plan to its end, one window after the other; answers tell the object's size."""
    found = []
    while given := plan.next():
        task, start, end = given
        found.append((task.entry.key, start, end))
        plan.done(task, end - start, 0, size_of_unknown if task.entry.size is None else task.entry.size)
    return found


def test_windows_cover_an_object_once():
    found = windows_of(Plan([Entry("k", "a", 600 * MIB)], 256 * MIB))
    assert found == [("a", 0, 256 * MIB), ("a", 256 * MIB, 512 * MIB), ("a", 512 * MIB, 600 * MIB)]


def test_no_window_crosses_a_group():
    found = windows_of(Plan([Entry("k", "a", None, ((GROUP - 10, GROUP + 10),))], 3 * 10**8))
    assert [(start, end) for _, start, end in found] == [(GROUP - 10, GROUP), (GROUP, GROUP + 10)]


def test_the_first_answer_tells_how_many_windows_follow():
    assert [start for _, start, _ in windows_of(Plan([Entry("k", "a")], 256 * MIB), 600 * MIB)] == [
        0,
        256 * MIB,
        512 * MIB,
    ]
    assert len(windows_of(Plan([Entry("k", "a")], 256 * MIB), 5)) == 1


def test_an_object_that_is_larger_than_its_line_says_is_warmed_whole():
    plan = Plan([Entry("k", "a", 10)], 256 * MIB)
    task, start, end = plan.next()
    assert (start, end) == (0, 10) and not plan.done(task, 10, 10, 300 * MIB)
    task, start, end = plan.next()
    assert (start, end) == (10, 256 * MIB) and not plan.done(task, end - start, 0, 300 * MIB)
    task, start, end = plan.next()
    assert (start, end) == (256 * MIB, 300 * MIB) and plan.done(task, end - start, 0, 300 * MIB)
    assert plan.next() is None and plan.known == 300 * MIB


def test_an_object_that_is_smaller_gets_no_more_windows():
    plan = Plan([Entry("k", "a", 10 * GROUP)], 256 * MIB)
    task, _, _ = plan.next()
    assert plan.done(task, 5, 5, 5)
    assert plan.next() is None and plan.known == 5


def test_an_empty_object_is_asked_for():
    assert windows_of(Plan([Entry("k", "a", 0)], 256 * MIB)) == [("a", 0, 1)]


def test_a_failed_object_gets_no_more_windows():
    plan = Plan([Entry("k", "a", GROUP), Entry("k", "b", 1)], 256 * MIB)
    first, _, _ = plan.next()
    second, _, _ = plan.next()
    assert first is second
    assert not plan.failed(first, ValueError("one"))
    task, _, _ = plan.next()
    assert task.entry.key == "b"
    assert plan.done(first, 1, 1, GROUP), "the last window in flight finishes the object"
    assert str(first.error) == "one"


def test_faults_pass_through():
    assert isinstance(Plan([Fault("line 1", "no")], 256 * MIB).next(), Fault)


def test_threads_wait_for_the_size_of_the_last_object():
    plan = Plan([Entry("k", "a")], 256 * MIB)
    task, _, _ = plan.next()
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(plan.next()))
    waiting.start()
    plan.done(task, 256 * MIB, 0, 512 * MIB)
    waiting.join(10)
    assert [(start, end) for _, start, end in taken] == [(256 * MIB, 512 * MIB)]


def test_a_stop_wakes_threads_that_wait():
    plan = Plan([Entry("k", "a")], 256 * MIB)
    plan.next()
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(plan.next()))
    waiting.start()
    plan.stop()
    waiting.join(10)
    assert taken == [None]


def test_an_input_that_breaks_off_ends_the_plan_with_its_error():
    def listing():
        yield Entry("k", "a", 1)
        raise OSError("list")

    plan = Plan(listing(), 256 * MIB)
    task, _, _ = plan.next()
    plan.done(task, 1, 1, 1)
    assert plan.next() is None and str(plan.fault) == "list"


def test_objects_without_size_do_not_pile_up():
    """Every object turns out to be large: the next one is read when the windows of those before are given out."""
    read = []

    def source():
        for number in range(100):
            read.append(number)
            yield Entry("k", str(number))

    plan = Plan(source(), 256 * MIB)
    given = [plan.next() for _ in range(4)]
    for task, _, _ in given:
        plan.done(task, 256 * MIB, 0, 4 * GROUP)
    for _ in range(4 * 15):
        plan.next()
    assert len(read) == 4
