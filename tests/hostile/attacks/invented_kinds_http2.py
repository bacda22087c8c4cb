"""Three hundred requests a second, each of a new kind, are cancelled after a second; the store is slow for them."""

import itertools
import time

import wire

OPTIONS = ("--bucket-requests", "16")


def attack(victim):
    numbers = itertools.count()

    def ask(_):
        connection = victim.http2()
        try:
            paths = [f"/fetch/fake{number}/slow-{number}" for number in itertools.islice(numbers, 100)]
            asked = [connection.request(path, [("c0-bucket", "good")])[1] for path in paths]
            connection.send(b"".join(asked))
            connection.drain(1.0)
        finally:
            connection.close()

    wire.crowd(3, ask)
    time.sleep(0.5)
    victim.begun()
