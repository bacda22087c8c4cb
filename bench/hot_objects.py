#!/usr/bin/python3
"""What `hash-balance-factor` does to a fleet with hot objects: loads, and copies that each cost a GET and a page.

    ./dev bench hot_objects        # 2 minutes

HAProxy with the shipped file and the factor, in front of four stand-ins for nodes. A stand-in answers after 20 ms, as a
node does whose CPU or network card is full. Clients read 500 objects by Zipf's law, each client one read after the other.
Leave: reads that went to another node than the object's owner. Copies: nodes that got reads of an object, on average.
"""

import argparse
import asyncio
import collections
import itertools
import pathlib
import random
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent / "tests" / "fleet"))

from balancer import HAProxy  # noqa: E402
from fleet import PORT, new_address  # noqa: E402

NODES, OBJECTS, ANSWER_SECONDS = 4, 500, 0.020
FACTORS = (None, 150, 200, 300)
CLIENTS = (4, 16, 64)
SEED = 7
READY, FETCHED = (f"HTTP/1.1 {status}\r\nContent-Length: 1\r\n\r\nx".encode() for status in ("200 OK", "206 Partial Content"))


class StandIn:
    """Counts the reads of each object."""

    def __init__(self, number):
        self.name, self.address = f"n{number}", new_address()
        self.reads = collections.Counter()

    async def listen(self):
        return await asyncio.start_server(self._serve, self.address, PORT, backlog=1024)

    async def _serve(self, reader, writer):
        try:
            while True:
                target = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
                if target != "/readyz":
                    self.reads[target] += 1
                    await asyncio.sleep(ANSWER_SECONDS)
                writer.write(READY if target == "/readyz" else FETCHED)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def read_all(port, targets):
    """One read after the other, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for target in targets:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: bench\r\nRange: bytes=0-0\r\n\r\n".encode())
        if b" 206 " not in await reader.readuntil(b"\r\n\r\n"):
            raise OSError("an answer that is not 206")
        await reader.readexactly(1)
    writer.close()


def drawn(count):
    weights = list(itertools.accumulate(1 / rank for rank in range(1, OBJECTS + 1)))
    return random.Random(SEED).choices([f"/fetch/k/object-{number}" for number in range(OBJECTS)], cum_weights=weights, k=count)


async def run(port, nodes, clients, targets):
    for node in nodes:
        node.reads.clear()
    shared = iter(targets)
    await asyncio.gather(*(read_all(port, shared) for _ in range(clients)))
    return [dict(node.reads) for node in nodes]


async def measure(folder, reads):
    nodes = [StandIn(1 + at) for at in range(NODES)]
    listening = [await node.listen() for node in nodes]
    owners = None
    for factor in FACTORS:
        line = f"\n    hash-balance-factor {factor}" if factor else ""
        proxy = HAProxy(folder, nodes, name=f"haproxy-{factor}",
                        change=lambda text: text.replace("hash-type consistent sdbm avalanche", f"hash-type consistent sdbm avalanche{line}"))
        await asyncio.to_thread(proxy.__enter__)
        try:
            if owners is None:  # one read at a time: no node is busy
                placed = await run(proxy.port, nodes, 1, sorted(set(drawn(reads))))
                owners = {target: at for at, counted in enumerate(placed) for target in counted}
            for clients in CLIENTS:
                yield factor, clients, await run(proxy.port, nodes, clients, drawn(reads)), owners
        finally:
            proxy.__exit__()
    for one in listening:
        one.close()


def row(factor, clients, counted, owners):
    loads = [sum(reads.values()) for reads in counted]
    left = sum(count for at, reads in enumerate(counted) for target, count in reads.items() if owners[target] != at)
    objects = len(set().union(*counted))
    return (f"| {factor or 'off'} | {clients} | {max(loads) * NODES / sum(loads):.2f} | {left / sum(loads):.1%} | "
            f"{sum(map(len, counted)) / objects:.2f} |")


async def main():
    parser = argparse.ArgumentParser(prog="./dev bench hot_objects", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=3000, help="in each run (3000)")
    options = parser.parse_args()
    print("| `hash-balance-factor` | reads at a time | busiest node / mean | leave | copies |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="cachey-bench-") as folder:
        async for found in measure(pathlib.Path(folder), options.reads):
            print(row(*found), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
