"""Clients give the store less time than it needs for these objects, in the bucket of honest clients."""

import itertools
import time

import wire

OPTIONS = ("--hedge-quantile", "0")
LIMITS = [("C0-Config", "rt=50 ma=1")]


def attack(victim):
    numbers = itertools.count()
    wire.crowd(8 * victim.scale, lambda _: victim.ask(f"/fetch/good/slow-{next(numbers)}", LIMITS))
    time.sleep(0.5)
    victim.begun()
