"""Many clients read objects that change all the time: each answer is of one version, and no older than the policy says."""

import random
import threading
import time

import pytest

from content import first_difference
from harness import MIB, PAGE, SLOW
from s3_face import FACE, target

_CLIENTS = 8
_SECONDS = 3.0
_VERSIONS_A_SECOND = 10
_SLACK_SECONDS = 1.0 * SLOW


class Versions:
    """The versions of one object at the origin, and when each became the current one."""

    def __init__(self, origin, bucket, sizes):
        self._origin, self._bucket, self._sizes = origin, bucket, sizes
        self.smallest = min(sizes)
        self._lock = threading.Lock()
        self._by_tag = {}
        self.put()

    def put(self):
        with self._lock:
            stored = self._origin.put(self._bucket, "object", size=self._sizes[len(self._by_tag) % len(self._sizes)])
            self._by_tag[stored.etag] = (len(self._by_tag), stored, time.monotonic())

    def of(self, tag):
        """(number, object) of a version."""
        with self._lock:
            return self._by_tag[tag][:2]

    def current(self, at):
        """The number of the version that was the current one at a time."""
        with self._lock:
            return max(number for number, _, since in self._by_tag.values() if since <= at)


def request(chance, last_tag, smallest):
    """(method, headers, may be refused) of a random request."""
    method = chance.choice(["GET", "GET", "HEAD"])
    headers = []
    first = chance.randrange(smallest - 1000)
    what = chance.randrange(5)
    if what < 3:
        headers = [("Range", [f"bytes={first}-{first + chance.randrange(1000)}", f"bytes={first}-", f"bytes=-{1 + chance.randrange(1000)}"][what])]
    if last_tag and chance.random() < 0.3:
        headers.append(("If-Match", last_tag))
        return method, headers, True
    return method, headers, False


def first_of(response, stored):
    found = response.header("Content-Range")
    if response.status == 200:
        assert found is None and response.header("Content-Length") == str(stored.size)
        return 0
    first, last = map(int, found.removeprefix("bytes ").partition("/")[0].split("-"))
    assert found.endswith(f"/{stored.size}") and response.header("Content-Length") == str(last - first + 1)
    return first


class Reader:
    """One client: reads until `until`; `fault` says what was wrong."""

    def __init__(self, server, bucket, versions, seed, until, age_max):
        self._arguments = (server, bucket, versions, random.Random(seed), until, age_max)
        self.fault = None
        self.answers = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self):
        self._thread.join()

    def _run(self):
        try:
            self._read(*self._arguments)
        except Exception as error:  # the test reports it
            self.fault = error

    def _read(self, server, bucket, versions, chance, until, age_max):
        tag, newest, connection, started = None, -1, server.connect_s3(), time.monotonic()
        while time.monotonic() < until:
            method, headers, may_be_refused = request(chance, tag, versions.smallest)
            began = time.monotonic()
            connection.request(method, target(bucket, "object"), headers)
            response = connection.read_response(method)
            self.answers[response.status] = self.answers.get(response.status, 0) + 1
            context = f"{method} {headers}: {response.status} {response.headers}"
            if response.status == 412:
                assert may_be_refused, context
                tag = None
            elif response.status != 503:
                assert response.status in (200, 206), context
                tag = response.header("ETag")
                number, stored = versions.of(tag)
                first = first_of(response, stored)
                assert number >= newest, f"back to {number} after {newest}: {context}"
                assert age_max is None or number >= versions.current(max(began - age_max, started)), f"version {number} is too old: {context}"
                newest = number
                if method == "GET":
                    assert first_difference(response.body, stored.seed, first) is None, context
            if not response.complete or response.closed:
                connection.close()
                connection = server.connect_s3()
        connection.close()


@pytest.mark.parametrize("sizes", [(MIB, MIB + 1, 2 * MIB), (PAGE + 100_000, 2 * PAGE)], ids=["one-page", "two-pages"])
@pytest.mark.parametrize("policy,age_max", [("always", 0.0), ("1", 1.0), ("never", None)])
def test_each_answer_is_of_one_version(start_server, origin, kind, policy, age_max, sizes):
    server = start_server("--origin", "s3", "--memory", "256MiB", *FACE, "--s3api-revalidate", f"*={policy}",
                          environment=origin.environment())
    versions = Versions(origin, kind, sizes)
    until = time.monotonic() + _SECONDS
    age = None if age_max is None else age_max + (_SLACK_SECONDS if age_max else 0.0)
    readers = [Reader(server, kind, versions, seed, until, age) for seed in range(_CLIENTS)]
    while time.monotonic() < until:
        time.sleep(1 / _VERSIONS_A_SECOND)
        versions.put()
    for reader in readers:
        reader.join()
    assert [reader.fault for reader in readers if reader.fault] == []
    answers = {}
    for reader in readers:
        for status, count in reader.answers.items():
            answers[status] = answers.get(status, 0) + count
    assert answers[200] and answers[206] and answers.get(503, 0) * 5 <= sum(answers.values()), answers
    if policy == "never" and len(set(sizes)) == 3:
        assert set(answers) == {200, 206}, answers
