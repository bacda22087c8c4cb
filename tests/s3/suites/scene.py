"""A store, the cache and the split proxy in front of both, for suites of others that write through the endpoint they test."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile

_TESTS = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_TESTS / name) for name in ("e2e", "origin", "s3")]

import split_proxy  # noqa: E402  (the path above comes first)
from cachey_server import CacheyServer  # noqa: E402
from radosgw import RadosGateway  # noqa: E402

_CACHE = ("--origin", "s3", "--s3api-listen", "127.0.0.1:0", "--s3api-revalidate", "*=always", "--negative-ttl", "0",
          "--memory", "1GiB")


SIDES = ("keys", "open", "store")


class Scene:
    """`store`: a running RadosGateway; `endpoint`: the URL that a suite tests."""

    def __init__(self, folder, store, endpoint):
        self.folder = folder
        self.store = store
        self.endpoint = endpoint

    @property
    def port(self):
        return int(self.endpoint.rsplit(":", 1)[1])

    def admin(self, *words):
        """Runs radosgw-admin on the store."""
        done = subprocess.run(["radosgw-admin", "-c", str(self.store.directory) + "/ceph.conf", *words],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"radosgw-admin {' '.join(words)}: {done.stderr}")


@contextlib.contextmanager
def scene(side, keys=(), lists_too=False, more=()):
    """side: one of SIDES. keys: (access, secret) of further clients of the cache. lists_too: it gets lists, too.
    more: its further options."""
    with tempfile.TemporaryDirectory(prefix="cachey-suite-") as home, contextlib.ExitStack() as ends:
        folder = pathlib.Path(home)
        store = ends.enter_context(RadosGateway(folder / "store"))
        endpoint = store.settings["AWS_ENDPOINT_URL"]
        if side != "store":
            access = ["--s3api-open"]
            if side == "keys":
                own = store.settings["AWS_ACCESS_KEY_ID"], store.settings["AWS_SECRET_ACCESS_KEY"]
                file = folder / "keys"
                file.write_text("".join(f"{key} {secret}\n" for key, secret in [own, *keys]), encoding="utf-8")
                file.chmod(0o600)
                access = ["--s3api-keys", str(file)]
            server = CacheyServer(folder / "cachey.log", [*_CACHE, *access, *more], store.environment()).start()
            ends.callback(server.discard)
            proxy = split_proxy.SplitProxy(folder / "nginx", f"127.0.0.1:{server.s3_port}",
                                           endpoint.removeprefix("http://"), split_proxy.lists_too() if lists_too else {})
            endpoint = ends.enter_context(proxy).endpoint
        yield Scene(folder, store, endpoint)
