"""Three hundred clients read a bucket that hangs, and come again after a second."""

import itertools
import time

import wire


def attack(victim):
    numbers = itertools.count()
    wire.crowd(300 * victim.scale, lambda _: victim.ask_and_leave(f"/fetch/hung/o{next(numbers)}", after=1))
    time.sleep(1.5)
    victim.begun()
