"""Clients read objects that the store never answers for, in the bucket and the kind of honest clients, and wait."""

import time

import wire

SECONDS = 5.0  # longer than honest clients wait for an answer


def attack(victim):
    held = []
    for number in range(300):
        held.append(victim.connect())
        held[-1].sendall(wire.head(f"/fetch/good/hang-{number}"))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
