"""--pin: pages of named objects are not evicted, within --pin-limit; SIGHUP; restarts."""

import random
import signal
import threading

import prometheus_text
from disk import from_origin, kill, wait_for_pages
from expect import expect_206, fetch_from_memory
from harness import MIB, Task, wait_until
from http1 import Connection, fetch, fetch_target, range_header
from start_up import expect_bad, run
from test_metrics import scrape

PINNED = 8
_NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]


def value(server, name, tier):
    return prometheus_text.value(scrape(server), name, tier=tier)


def wait_for_value(server, name, tier, wanted):
    wait_until(lambda: value(server, name, tier) == wanted, 10, f"{name} of {tier} is {wanted}")


def flood(server, origin, kind, first, count):
    """Reads more than memory and disk have."""
    for number in range(first, first + count):
        stored = origin.put(kind, f"other/{number}", size=4 * MIB)
        expect_206(fetch(server.port, kind, f"other/{number}", 0, 4 * MIB - 1), stored, 0, 4 * MIB - 1, kind)


def test_named_pages_stay_in_memory_and_on_the_disk(disk_server, origin, kind, tmp_path):
    config = tmp_path / "pins.toml"
    config.write_text(f'pin = ["{kind}/models/*"]\n')
    options = ["--config", str(config)]
    server = disk_server(*options, capacity="256MiB")
    models = [origin.put(kind, f"models/{i}", size=MIB) for i in range(PINNED)]
    for i, stored in enumerate(models):
        expect_206(fetch(server.port, kind, f"models/{i}", 0, MIB - 1), stored, 0, MIB - 1, kind)
    wait_for_pages(server, PINNED)
    flood(server, origin, kind, 0, 100)
    for tier in ("memory", "disk"):
        wait_for_value(server, "cachey_pinned_pages", tier, PINNED)
        assert value(server, "cachey_pinned_bytes", tier) == PINNED * MIB
        assert value(server, "cachey_pin_over_limit_pages", tier) == 0
    before = from_origin(server)
    for i, stored in enumerate(models):
        expect_206(fetch_from_memory(server, kind, f"models/{i}", 0, MIB - 1), stored, 0, MIB - 1, kind)
    assert from_origin(server) == before

    kill(server)
    server = disk_server(*options, capacity="256MiB")
    wait_for_value(server, "cachey_pinned_pages", "disk", PINNED)

    config.write_text("pin = []\n")
    server.signal(signal.SIGHUP)
    wait_for_value(server, "cachey_pinned_pages", "disk", 0)
    config.write_text(f'pin = ["{kind}/models/*"]\npin-limit = "16MiB"\n')
    server.signal(signal.SIGHUP)
    wait_for_value(server, "cachey_pinned_pages", "disk", PINNED)
    config.write_text('pin = ["models"]\n')
    server.signal(signal.SIGHUP)
    wait_until(lambda: "KIND/KEY" in server.log(), 10, "the refusal in the log")
    assert value(server, "cachey_pinned_pages", "disk") == PINNED


def test_pins_past_the_limit_of_the_disk_alone_are_a_finding(disk_server, origin, kind):
    server = disk_server("--pin", f"{kind}/*", memory="256MiB", capacity="128MiB")
    for number in range(48):  # 48 of the 64 MiB that memory may pin; the disk may pin 32
        origin.put(kind, str(number), size=MIB)
        assert fetch(server.port, kind, str(number), 0, 99).status == 206
    wait_until(lambda: value(server, "cachey_pin_over_limit_pages", "disk") > 0, 20, "pages past the disk's limit")
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_finding", code="pins_over_limit") == 1, 20, "the finding")
    assert value(server, "cachey_pin_over_limit_pages", "memory") == 0


def read_until(server, kind, objects, over, seed):
    draw = random.Random(seed)
    with Connection(server.port) as connection:
        while not over.is_set():
            key = draw.choice(sorted(objects))
            last = objects[key].size - 1
            expect_206(connection.exchange("GET", fetch_target(kind, key), [range_header(0, last)]), objects[key], 0, last, kind)


def test_pins_change_while_pages_are_read(disk_server, origin, kind, tmp_path):
    """More is named than memory and its limit hold; readers get all bytes; at the end both tiers count as from the start."""
    config = tmp_path / "pins.toml"
    rules = [f'pin = ["{kind}/models/*"]\npin-limit = "{percent}%"\n' for percent in (25, 10)]
    rules += ["pin = []\n", f'pin = ["{kind}/*"]\npin-limit = "16MiB"\n']
    config.write_text(rules[0])
    server = disk_server("--config", str(config), capacity="256MiB")
    objects = {f"models/{i}": origin.put(kind, f"models/{i}", size=MIB) for i in range(PINNED)}
    objects |= {f"other/{i}": origin.put(kind, f"other/{i}", size=4 * MIB) for i in range(20)}
    for i in range(PINNED):
        expect_206(fetch(server.port, kind, f"models/{i}", 0, MIB - 1), objects[f"models/{i}"], 0, MIB - 1, kind)
    wait_for_pages(server, PINNED)
    over = threading.Event()
    readers = [Task(read_until, server, kind, objects, over, seed) for seed in range(2)]
    for number in range(2 * len(rules)):  # the log has at most ten lines of an event a second
        compared = server.log().count("pages compared with the pins")
        config.write_text(rules[(number + 1) % len(rules)])
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.log().count("pages compared with the pins") > compared, what="the walk has ended")
        if number % len(rules) == 2:
            for tier in ("memory", "disk"):
                wait_until(lambda: value(server, "cachey_pin_over_limit_pages", tier) > 0, what=f"{tier} has too many")
                assert value(server, "cachey_pinned_bytes", tier) <= 16 * MIB
    over.set()
    for reader in readers:
        reader.result()
    for key in sorted(objects)[:PINNED]:
        expect_206(fetch_from_memory(server, kind, key, 0, MIB - 1), objects[key], 0, MIB - 1, kind)
    for tier in ("memory", "disk"):
        wait_for_value(server, "cachey_pinned_pages", tier, PINNED)
        wait_for_value(server, "cachey_pinned_bytes", tier, PINNED * MIB)
        assert value(server, "cachey_pin_over_limit_pages", tier) == 0


def test_wrong_pins_are_refused():
    expect_bad(run(*_NOWHERE, "--pin", "models"), "pin", "KIND/KEY")
    expect_bad(run(*_NOWHERE, "--pin-limit", "60%"), "pin-limit", "50%")
    many = [argument for i in range(65) for argument in ("--pin", f"k/{i}")]
    expect_bad(run(*_NOWHERE, *many), "pin", "at most 64")
