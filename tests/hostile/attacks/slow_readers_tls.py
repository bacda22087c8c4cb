"""As slow_readers, over TLS."""

from attacks import slow_readers

TLS = True


def attack(victim):
    slow_readers.attack(victim)
