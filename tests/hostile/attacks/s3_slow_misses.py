"""A thousand clients of one key ask a slow store for cold objects of the bucket that honest clients read."""

import itertools
import time

import wire

S3 = True


def attack(victim):
    numbers = itertools.count()
    held = []
    for _ in range(1000):
        held.append(victim.connect())
        held[-1].sendall(b"".join(victim.s3(f"/good/late-{next(numbers)}") for _ in range(20 * victim.scale)))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
