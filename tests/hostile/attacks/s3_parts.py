"""Clients ask for parts of objects that have three, of objects that have none, and for parts past the end."""

import itertools
import time

import wire

S3 = True


def attack(victim):
    numbers = itertools.count()

    def ask(_):
        with victim.connect() as sock:
            for number in itertools.islice(numbers, 50):
                word = ("split", "plain", "none")[number % 3]
                sock.sendall(victim.s3(f"/good/{word}-{number}?partNumber={number % 7 + 1}", method="HEAD"))
                sock.recv(1 << 16)

    wire.crowd(32 * victim.scale, ask)
    time.sleep(0.5)
    victim.begun()
