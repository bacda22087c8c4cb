"""A client without a fleet, for tests of what is built on read() and stat(): objects in memory, and a log of reads."""

import threading

from cachey_client.errors import Changed, NotFound, OutOfRange
from cachey_client.results import PageStatus, Read, Stat


class ScriptedClient:
    """Reads of `objects`, {(kind, key): bytes}. `before` is called with each read's (start, end)."""

    def __init__(self, **objects):
        self.objects = {("k", key): data for key, data in objects.items()}
        self.versions = {}
        self.reads = []
        self.stats = 0
        self.before = lambda start, end: None
        self._lock = threading.Lock()

    def etag(self, kind, key):
        return f'"{self.versions.get((kind, key), 1)}"'

    def put(self, key, data):
        self.objects["k", key] = data
        self.versions["k", key] = self.versions.get(("k", key), 1) + 1

    def stat(self, kind, key, *, buckets=(), config=None):
        self.stats += 1
        if (kind, key) not in self.objects:
            raise NotFound(f"{kind}/{key}: no such object", status=404)
        return Stat(len(self.objects[kind, key]), self.etag(kind, key), self._date(kind, key))

    def read(self, kind, key, start=0, end=None, *, into=None, if_match=None, deadline=None, exact=False):
        with self._lock:
            self.reads.append((start, end))
        self.before(start, end)
        if (kind, key) not in self.objects:
            raise NotFound(f"{kind}/{key}: no such object", status=404)
        data, etag = self.objects[kind, key], self.etag(kind, key)
        if if_match not in (None, etag):
            raise Changed(f"{kind}/{key}: is {etag}", status=412)
        if start >= len(data) and (start or data or end is not None):
            raise OutOfRange(f"{kind}/{key}: past the end", status=416, size=len(data))
        end = len(data) if end is None else min(end, len(data))
        part = data[start:end]
        if into is not None:
            into[: len(part)] = part
            part = memoryview(into)[: len(part)]
        pages = (PageStatus(start, end - 1, kind, 7),)
        return Read(part, start, end, etag, len(data), self._date(kind, key), pages, ("n1",))

    def _date(self, kind, key):
        return f"Sun, 29 Nov 2026 10:00:{self.versions.get((kind, key), 1):02} GMT"
