"""Attempts that fail without a packet use up the retries, while honest clients meet a transient error of the store."""

import itertools
import time

MISS_WORD = "flaky"
LIMITS = [("C0-Config", "rt=0 ib=0 mb=0 ma=10")]


def attack(victim):
    for number in itertools.count():
        victim.ask(f"/fetch/good/burnt-{number}", LIMITS)
        if number == 20:
            victim.begun()
        time.sleep(0.01)
