"""Clients begin fills that only wait, by limits of a day, and leave; other clients want the same pages, or other ones."""

import itertools
import time

LIMITS = [("C0-Config", "rt=0 ib=86400000 mb=86400000 ma=2")]


def attack(victim):
    for number in itertools.count():
        for protocol in ("h1", "h2c"):
            victim.ask_and_leave(f"/fetch/good/new-{protocol}-{number + 40}", LIMITS)  # an honest client is about to come
            victim.ask_and_leave(f"/fetch/good/pinned-{protocol}-{number}", LIMITS)
        if number == 60:
            victim.begun()
        time.sleep(0.01)
