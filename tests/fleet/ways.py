"""The ways to a fleet: through HAProxy, with one connection a client, and by the Python client."""

import http.client
import sys
import urllib.parse

from fleet import ROOT
from load import Failed

_TIMEOUT = 60


class ThroughHAProxy:
    """Readers of HAProxy at a port of this machine, or of a node at `address`."""

    name = "haproxy"
    splits = False  # a range that begins before a border of a GiB goes to one owner as a whole

    def __init__(self, port, address="127.0.0.1", fields=None):
        self._place, self._fields = (address, port), fields or {}

    def reader(self):
        return _Connection(self._place, self._fields)


class _Connection:
    """One connection, made anew after a failure. Nothing is sent again."""

    def __init__(self, place, fields):
        self._connection = http.client.HTTPConnection(*place, timeout=_TIMEOUT)
        self._fields = fields

    def close(self):
        self._connection.close()

    def read(self, wanted):
        last = wanted.first + wanted.length - 1
        target = f"/fetch/{wanted.kind}/{urllib.parse.quote(wanted.key)}"
        begun = False
        try:
            self._connection.request("GET", target, headers={"Range": f"bytes={wanted.first}-{last}", **self._fields})
            answer = self._connection.getresponse()
            begun = answer.status == 206
            data = answer.read()
            if not begun:
                raise Failed(f"{answer.status}: {data[:200]!r}")
            return data
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Failed(repr(error), cut=begun) from error


class ByClient:
    """Readers that share a Client of clients/python."""

    name = "client"
    splits = True

    def __init__(self, nodes, **options):
        """nodes: as the Client takes them: names or "file:PATH"."""
        sys.path[:0] = [folder for folder in [str(ROOT / "clients" / "python" / "src")] if folder not in sys.path]
        import cachey_client
        self._error = cachey_client.CacheyError
        self.client = cachey_client.Client(nodes, **options)

    def reader(self):
        return self

    def close(self):
        """The readers share connections, which end with the process."""

    def read(self, wanted):
        try:
            return self.client.read(wanted.kind, wanted.key, wanted.first, wanted.first + wanted.length).data
        except self._error as error:
            raise Failed(repr(error)) from error


def names(nodes):
    """The names of nodes for a Client."""
    return [f"{node.address}:{node.port}" for node in nodes]
