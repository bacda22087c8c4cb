"""A storm of HEADs for objects whose every request asks a slow store."""

import time

import wire

S3 = True
OPTIONS = ("--s3api-revalidate", "good/slow*=always,*=5")


def attack(victim):
    def ask(number):
        with victim.connect() as sock:
            for at in range(100):
                sock.sendall(victim.s3(f"/good/slow-{(number * 100 + at) % 1000}", method="HEAD"))
                sock.recv(1 << 16)

    wire.crowd(300 * victim.scale, ask)
    time.sleep(0.5)
    victim.begun()
