"""A node of which a test says the answers: /fetch, /readyz, /stats, /admin/purge and /admin/objects at one port."""

import http.server
import json
import threading
import urllib.parse

STATS = {
    "version": "0.3.0", "uptime_seconds": 3700, "page_accesses": 200, "page_hits": 150, "connections": 7,
    "fills_in_flight": 2, "egress_throughput_10s_bps": 4.12e8, "ingress_throughput_10s_bps": 1e6,
    "memory": {"limit_bytes": 10**9, "used_bytes": 5 * 10**8},
    "disk": {"capacity_bytes": 10**12, "used_bytes": 10**11, "state": "online"},
}  # fmt: skip


class ScriptedNode:
    """Answers /fetch by `fetch(method, path, headers)`: (status, headers, body), and /admin/objects by
    `objects(query)`: (status, JSON). Requests are kept in `.asked`."""

    def __init__(
        self,
        fetch=None,
        ready=200,
        stats=STATS,
        purge=(200, {"pages": 3, "bytes": 48 << 20, "fenced": 1}),
        objects=None,
    ):
        self.fetch, self.ready, self.stats, self.purge, self.objects = fetch, ready, stats, purge, objects
        self.asked = []
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                node.asked.append((self.command, self.path, dict(self.headers)))
                status, fields, body = node._answer(self.command, self.path, self.headers)
                if status >= 400:
                    fields = {"Cache-Control": "no-store"} | fields  # as Cachey says
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                if "Content-Length" not in fields:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = _answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128  # else the kernel drops a connect of many at once, and the client waits in vain

        self._server = Server(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self._server.server_port}"
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, method, path, headers):
        if path == "/readyz":
            return self.ready, {}, b"ok"
        if path == "/stats":
            return (
                200,
                {"Content-Type": "application/json"},
                self.stats if isinstance(self.stats, bytes) else json.dumps(self.stats).encode(),
            )
        path, _, query = path.partition("?")
        query = dict(urllib.parse.parse_qsl(query.replace("+", "%2B"), strict_parsing=True)) if query else {}
        if path == "/admin/objects":
            status, told = self.objects(query)
            return status, {}, told if isinstance(told, bytes) else lines(told)
        if path == "/admin/purge" and callable(self.purge):
            status, told = self.purge(query)
            return status, {}, json.dumps(told).encode()
        if path == "/admin/purge":
            if isinstance(self.purge, list):
                return self.purge.pop(0)
            status, told = self.purge
            return status, {}, json.dumps(told).encode() if isinstance(told, dict) else told
        return self.fetch(method, path, headers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def lines(told):
    """A listing as Cachey writes it: a line for each object."""
    if not isinstance(told.get("objects"), list):
        return json.dumps(told).encode()
    lines = ",\n".join(json.dumps(one) for one in told["objects"])
    rest = json.dumps({name: value for name, value in told.items() if name != "objects"})
    return f'{{"objects":[\n{lines}{chr(10) if lines else ""}],{rest[1:]}\n'.encode()


class Objects:
    """The answers of a node that has whole objects {"/kind/key": size}, and warms them page by page of `page` bytes."""

    def __init__(self, sizes, page=16 << 20):
        self.sizes, self.page = sizes, page
        self.cached = set()
        self.refuse = {}  # path: list of (status, headers, text) that come first

    def __call__(self, method, path, headers):
        path = urllib.parse.unquote(path.removeprefix("/fetch"))
        if self.refuse.get(path):
            status, fields, text = self.refuse[path].pop(0)
            return status, fields, text
        if path not in self.sizes:
            return 404, {}, b"no such object\n"
        size = self.sizes[path]
        first, last = (int(text) for text in headers["Range"].removeprefix("bytes=").split("-"))
        if first >= size:
            return 416, {"Content-Range": f"bytes */{size}"}, b"past the end\n"
        last = min(last, size - 1)
        fields = {
            "Content-Range": f"bytes {first}-{last}/{size}",
            "ETag": '"v1"',
            "Content-Length": str(last - first + 1),
        }
        if "warm=1" in headers.get("C0-Config", ""):
            pages = {(path, at) for at in range(first // self.page, last // self.page + 1)}
            absent = pages - self.cached
            if headers.get("Cache-Control") == "only-if-cached" and absent:
                return 504, {}, b"not in the cache\n"
            self.cached |= pages
            came = sum(min(size - at * self.page, self.page) for _, at in absent)
            fields["C0-Warm"] = f"pages={len(pages)}; fetched={len(absent)}; bytes={came}"
        return 206, fields, b"x" * (last - first + 1) if method == "GET" else b""


def cached(kind, key, size=100, memory=(1, 100), disk=(1, 100), pinned=False):
    """An object of a listing, as Cachey tells it."""
    return {
        "kind": kind,
        "key": key,
        "size": size,
        "etag": '"v1"',
        "memory": {"pages": memory[0], "bytes": memory[1]},
        "disk": {"pages": disk[0], "bytes": disk[1]},
        "fills": 0,
        "pinned": pinned,
        "idle_seconds": 7,
    }


class Listing:
    """The answers of a node that has these objects. `most`: of an answer, whatever was asked for."""

    def __init__(self, objects, most=1_000_000, complete=True):
        self.objects = sorted(objects, key=_name)
        self.most, self.complete = most, complete

    def __call__(self, query):
        assert int(query["limit"]) <= 1_000_000
        after = (b"", b"")
        if "after" in query:
            kind, _, key = query["after"].partition("/")
            after = (urllib.parse.unquote(kind).encode(), key.encode())
        found = [
            one
            for one in self.objects
            if _name(one) > after
            and one["kind"] == query.get("kind", one["kind"])
            and one["key"].startswith(query.get("prefix", ""))
        ]
        some = found[: min(self.most, int(query["limit"]))]
        more = len(some) < len(found)
        follows = f"{urllib.parse.quote(some[-1]['kind'], safe='')}/{some[-1]['key']}" if more else None
        return 200, {"objects": some, "next": follows, "complete": self.complete}


def _name(one):
    return one["kind"].encode(), one["key"].encode()
