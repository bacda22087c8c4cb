"""A hundred clients of one key list a thousand names each, again and again."""

import itertools
import time

import wire

S3 = True


def attack(victim):
    numbers = itertools.count()

    def lists(_):
        with victim.connect() as sock:
            while True:
                sock.sendall(victim.s3(f"/good/?list-type=2&prefix=big{next(numbers)}"))
                while not sock.recv(1 << 20).endswith(b"0\r\n\r\n"):
                    continue

    wire.crowd(100 * victim.scale, lists)
    time.sleep(0.5)
    victim.begun()
