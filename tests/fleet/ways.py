"""The ways to a fleet: through HAProxy with one connection a client, by the Python client that finds owners itself, and
by the Python client that HAProxy redirects to owners. All know how a node leaves, returns and joins."""

import contextlib
import http.client
import itertools
import random
import sys
import time
import urllib.parse

from balancer import HAProxy
from fleet import ROOT, servers_up, wait_until
from load import Failed

WAYS = ("haproxy", "client", "redirect")
_TIMEOUT = 100
_OWNER_SECONDS = 2.0


def make_way(way, folder, nodes, stack, **options):
    """A way to these nodes, which ends with the stack. options: of HAProxy or of the Client."""
    if way == "haproxy":
        return ThroughHAProxy(stack.enter_context(HAProxy(folder, nodes, **options)))
    if way == "redirect":
        redirecting = HAProxy(folder, nodes, files=("haproxy-redirect.cfg",), name=f"redirect-{len(nodes)}")
        return Redirected(stack.enter_context(redirecting), **options)
    return ByClient(folder, nodes, **options)


class _Balanced:
    """What HAProxy says of nodes, and what is told to HAProxy."""

    haproxy = None

    def up(self):
        return servers_up(self.haproxy.admin_port)

    def sees(self, count):
        self.haproxy.wait_for(count)

    def leaves(self, node):
        """No new request comes to the node, and it has none."""
        self.haproxy.command(f"set server nodes/{node.name} state drain")
        wait_until(lambda: self.haproxy.counts("current_sessions")[node.name] == 0, f"{node.name} has no request")

    def returns(self, node):
        self.haproxy.command(f"set server nodes/{node.name} state ready")

    def joins(self, node):
        self.haproxy.add(node)


class ThroughHAProxy(_Balanced):
    name = "haproxy"
    splits = False  # a range that begins before a border of a GiB goes to one owner as a whole
    resumes = False  # a body that breaks off

    def __init__(self, haproxy, fields=None):
        """fields: further ones of each request."""
        self.haproxy, self._fields = haproxy, fields or {}

    def reader(self):
        return _Connection(("127.0.0.1", self.haproxy.port), self._fields)


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


class _Client:
    """Readers that share one Client of clients/python."""

    splits = True
    resumes = True

    def __init__(self, *arguments, **options):
        source = str(ROOT / "clients" / "python" / "src")
        if source not in sys.path:
            sys.path.insert(0, source)
        import cachey_client
        self.errors = cachey_client  # NotFound and so on
        self.client = cachey_client.Client(*arguments, **options)

    def reader(self):
        return self

    def close(self):
        """The readers share connections, which end with the process."""

    def read(self, wanted):
        try:
            return self.client.read(wanted.kind, wanted.key, wanted.first, wanted.first + wanted.length).data
        except self.errors.CacheyError as error:
            raise Failed(repr(error)) from error


class Redirected(_Balanced, _Client):
    """The Client asks HAProxy once for the owner of a GiB of an object, and then this owner."""

    name = "redirect"

    def __init__(self, haproxy, **options):
        super().__init__(via=f"http://127.0.0.1:{haproxy.port}", **options)
        self.haproxy = haproxy
        self.errors.routes.OWNER_SECONDS = _OWNER_SECONDS  # instead of 30

    def joins(self, node):
        super().joins(node)
        joined = time.monotonic()
        wait_until(lambda: time.monotonic() > joined + _OWNER_SECONDS, "the client has forgotten owners")


class ByClient(_Client):
    """The Client finds owners itself. The nodes are in a file, which changes when a node leaves."""

    name = "client"
    _files = itertools.count(1)

    def __init__(self, folder, nodes, **options):
        """nodes: as they are at first. options: of the Client."""
        self._file = folder / f"nodes-{next(self._files)}"
        self._nodes = {node.name: f"{node.address}:{node.port}" for node in nodes}
        self._read = {}
        self._write()
        super().__init__(f"file:{self._file}", **options)

    def _write(self):
        replacement = self._file.with_suffix(".new")
        replacement.write_text("".join(f"{name}\n" for name in self._nodes.values()))
        replacement.rename(self._file)

    def read(self, wanted):
        self._read[wanted.kind, wanted.key] = wanted.first
        return super().read(wanted)

    def up(self):
        """How many nodes are up. Reads a byte of an object, because only a request finds that a node is back."""
        (kind, key), first = random.choice(list(self._read.items()))
        with contextlib.suppress(self.errors.CacheyError):
            self.client.read(kind, key, first, first + 1)
        return sum(node.up for node in self.client.nodes)

    def sees(self, count):
        wait_until(lambda: self.up() == count, f"the client sees {count} nodes")

    def leaves(self, node):
        del self._nodes[node.name]
        self._write()
        wait_until(lambda: len(self.client.nodes) == len(self._nodes), "the client reads its file")

    def returns(self, node):
        self._nodes[node.name] = f"{node.address}:{node.port}"
        self._write()

    def joins(self, node):
        self.returns(node)
        wait_until(lambda: len(self.client.nodes) == len(self._nodes), "the client reads its file")
