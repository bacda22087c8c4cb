"""More clients than the server has connections connect and ask for nothing, over HTTP/1.1 and HTTP/2."""

import time

import wire

OPTIONS = ("--max-connections", "200")


def attack(victim):
    def keep(number):
        held = [victim.http2() if number % 2 else victim.connect() for _ in range(25)]
        time.sleep(2)
        for connection in held:
            connection.close()

    wire.crowd(12 * victim.scale, keep)
    time.sleep(0.5)
    victim.begun()
