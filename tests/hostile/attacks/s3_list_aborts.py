"""Clients begin lists and reset the connection in their middle."""

import itertools
import time

import wire

S3 = True


def attack(victim):
    numbers = itertools.count()

    def abort(_):
        with victim.connect() as sock:
            sock.sendall(victim.s3(f"/good/?list-type=2&prefix=endless{next(numbers)}"))
            sock.recv(1000)  # the rest is unread: the close is a reset

    wire.crowd(16 * victim.scale, abort)
    time.sleep(0.5)
    victim.begun()
