"""Clients read objects whose bodies stop, in the bucket and the kind of honest clients, and wait."""

import time

import wire

SECONDS = 5.0  # longer than honest clients wait for an answer
RECOVERY_SECONDS = 12.0  # a body that nobody waits for is looked at after 10 s


def attack(victim):
    held = []
    for number in range(300):
        held.append(victim.connect())
        held[-1].sendall(wire.head(f"/fetch/good/stop-{number}", last=50_000))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
