"""Clients send hits without waiting for the answers, over HTTP/1.1 and HTTP/2, and read all of them."""

import wire


def attack(victim):
    def pipeline(number):
        if number % 2:
            connection = victim.http2(window=1 << 20)
            connection.send(wire.window_update(0, 1 << 30))
            try:
                while True:
                    asked = [connection.request("/fetch/good/hit-0", last=19_999)[1] for _ in range(64)]
                    connection.send(b"".join(asked))
                    connection.drain(0.01)
            finally:
                connection.close()
        with victim.connect() as sock:
            asked, answered = wire.head("/fetch/good/hit-0", last=19_999) * 32, 32 * 20_000
            while True:
                sock.sendall(asked)
                left = answered
                while left > 0:
                    left -= len(sock.recv(1 << 20)) or 1 << 40

    wire.crowd(4 * victim.scale, pipeline)
    victim.begun()
