"""The store sends what clients read at 20 bytes a second: objects of the honest bucket, large pages of another one."""

import time

import wire

RECOVERY_SECONDS = 15.0  # a body that nobody waits for has 10 s to bring its least


def attack(victim):
    held = []
    for number in range(60 * victim.scale):
        for path in (f"good/trickle-{number}", f"trickling/pour-{number}"):
            held.append(victim.connect())
            held[-1].sendall(wire.head(f"/fetch/{path}", last=99_999))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
