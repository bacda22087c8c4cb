#!/usr/bin/python3
"""An object store with a set delay and rate: paced_origin.py PORT DATA LOG DELAY_SECONDS BYTES_PER_SECOND

Answers GET of DATA/{bucket}/{key} and /{bucket}/fresh-N/{key} with a Range: the head after the delay, then the body at
the given rate per connection, each chunk when it is due. LOG gets a line `STATUS BYTES` per response. Chunks are large,
so that 90 MB/s costs only a few percent of a CPU. (nginx's limit_rate would send a second's worth of bytes at once.)
"""

import asyncio
import mmap
import os
import re
import sys
from email.utils import formatdate
from pathlib import Path

CHUNK_BYTES = 256 * 1024


class Objects:
    """The files, mapped once."""

    def __init__(self, data):
        self._data = data
        self._mapped = {}

    def get(self, path):
        name = re.sub(r"^/([^/]+)/fresh-[0-9]+/", r"/\1/", path).lstrip("/")
        if name not in self._mapped:
            try:
                with open(self._data / name, "rb") as file:
                    made = formatdate(os.fstat(file.fileno()).st_mtime, usegmt=True)
                    self._mapped[name] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), made
            except OSError:
                return None
        return self._mapped[name]


async def serve(reader, writer, objects, log, delay, rate):
    writer.transport.set_write_buffer_limits(CHUNK_BYTES)
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1].split("?", 1)[0]
            wanted = re.search(r"^range: *bytes=(\d+)-(\d*)", head, re.M | re.I)
            found = objects.get(path)
            await asyncio.sleep(delay)
            if found is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                log.write("404 0\n")
                continue
            body, made = found
            size = len(body)
            first = int(wanted[1]) if wanted else 0
            last = min(int(wanted[2]) if wanted and wanted[2] else size - 1, size - 1)
            status = "206 Partial Content" if wanted else "200 OK"
            part = f"Content-Range: bytes {first}-{last}/{size}\r\n" if wanted else ""
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {last + 1 - first}\r\n{part}"
                         f"ETag: \"{size:x}-paced\"\r\nLast-Modified: {made}\r\n"
                         "Content-Type: application/octet-stream\r\n\r\n".encode())
            log.write(f"{status[:3]} {last + 1 - first}\n")
            start = loop.time()
            for at in range(first, last + 1, CHUNK_BYTES):
                due = start + (at - first) / rate
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                writer.write(body[at:min(at + CHUNK_BYTES, last + 1)])
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    port, data, log_path, delay, rate = sys.argv[1:]
    objects = Objects(Path(data))
    with open(log_path, "w", buffering=1, encoding="ascii") as log:
        server = await asyncio.start_server(
            lambda reader, writer: serve(reader, writer, objects, log, float(delay), float(rate)),
            "127.0.0.1", int(port), backlog=1024)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
