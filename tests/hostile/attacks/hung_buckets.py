"""Each of three hundred clients reads a bucket of its own that hangs, and waits."""

import time

import wire


def attack(victim):
    held = []
    for number in range(300 * victim.scale):
        held.append(victim.connect())
        held[-1].sendall(wire.head(f"/fetch/hung-{number}/o"))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
