"""Clients read a byte of large cold pages, each in as many parts as a client may ask for."""

import itertools
import time

import wire

LIMITS = [("C0-Config", "parts=16")]


def attack(victim):
    numbers = itertools.count()

    def read(_):
        victim.ask(f"/fetch/good/wide-{next(numbers) + 1}", LIMITS, first=15 << 20, last=15 << 20)
        time.sleep(0.3)

    wire.crowd(victim.scale, read)
    time.sleep(0.5)
    victim.begun()
