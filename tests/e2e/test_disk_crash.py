"""kill -9 under load, repeatedly: no wrong byte, and pages written before are still there."""

import os
import random
import threading
import time

from disk import from_origin, kill, wait_for_pages
from expect import expect_206
from harness import KIB, MIB, Task
from http1 import Connection, fetch_target, range_header

ROUNDS = int(os.environ.get("CACHEY_TEST_CRASHES", "8"))
SIZES = [300, 4 * KIB, 70 * KIB, 300 * KIB, 2 * MIB]
NEW_OBJECTS = 25  # per round
LOADERS = 3
CAPACITY = f"{1024 + 40 * ROUNDS}MiB"  # holds all objects
MEMORY = f"{128 + 40 * ROUNDS}MiB"  # evicts no page, because a page that leaves memory before its turn is not written


def read(connection, kind, key, stored, hit=None):
    response = connection.exchange("GET", fetch_target(kind, key), [range_header(0, stored.size - 1)])
    expect_206(response, stored, 0, stored.size - 1, kind, hit)


def load_until_killed(server, kind, objects, seed, ended):
    """Reads random objects and checks every byte, until the server is killed."""
    draw = random.Random(seed)
    keys = sorted(objects)
    connection = Connection(server.port)
    try:
        while not ended.is_set():
            key = draw.choice(keys)
            read(connection, kind, key, objects[key])
    except (OSError, EOFError, AssertionError):
        if not ended.is_set():
            raise
    finally:
        connection.close()


def test_nothing_that_was_written_is_lost_or_wrong(disk_server, origin, kind):
    draw = random.Random(11)
    written, unsure = {}, {}
    server = disk_server(memory=MEMORY, capacity=CAPACITY)
    for number in range(ROUNDS):
        with Connection(server.port) as connection:
            before = from_origin(server)
            for key, stored in written.items():
                read(connection, kind, key, stored)
            lost = from_origin(server) - before
            assert lost <= 0.01 * sum(stored.size for stored in written.values()), f"{lost} bytes lost in round {number}"
            for key, stored in unsure.items():
                read(connection, kind, key, stored)
            new = {f"{number}-{i}": origin.put(kind, f"{number}-{i}", size=draw.choice(SIZES)) for i in range(NEW_OBJECTS)}
            for key, stored in new.items():
                read(connection, kind, key, stored)
        written |= unsure | new
        wait_for_pages(server, len(written))
        unsure = {f"{number}-load-{i}": origin.put(kind, f"{number}-load-{i}", size=draw.choice(SIZES)) for i in range(NEW_OBJECTS)}
        ended = threading.Event()
        loaders = [Task(load_until_killed, server, kind, written | unsure, (number, seed).__hash__(), ended) for seed in range(LOADERS)]
        time.sleep(draw.uniform(0.1, 0.4))  # at a random moment under load
        ended.set()
        kill(server)
        for loader in loaders:
            loader.result()
        server = disk_server(memory=MEMORY, capacity=CAPACITY)
