"""Clients read large pages that the store sends at 20 bytes a second, of a bucket of their own: more than --memory."""

import time

import wire

RECOVERY_SECONDS = 15.0  # a body that nobody waits for has 10 s to bring its least


def attack(victim):
    held = []
    for number in range(40 * victim.scale):
        held.append(victim.connect())
        held[-1].sendall(wire.head(f"/fetch/trickling/pour-{number}", last=99_999))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
