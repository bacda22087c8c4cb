"""A store that has buckets in the path is asked with the bucket in the host name, which does not exist."""

import itertools
import time

import wire

OPTIONS = ("--s3-force-path-style",)
RESOLVER_MS = 5
LIMITS = [("C0-Config", "fps=false ma=1")]


def attack(victim):
    numbers = itertools.count()
    wire.crowd(4 * victim.scale, lambda _: victim.ask(f"/fetch/good/fps-{next(numbers)}", LIMITS))
    time.sleep(0.5)
    victim.begun()
