"""Clients read cold pages of 16 MiB from end to end."""

import itertools
import time

import wire


def attack(victim):
    numbers = itertools.count()

    def read(_):
        victim.ask(f"/fetch/good/wide-{next(numbers) + 1}", last=(16 << 20) - 1)
        time.sleep(0.25)

    wire.crowd(victim.scale, read)
    time.sleep(0.5)
    victim.begun()
