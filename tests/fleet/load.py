"""Clients that read from a fleet and compare each byte, and what they noticed."""

import contextlib
import dataclasses
import threading
import time


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Bytes of an object."""

    kind: str
    key: str
    first: int
    length: int


class Failed(Exception):
    """A read that failed. `cut`: the answer began well, and its body broke off."""

    def __init__(self, text, cut=False):
        super().__init__(text)
        self.cut = cut


@dataclasses.dataclass
class Done:
    """A read that has ended. `fault`: None, "wrong bytes", "cut" or a text."""

    wanted: Wanted
    begun: float
    ended: float
    fault: str | None = None

    @property
    def seconds(self):
        return self.ended - self.begun


def read_one(store, reader, wanted):
    """Reads and compares; returns a Done."""
    begun = time.monotonic()
    try:
        data = reader.read(wanted)
    except Failed as failed:
        return Done(wanted, begun, time.monotonic(), "cut" if failed.cut else str(failed))
    ended = time.monotonic()
    right = len(data) == wanted.length and store.is_right(wanted.kind, wanted.key, wanted.first, data)
    return Done(wanted, begun, ended, None if right else "wrong bytes")


def read_lists(store, way, lists):
    """Each list is read by a client of its own, all at the same time; returns all reads."""
    done, faults = [], []

    def run(wanted):
        try:
            with contextlib.closing(way.reader()) as reader:
                done.extend([read_one(store, reader, one) for one in wanted])
        except BaseException as error:  # told by the caller's thread
            faults.append(error)

    threads = [threading.Thread(target=run, args=(wanted,), daemon=True) for wanted in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return done


class Load:
    """Clients that read again and again while a `with` lasts. Each one reads its own list in turn."""

    def __init__(self, store, way, lists, pause=0.0):
        self._store, self._way, self._lists, self._pause = store, way, lists, pause
        self._over = threading.Event()
        self._broken = []
        self.done = []
        self._under_way = {}  # a client's number: when its read began
        self._threads = [threading.Thread(target=self._run, args=one, daemon=True) for one in enumerate(lists)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join(120)
        assert error[0] is not None or not self._broken, self._broken

    def _run(self, number, wanted):
        at = 0
        try:
            with contextlib.closing(self._way.reader()) as reader:
                while not self._over.is_set():
                    self._under_way[number] = time.monotonic()
                    self.done.append(read_one(self._store, reader, wanted[at % len(wanted)]))
                    at += 1
                    self._over.wait(self._pause)
        except BaseException as error:  # told by __exit__
            self._broken.append(error)

    def faults(self):
        return [one for one in self.done if one.fault]

    def between(self, begin, end):
        """The reads that began in that time."""
        return [one for one in self.done if begin <= one.begun < end]

    def all_began_after(self, at):
        """A condition: no read that began before that time is still under way."""
        return lambda: self._broken or min(self._under_way.values()) > at

    def more(self, count):
        """A condition: `count` more reads have ended well."""
        before = sum(not one.fault for one in self.done)
        return lambda: self._broken or sum(not one.fault for one in list(self.done)) >= before + count


def quantile(reads, share):
    """The time that this share of the reads took at most, in seconds."""
    times = sorted(one.seconds for one in reads)
    return times[min(len(times) - 1, int(len(times) * share))]
