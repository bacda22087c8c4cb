#!/usr/bin/python3
"""A slow link to an object store: link.py PORT STORE_PORT LOG DELAY_SECONDS BYTES_PER_SECOND

Passes HTTP/1.1 requests without bodies on as they came. The head of each answer comes after the delay, the body at the
given rate per connection. LOG gets a line `METHOD STATUS BYTES` per answer, BYTES of its body.
"""

import asyncio
import re
import sys

PIECE_BYTES = 256 * 1024
HEAD_BYTES_MAX = 256 * 1024


class Paced:
    """Passes one body on at a rate."""

    def __init__(self, writer, rate):
        self._writer = writer
        self._rate = rate
        self._start = asyncio.get_running_loop().time()
        self.sent = 0

    async def write(self, piece, counted=True):
        """counted: a part of the body, not of its framing."""
        late = self._start + self.sent / self._rate - asyncio.get_running_loop().time()
        if late > 0:
            await asyncio.sleep(late)
        self._writer.write(piece)
        await self._writer.drain()
        self.sent += len(piece) if counted else 0

    async def copy(self, reader, length):
        while length > 0:
            piece = await reader.read(min(length, PIECE_BYTES))
            if not piece:
                raise ConnectionError("the store's body ends early")
            await self.write(piece)
            length -= len(piece)


async def copy_chunks(paced, reader):
    while True:
        line = await reader.readline()
        await paced.write(line, counted=False)
        length = int(line.split(b";")[0], 16)
        await paced.copy(reader, length)
        await paced.write(await reader.readexactly(2), counted=False)
        if length == 0:
            return


async def answer(reader, writer, method, delay, rate):
    """Passes an answer on; returns (status, bytes of its body)."""
    head = await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(delay)
    paced = Paced(writer, rate)
    await paced.write(head, counted=False)
    status = int(head.split(b" ", 2)[1])
    if method != "HEAD" and status not in (204, 304):
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        if length:
            await paced.copy(reader, int(length[1]))
        elif re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I):
            await copy_chunks(paced, reader)
    return status, paced.sent


async def serve(client_reader, client_writer, store_port, log, delay, rate):
    store_writer = None
    try:
        store_reader, store_writer = await asyncio.open_connection("127.0.0.1", store_port, limit=4 * PIECE_BYTES)
        while True:
            request = await client_reader.readuntil(b"\r\n\r\n")
            method = request.split(b" ", 1)[0].decode()
            store_writer.write(request)
            status, sent = await answer(store_reader, client_writer, method, delay, rate)
            log.write(f"{method} {status} {sent}\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        client_writer.close()
        if store_writer:
            store_writer.close()


async def main():
    port, store_port, log_path, delay, rate = sys.argv[1:]
    with open(log_path, "w", buffering=1, encoding="ascii") as log:
        server = await asyncio.start_server(
            lambda reader, writer: serve(reader, writer, int(store_port), log, float(delay), float(rate)),
            "127.0.0.1", int(port), backlog=1024, limit=HEAD_BYTES_MAX)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
