"""Clients of one key ask for names that are no objects, by GET and by HEAD, as fast as answers come."""

import itertools
import time

import wire

S3 = True


def attack(victim):
    numbers = itertools.count()

    def ask(_):
        with victim.connect() as sock:
            for number in itertools.islice(numbers, 100):
                method = "GET" if number % 2 else "HEAD"
                sock.sendall(victim.s3(f"/good/none-{number}", method=method))
                sock.recv(1 << 16)

    wire.crowd(32 * victim.scale, ask)
    time.sleep(0.5)
    victim.begun()
