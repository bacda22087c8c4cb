"""Two objects for which the store always fails are read again and again, in the bucket of honest clients."""

import itertools
import time


def attack(victim):
    for number in itertools.count():
        victim.ask("/fetch/good/lost-1", [("C0-Config", "ma=1")])
        victim.ask("/fetch/good/ignoring-1", first=20 << 20, last=(20 << 20) + 9)
        if number == 10:
            victim.begun()
        time.sleep(0.01)
