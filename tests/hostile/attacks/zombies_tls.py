"""As zombies, over TLS, without close_notify."""

from attacks import zombies

OPTIONS = zombies.OPTIONS
TLS = True


def attack(victim):
    zombies.attack(victim)
