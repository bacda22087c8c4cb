"""A proxy in front of a real S3 store: one bucket is late, slow, cut or down at random, the others are left alone.

    with FaultProxy(store_port, bucket="first", seed=1) as proxy:
        ... point a client at proxy.endpoint, path style ...
        assert "cut" in proxy.fates("first")

One thread a connection. The fates are drawn in the order of the requests, from a fixed seed.
"""

import contextlib
import random
import re
import socket
import threading
import time

_PIECE_BYTES = 256 << 10
_LATE_SECONDS = 0.3
_SLOW_PIECE_SECONDS = 0.01
_REQUEST = re.compile(rb"GET /([^/ ?]+)/")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

FATES = ("well", "late", "slow", "cut", "down")


def _read_head(sock):
    """A head with its empty line, and what came behind it; None at the connection's end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(64 << 10)
        if not more:
            return None
        data += more
    end = data.index(b"\r\n\r\n") + 4
    return data[:end], data[end:]


class FaultProxy:
    def __init__(self, store_port, bucket, seed):
        self.bucket = bucket
        self._store_port = store_port
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._log = []  # (bucket, fate)
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        with self._lock:
            for sock in self._sockets:
                sock.close()

    def fates(self, bucket=None):
        """The fates of the GETs so far, of one bucket or of all."""
        with self._lock:
            return [fate for name, fate in self._log if bucket in (None, name)]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self._sockets.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _fate_of(self, head):
        """The fate of a request, and the share of the body after which a cut comes."""
        bucket = _REQUEST.match(head).group(1).decode()
        with self._lock:
            fate = self._random.choice(FATES) if bucket == self.bucket else "well"
            self._log.append((bucket, fate))
            return fate, self._random.random()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            while (request := _read_head(client)) is not None:
                fate, share = self._fate_of(request[0])
                if fate == "down" or not self._relay(client, request[0], fate, share):
                    break
        with self._lock:
            self._sockets.discard(client)

    def _relay(self, client, request, fate, share):
        """Passes the answer on. False: the client's connection is to be closed."""
        with socket.create_connection(("127.0.0.1", self._store_port)) as store:
            store.sendall(request)
            head, body = _read_head(store)
            left = int(_LENGTH.search(head).group(1))
            cut_at = int(left * share) if fate == "cut" else -1
            if fate == "late":
                time.sleep(_LATE_SECONDS)
            client.sendall(head)
            while left > 0:
                body = body or store.recv(min(left, _PIECE_BYTES))
                if not body or left - len(body) < cut_at:
                    return False
                if fate == "slow":
                    time.sleep(_SLOW_PIECE_SECONDS)
                client.sendall(body)
                left -= len(body)
                body = b""
        return True
