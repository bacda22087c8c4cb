"""Honest clients of one protocol, in a process of their own: hits, misses, scrapes, each at a fixed rate.

    honest.py PROTOCOL PORT MISS_WORD PROXY     PROTOCOL: h1, h2c, h1+tls, h2+tls; PROXY: 0 or 1

Reads until standard input ends; then prints one JSON list of [what, began, seconds, failure] a request. `what` is hit,
miss or scrape; `began` is the time on the plan (monotonic), so that a request that starts late because the one before
was slow counts its whole delay; `failure` is "" or a text.
"""

import itertools
import json
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "origin")]

import protocols  # noqa: E402  (the path above comes first)
import store  # noqa: E402
from harness import limit  # noqa: E402
from http1 import fetch_target, range_header  # noqa: E402

KIND = "good"
HITS = ("hit-0", "hit-1", "wide-0")
TIMEOUT_SECONDS = 2.0
_PAGE = 16 << 20
_READ_BYTES = 20_000
_TOKEN = ("Authorization", "Bearer " + "t" * 2100)  # as long as those of a mesh
_PROXIED_AT_A_TIME = 20
_CANCEL = 8
_FAULTY_MISSES = 10  # every tenth miss has the attack's word


def is_hit(response):
    """Whether the first page was in the cache: C0-Status ends with the time since then."""
    return not response.header("c0-status").endswith(" 0")


class Failure(Exception):
    """An answer that an honest client does not expect."""


class Reader:
    """One client: a thread that sends a request every `interval` seconds."""

    backlog = 0.0  # seconds of the plan that are made up for after a slow request

    def __init__(self, client, interval, uses, samples):
        """interval: seconds; uses: requests of one connection."""
        self._client = client
        self._interval = interval
        self._uses = uses
        self._samples = samples
        self._connection = None
        self._left = 0

    def run(self, ended):
        plan = time.monotonic()
        for number in itertools.count():
            plan += self._interval
            if plan > time.monotonic():
                time.sleep(max(0.0, plan - time.monotonic()))
                plan = time.monotonic()  # that this machine woke us late is not the server's doing
            if ended.is_set():
                break
            failure = ""
            try:
                self.request(number)
            except Exception as problem:  # whatever goes wrong is the sample
                failure = f"{type(problem).__name__}: {problem}"[:200]
                self._close()
            done = time.monotonic()
            self._samples.append((self.what, plan, done - plan, failure))
            plan = max(plan, done - self.backlog)
        self._close()

    def exchange(self, target, headers=(), method="GET"):
        """Retries once if the server has closed an idle connection meanwhile, as RFC 9112 9.3.1 wants of clients."""
        reused = self._left > 0
        try:
            return self._exchange(target, headers, method)
        except ConnectionError:
            if not reused or getattr(self._connection, "resets", None):
                raise
        self._close()
        return self._exchange(target, headers, method)

    def _exchange(self, target, headers, method):
        if not self._left:
            self._close()
            self._connection = self._client.connect(timeout=TIMEOUT_SECONDS)
            self._left = self._uses
        self._left -= 1
        return self._connection.exchange(method, target, headers)

    def fetch(self, key, first, last, headers):
        response = self.exchange(fetch_target(KIND, key), [range_header(first, last), *headers])
        if response.status != 206:
            raise Failure(f"{response.status} {response.body[:120]!r}")
        if not response.complete or response.body != store.content(key, first, last):
            raise Failure(f"{len(response.body)} bytes, complete {response.complete}, or wrong ones")
        return response

    def _close(self):
        if self._connection:
            self._connection.close()
        self._connection = None
        self._left = 0


class HitReader(Reader):
    what = "hit"
    backlog = 1.0  # so a server that freezes shows in the quantiles

    def request(self, number):
        key = HITS[number % len(HITS)]
        first = _PAGE - 1000 if key.startswith("wide") else number * 997 % 900_000
        response = self.fetch(key, first, first + _READ_BYTES - 1, [_TOKEN] if number % 2 else [])
        if not is_hit(response):
            raise Failure("no hit any more: the object was dropped")


class ProxiedHitReader(HitReader):
    """Hits on a connection of HTTP/2 that a proxy shares with clients of a hanging object, which time out and cancel."""

    def __init__(self, *rest):
        super().__init__(*rest)
        self._hung = []

    def request(self, number):
        super().request(number)
        asked = self._connection.request("GET", fetch_target(KIND, f"hang-{number % 50}"), [range_header(0, 9)])
        self._hung.append((self._connection, asked))
        if len(self._hung) > _PROXIED_AT_A_TIME:
            connection, stream = self._hung.pop(0)
            if connection is self._connection and stream not in connection.resets:
                connection.h2.reset_stream(stream, error_code=_CANCEL)
                connection.flush()


class MissReader(Reader):
    what = "miss"

    def __init__(self, word, *rest):
        super().__init__(*rest)
        self._word = word

    def request(self, number):
        word = self._word if number % _FAULTY_MISSES == 0 else "new"
        self.fetch(f"{word}-{self._client.name}-{number}", 0, _READ_BYTES - 1, [_TOKEN] if number % 2 else [])


class Scraper(Reader):
    what = "scrape"

    def request(self, number):
        for target in ("/metrics", "/healthz"):
            response = self.exchange(target)
            if response.status != 200 or not response.complete:
                raise Failure(f"{target}: {response.status} {response.body[:120]!r}")


def run_until_told(readers):
    """Runs the readers until standard input ends."""
    ended = threading.Event()
    threads = [threading.Thread(target=reader.run, args=(ended,)) for reader in readers]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join(limit(2 * TIMEOUT_SECONDS))


def main():
    protocol, port, miss_word, proxy = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    client, samples = protocols.Client(protocol, port), []
    steady = ProxiedHitReader if proxy and client.is_http2 else HitReader
    readers = [steady(client, 0.015, 10 ** 9, samples), HitReader(client, 0.04, 1, samples),
               MissReader(miss_word, client, 0.03, 20, samples), Scraper(client, 0.4, 4, samples)]
    run_until_told(readers)
    json.dump(samples, sys.stdout)


if __name__ == "__main__":
    main()
