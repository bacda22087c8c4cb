"""Twelve connections ask for a new kind each time, before a store that is slow for these objects and has four turns."""

import itertools
import time

import wire

OPTIONS = ("--bucket-requests", "4")


def attack(victim):
    numbers = itertools.count()

    def ask(_):
        number = next(numbers)
        victim.ask(f"/fetch/fake{number}/slow-{number}", [("C0-Bucket", "good")])

    wire.crowd(12 * victim.scale, ask)
    time.sleep(0.5)
    victim.begun()
