"""A fleet: a scripted store that counts its requests, and nodes in front of it."""

import collections
import shutil
import sys

from fleet import PORT, ROOT, Node, get, new_address, wait_until
from load import Wanted

sys.path.insert(0, str(ROOT / "tests" / "origin"))

from content import first_difference  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
ADMIN_PORT = 9090
PAGES = {"lake": 64 * KIB}
"""The page sizes of kinds; those of other kinds are 16 MiB. Small pages make reads of many pages cheap for the store."""


def page_bytes(kind):
    return PAGES.get(kind, 16 * MIB)


class Store(ScriptedOrigin):
    """A healthy store. Objects have a size and a seed: their bytes are content(seed, at, length)."""

    def downloads(self, kind):
        """How often each page was fetched: {(key, first byte): count}."""
        counted = collections.Counter()
        for record in self.requests(kind):
            if record.method == "GET" and record.range:
                first, last = record.range
                counted.update((record.key, at) for at in range(first - first % page_bytes(kind), last + 1, page_bytes(kind)))
        return counted

    def is_right(self, kind, key, first, data):
        """Whether the bytes are those of the object from `first` on."""
        return first_difference(data, self.stored(kind, key).seed, first) is None


class Fleet:
    """`count` nodes n1, n2, ... in front of one store. With `disk`, a size, each node has a disk of its own."""

    def __init__(self, folder, stack, count, memory="256MiB", disk=None, options=()):
        self.folder = folder
        self.store = stack.enter_context(Store())
        self._stack, self._disk = stack, disk
        # No hedges: they ask the store twice if this machine is slow.
        self._options = ["--memory", memory, "--hedge-quantile=0", *options]
        for kind, size in PAGES.items():
            self._options += ["--kind", f"{kind}={kind}", "--page-size", f"{kind}={size}"]
        self.nodes = []
        for _ in range(count):
            self.add()

    def add(self, under=(), address=None):
        """A further node, started."""
        name = f"n{len(self.nodes) + 1}"
        arguments = ["--origin", "s3", "--listen", "127.0.0.1", "--port", PORT, "--admin-listen", f"127.0.0.1:{ADMIN_PORT}",
                     "--threads", 1, *self._options]
        if self._disk:
            (self.folder / f"disk-{name}").mkdir()
            self._stack.callback(shutil.rmtree, self.folder / f"disk-{name}", ignore_errors=True)  # after the node's end
            arguments += ["--disk-path", self.folder / f"disk-{name}", "--disk-capacity", self._disk]
        node = Node(name, arguments, self.store.environment(), self.folder, address or new_address(), under=under)
        self._stack.callback(node.end)
        self.nodes.append(node)
        return node.start()

    def put_many(self, kind, count, sizes, prefix="part"):
        """Stores `count` objects, sizes in turn; returns their keys."""
        keys = [f"{prefix}-{at:04}.bin" for at in range(count)]
        for at, key in enumerate(keys):
            self.store.put(kind, key, size=sizes[at % len(sizes)])
        return keys

    def holders(self, kind, key, at=0):
        """The names of the running nodes that have this byte of the object."""
        return [node.name for node in self.nodes if node.alive() and node.has(f"/fetch/{kind}/{key}", at)]

    def owners(self, kind, keys):
        """The one node that has each object, by key."""
        found = {key: self.holders(kind, key) for key in keys}
        assert {key: names for key, names in found.items() if len(names) != 1} == {}
        return {key: names[0] for key, names in found.items()}

    def whole(self, kind, keys):
        """What a client that reads these objects wants."""
        return [Wanted(kind, key, 0, self.store.stored(kind, key).size) for key in keys]

    def metric(self, node, name):
        """The sum of a metric's series."""
        text = get(node.address, ADMIN_PORT, "/metrics")[1].decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.partition(" ")[0].partition("{")[0] == name)

    def wait_for_disk(self, node):
        """Waits until no page is on its way to the disk."""
        wait_until(lambda: self.metric(node, "cachey_disk_queued_bytes") == self.metric(node, "cachey_disk_pending_records") == 0,
                   f"the disk of {node.name}", 30)
