"""Clients lead pages that honest clients are about to want, under limits that make the fill wait, and stay."""

import itertools
import time

import wire

LIMITS = [("C0-Config", "rt=0 ib=60000 mb=60000 ma=2")]


def attack(victim):
    held = []
    for number in itertools.count():
        for protocol in ("h1", "h2c"):
            held.append(victim.connect())
            held[-1].sendall(wire.head(f"/fetch/good/new-{protocol}-{number + 40}", LIMITS))
        if number == 60:
            victim.begun()
        time.sleep(0.02)
