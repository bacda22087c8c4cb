"""Signed requests with as many parameters, and as long ones, as a signature may have."""

import time

import wire

S3 = True


def attack(victim):
    many = "/good/?list-type=2&prefix=small&" + "&".join(f"p{number}=%20{'v' * 20}" for number in range(200))
    long = "/good/?list-type=2&prefix=small" + "%41" * 900 + "&marker=" + "b" * 1000
    pieces = [victim.s3(target) for target in (many, long)]

    def flood(number):
        with victim.connect() as sock:
            while sock.sendall(pieces[number % 2]) is None and sock.recv(1 << 20):
                continue

    wire.crowd(16 * victim.scale, flood)
    time.sleep(0.5)
    victim.begun()
