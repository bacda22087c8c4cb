"""Clients of a hanging object cancel, behind a proxy that sends all on one connection of HTTP/2."""

import wire

PROXY = True


def attack(victim):
    victim.begun()
    wire.wait_for_the_end()
