"""Real nodes in front of a folder of objects, for tests with bytes of their own: tests/fleet has those by formula."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "fleet")]

from fleet import PORT, Node, new_address  # noqa: E402


class FolderFleet:
    """`count` nodes; an object is the file folder/KIND/KEY. In a `with`, the nodes run."""

    def __init__(self, folder, count=2, options=()):
        self.folder = folder / "store"
        self.folder.mkdir()
        arguments = ["--origin", f"dir:{self.folder}", "--listen", "127.0.0.1", "--port", PORT, "--threads", 1]
        arguments += ["--memory", "256MiB", *options]
        self.nodes = [Node(f"n{at}", arguments, {}, folder, new_address()) for at in range(count)]

    def __enter__(self):
        for node in self.nodes:
            node.start()
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.end()

    @property
    def names(self):
        return [f"{node.address}:{node.port}" for node in self.nodes]

    def put(self, kind, key, data):
        """Writes the object, or another one in its place."""
        file = self.folder / kind / key
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_bytes(data)
        new.rename(file)
        return data
