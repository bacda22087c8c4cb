#!/usr/bin/env python3
"""The load of one leg: readers.py WAY WHERE KIND OBJECTS OBJECT_BYTES THREADS READS_A_SECOND SECONDS FILL OUT

WAY is `haproxy` (a plain client of the proxy WHERE, HOST:PORT, which never tries again) or `client` (cachey_client with
the list of nodes WHERE). First FILL pages are read once, the hottest last; then a line `filled` on standard output. After
a line on standard input, reads begin at an even rate. OUT gets a line `BEGUN SECONDS BYTES HIT OUTCOME` a read; outcomes:
ok, wrong (a byte differs), body (broke off), other texts without blanks.
"""

import http.client
import itertools
import pathlib
import random
import re
import sys
import threading
import time

import objects

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "clients/python/src"))
_HIT = re.compile(r"^[^;]*;[^;]*; *[1-9]")


class Plain:
    """One connection a thread."""

    def __init__(self, where, kind):
        self._where, self._kind = where, kind
        self._own = threading.local()

    def read(self, number, first, end):
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection(self._where, timeout=60)
        try:
            connection.request("GET", f"/fetch/{self._kind}/{objects.key_of(number)}", headers={"Range": f"bytes={first}-{end - 1}"})
            answer = connection.getresponse()
            try:
                data = answer.read()
            except (http.client.IncompleteRead, OSError):
                self._own.connection = None
                return b"", False, "body"
            if answer.status != 206:
                return b"", False, f"status-{answer.status}"
            return data, bool(_HIT.match(answer.getheader("C0-Status", ""))), "ok"
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            self._own.connection = None
            return b"", False, type(error).__name__


class Direct:
    """One Client for all threads."""

    def __init__(self, where, kind):
        import cachey_client
        self._client, self._kind = cachey_client.Client(where), kind
        self._errors = cachey_client.CacheyError

    def read(self, number, first, end):
        try:
            read = self._client.read(self._kind, objects.key_of(number), first, end)
        except (self._errors, OSError) as error:
            return b"", False, type(error).__name__
        return read.data, all(page.cached_at for page in read.pages), "ok"


class Load:
    def __init__(self, way, data, out):
        self._way, self._data, self._out = way, data, out
        self._lock = threading.Lock()

    def read(self, place, begun):
        data, hit, outcome = self._way.read(*place)
        took = time.monotonic() - begun
        if outcome == "ok" and data != self._data.bytes(*place):
            outcome = "wrong"
        with self._lock:
            self._out.write(f"{begun:.3f} {took:.6f} {len(data)} {int(hit)} {outcome}\n")

    def run(self, places, threads, rate=None, seconds=None):
        """Reads the places in turn; with a rate, each thread begins its reads at even times."""
        places, end = iter(places), None if seconds is None else time.monotonic() + seconds

        def work(number):
            due = time.monotonic() + number / (rate or 1)
            while end is None or due < end:
                with self._lock:
                    place = next(places, None)
                if place is None:
                    return
                if rate:
                    time.sleep(max(0, due - time.monotonic()))
                self.read(place, time.monotonic())
                if rate:
                    due = max(due + threads / rate, time.monotonic() - threads / rate)

        running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for one in running:
            one.start()
        for one in running:
            one.join()


def main():
    way, where, kind, *numbers, out_path = sys.argv[1:]
    count, size, threads, rate, seconds, fill = (int(number) for number in numbers)
    data = objects.Objects(count, size)
    reads, chance = objects.Reads(data), random.Random(objects.SEED)
    with open(out_path, "w", encoding="ascii") as out:
        load = Load({"haproxy": Plain, "client": Direct}[way](where, kind), data, out)
        load.run(reads.hottest(fill), threads)
        out.truncate(out.seek(0))
        print("filled", flush=True)
        sys.stdin.readline()
        load.run((reads.draw(chance) for _ in itertools.count()), threads, rate, seconds)


if __name__ == "__main__":
    main()
