"""Clients of HTTP/2 cancel reads of objects that the store never answers for, or leave with their connection."""

import itertools
import time

import wire

OPTIONS = ("--max-connections", "100")


def attack(victim):
    numbers = itertools.count()

    def leave(number):
        connection = victim.http2()
        try:
            for _ in range(5):
                stream, asked = connection.request(f"/fetch/good/hang-{next(numbers) % 100}")
                connection.send(asked)
                time.sleep(0.2)
                if number % 2:
                    connection.send(wire.reset(stream))
        finally:
            connection.close()

    wire.crowd(40, leave)
    time.sleep(2.2)
    victim.begun()
