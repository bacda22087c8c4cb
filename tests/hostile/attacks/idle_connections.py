"""More clients than the server has connections ask for nothing, over HTTP/1.1 and HTTP/2, and come again."""

import time

import wire

OPTIONS = ("--max-connections", "200")


def attack(victim):
    def keep(number):
        held = [victim.http2() if number % 2 else victim.connect() for _ in range(25)]
        time.sleep(5 + 0.2 * number)  # apart: not 200 of them within 0.1 s
        for connection in held:
            connection.close()

    wire.crowd(12, keep)
    time.sleep(2.5)  # a client has 2 s to send a request
    victim.begun()
