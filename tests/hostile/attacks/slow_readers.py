"""Clients that ask for much and read nothing, with small receive buffers."""

import time

import wire


def attack(victim):
    held = []
    for _ in range(200 * victim.scale):
        held.append(victim.connect(receive_buffer=4096))
        held[-1].sendall(wire.head("/fetch/good/wide-0", first=0, last=(32 << 20) - 1))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
