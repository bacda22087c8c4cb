"""More clients than a bucket has turns wait in the backoff of their own limits, in the bucket of honest clients."""

import time

import wire

LIMITS = [("C0-Config", "rt=0 ib=60000 mb=60000 ma=2")]


def attack(victim):
    held = []
    for number in range(300 * victim.scale):
        held.append(victim.connect())
        held[-1].sendall(wire.head(f"/fetch/good/waiting-{number}", LIMITS))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
