"""The object store of the suite, a process of its own: a key's first word says how its GETs are answered.

    hang-1        never
    hangonce-1    the first GET never, later ones at once
    slow-1        after 150 ms
    late-1        after 150 ms; 1,000 bytes
    lost-1        500, always
    flaky-1       the first GET 500, later ones at once
    ignoring-1    200 and other bytes, whatever the Range
    trickle-1     20 bytes a second
    pour-1        20 bytes a second; 48 MiB
    stop-1        the first 1,000 bytes, then no more
    closing-1     at once; then the connection ends
    none-1        404
    wide-1        at once; 48 MiB
    hit-1         at once; 1 MiB
    (other)       at once; 100,000 bytes

A HEAD is answered as a GET, without the body. A GET of a bucket is a list of 20 keys; of 1,000 if the prefix begins
with `big`; without an end if it begins with `endless`. Objects `split-...` have three parts.

A bucket whose name begins with `hung` never answers; with `short`, its objects are one byte shorter; with `tiny`, its
objects have 40 bytes. Buckets stand in the path, or in the host name before HOST. No signature is checked.
"""

import asyncio
import re
import signal
import socket
import sys
import urllib.parse
import zlib
from random import Random

HOST = "store.test"
SIZES = {"late": 1000, "wide": 48 << 20, "pour": 48 << 20, "hit": 1 << 20}
SIZE = 100_000
SLOW_SECONDS = 0.15

_NOISE_BYTES = 65_521  # a prime, so that no page is like another
_NOISE = Random(1).randbytes(_NOISE_BYTES) * 2
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def size_of(key):
    return SIZES.get(key.partition("-")[0], SIZE)


def content(key, first, last):
    """The bytes [first, last] of an object."""
    at = (zlib.crc32(key.encode()) + first) % _NOISE_BYTES
    whole = _NOISE[at:at + _NOISE_BYTES]
    length = last - first + 1
    return (whole * (length // _NOISE_BYTES + 1))[:length]


def answer(status, body, fields=()):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def error(status, code):
    return answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode(),
                  ["Content-Type: application/xml"])


class Store:
    """What the connections share: which keys were asked for already."""

    def __init__(self):
        self._seen = set()

    def is_first(self, key):
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


class Connection(asyncio.Protocol):
    def __init__(self, store):
        self._store = store
        self._received = b""
        self._transport = None
        self._task = None

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, exc):
        if self._task:
            self._task.cancel()

    def data_received(self, data):
        self._received += data
        if b"\r\n\r\n" in self._received and (self._task is None or self._task.done()):
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._task = asyncio.get_running_loop().create_task(self._answer(head.decode("latin-1")))

    async def _answer(self, head):
        line, *fields = head.split("\r\n")
        method, target, _ = line.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        path, _, query = target.partition("?")
        path, query = urllib.parse.unquote(path)[1:], dict(urllib.parse.parse_qsl(query))
        host = fields.get("host", "").partition(":")[0]
        bucket, key = (host[:-len(HOST) - 1], path) if host.endswith("." + HOST) else (*path.split("/", 1), "")[:2]
        asked = _RANGE.match(fields.get("range", ""))
        first, last = (int(asked.group(1)), int(asked.group(2))) if asked else (0, 0)
        if not key:
            await self._list(method, query.get("prefix", ""))
        elif method == "HEAD":
            await self._head(bucket, key, query)
        else:
            await self._act(bucket, key, key.partition("-")[0], first, last)

    async def _list(self, method, prefix):
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n")
        if method == "HEAD":
            return
        def chunk(text):
            self._transport.write(f"{len(text):x}\r\n{text}\r\n".encode())

        chunk("<ListBucketResult>" + f"<Prefix>{prefix}</Prefix>")
        keys = 1000 if prefix.startswith("big") else 20
        piece = "".join(f"<Contents><Key>{prefix}{number:04}</Key><Size>1</Size></Contents>" for number in range(keys))
        while prefix.startswith("endless"):
            chunk(piece)
            await asyncio.sleep(0.01)
        chunk(piece + "</ListBucketResult>")
        self._transport.write(b"0\r\n\r\n")

    async def _head(self, bucket, key, query):
        word, size = key.partition("-")[0], size_of(key)
        if word == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if word == "none":
            self._transport.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
            return
        fields = [f'ETag: "{bucket}-{zlib.crc32(key.encode()):08x}{"-3" if word == "split" else ""}"',
                  "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT"]
        number = int(query.get("partNumber", 0))
        if number > 3 or number > 1 and word != "split":
            self._transport.write(b"HTTP/1.1 416 X\r\n\r\n")
            return
        if number and word == "split":
            first, last = (number - 1) * size // 3, number * size // 3 - 1
            fields += [f"Content-Range: bytes {first}-{last}/{size}", "x-amz-mp-parts-count: 3"]
            size = last - first + 1
        lines = [f"HTTP/1.1 {206 if number else 200} X", f"Content-Length: {size}", *fields]
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def _act(self, bucket, key, word, first, last):
        once = word.endswith("once")
        faulty = word.removesuffix("once") if not once or self._store.is_first(key) else ""
        if faulty == "hang" or bucket.startswith("hung"):
            return  # the connection stays open
        if faulty in ("slow", "late"):
            await asyncio.sleep(SLOW_SECONDS)
        if faulty == "lost" or faulty == "flaky" and self._store.is_first(key):
            self._transport.write(error(500, "InternalError"))
        elif faulty == "none":
            self._transport.write(error(404, "NoSuchKey"))
        elif faulty == "ignoring":
            self._transport.write(answer(200, b"y" * 5000, ['ETag: "other"']))
        else:
            await self._send_object(bucket, key, first, last, faulty)
        if faulty == "closing":
            self._transport.close()

    async def _send_object(self, bucket, key, first, last, faulty):
        size = 40 if bucket.startswith("tiny") else size_of(key) - bucket.startswith("short")
        if first >= size:
            self._transport.write(error(416, "InvalidRange"))
            return
        last = min(last, size - 1)
        whole = answer(206, content(key, first, last), [
            f'ETag: "{bucket}-{zlib.crc32(key.encode()):08x}{"-3" if key.startswith("split") else ""}"', "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT",
            f"Content-Range: bytes {first}-{last}/{size}",
            "Connection: " + ("close" if key.startswith("closing") else "keep-alive")])
        head = whole.index(b"\r\n\r\n") + 4
        if faulty not in ("trickle", "pour"):
            self._transport.write(whole[:head + 1000] if faulty == "stop" else whole)
            return
        self._transport.write(whole[:head])
        for at in range(head, len(whole)):
            self._transport.write(whole[at:at + 1])
            await asyncio.sleep(0.05)


async def serve():
    store = Store()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(store), sock=listener, backlog=4096)
    print(listener.getsockname()[1], flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
    sys.exit(0)
