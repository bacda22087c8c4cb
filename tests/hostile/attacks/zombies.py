"""Clients of objects that the store never answers for time out and leave, more than the server has connections."""

import itertools
import time

import wire

OPTIONS = ("--max-connections", "100")


def attack(victim):
    numbers = itertools.count()
    wire.crowd(12, lambda _: victim.ask_and_leave(f"/fetch/good/hang-{next(numbers)}", after=0.2))
    time.sleep(2.2)
    victim.begun()
