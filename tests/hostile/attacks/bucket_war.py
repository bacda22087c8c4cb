"""Clients name buckets with other bytes for an object that honest clients read."""

import itertools
import time

PAGE = 16 << 20


def attack(victim):
    for number in itertools.count():
        for bucket in ("short", "tiny", f"short-{number}"):
            victim.ask("/fetch/good/wide-0", [("C0-Bucket", bucket)], first=2 * PAGE, last=2 * PAGE + 9)
            victim.ask("/fetch/good/hit-0", [("C0-Bucket", bucket)], first=PAGE, last=PAGE + 9)
        if number == 5:
            victim.begun()
        time.sleep(0.02)
