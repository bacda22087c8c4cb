"""Clients of one key ask for lists without an end and read nothing."""

import time

import wire

S3 = True


def attack(victim):
    held = []
    for number in range(300 * victim.scale):
        held.append(victim.connect(receive_buffer=4096))
        held[-1].sendall(victim.s3(f"/good/?list-type=2&prefix=endless{number}"))
    time.sleep(0.5)
    victim.begun()
    wire.wait_for_the_end()
