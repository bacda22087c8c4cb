#!/usr/bin/env python3
"""Ten minutes of a fleet: five nodes lose, get, drain and restart nodes under load, through HAProxy and by the Python client.

    ./dev bench fleet_day --plot fleet_day.svg --json fleet_day.json     # 12 minutes, 14 GB of disk
    ./dev bench fleet_day --short                                        # 1 minute, 2 GB
    bench/fleet_day.py --from fleet_day.json --plot fleet_day.svg        # draws earlier results

Each way has a fleet of its own; the same happens to both at the same time. Reads are of 4 to 256 KiB of 50 GB of objects,
by Zipf's law; each byte is compared. The store answers after 30 ms and counts its GETs. Before the day the hottest pages
are read once. Exit 1: a read failed that had to succeed, or a byte was wrong. Through HAProxy only reads may fail whose
bodies came from the killed node when that died.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import pathlib
import sys
import tempfile
import time

import servers

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.append(str(BENCH / "fleet_day"))

import figures  # noqa: E402
import objects  # noqa: E402
from legs import LEGS, START_NODES, at_once  # noqa: E402

STORE_DELAY_SECONDS = 0.030
THREADS = 8
KILL_SECONDS = 3  # after a kill; a body may break off until then

EVENTS = (  # after this part of the day
    (0.15, "n2 killed", lambda leg: leg.kill("n2")),
    (0.35, "n6 added", lambda leg: leg.add("n6")),
    (0.55, "n4 drained", lambda leg: leg.drain_and_stop("n4")),
    (0.65, "n4 back,\nwith its disk", lambda leg: leg.take_back("n4")),
    (0.85, "n5 restarted", lambda leg: leg.restart("n5")),
)


@dataclasses.dataclass(frozen=True)
class Size:
    seconds: int
    objects: int
    object_bytes: int
    memory: str
    disk: str
    fill: int
    rate: int  # reads a second of each leg
    bin_seconds: float


LONG = Size(600, 400, 128 * objects.MIB, "128MiB", "1GiB", 5600, 150, 10)
SHORT = Size(60, 400, 16 * objects.MIB, "64MiB", "128MiB", 700, 100, 2)


def parse_reads(path, began):
    for line in path.read_text().splitlines():
        begun, took, count, hit, outcome = line.split()
        yield float(begun) - began, float(took), int(count), hit == "1", outcome


def parse_gets(path, began):
    """{bucket: [(seconds, key, first byte)]} since the day began."""
    found = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        at, bucket, key, first, _ = line.split()
        if float(at) >= began:
            found[bucket].append((float(at) - began, key, int(first)))
    return found


def run_events(legs, began, seconds):
    """[(seconds, text)] of what happened."""
    happened = []
    for part, text, what in EVENTS:
        time.sleep(max(0, began + part * seconds - time.monotonic()))
        happened.append((time.monotonic() - began, text))
        print(f"{happened[-1][0]:6.1f} s  {' '.join(text.split())}", file=sys.stderr, flush=True)
        at_once(legs, what)
    return happened


def measure(home, size, ways):
    with contextlib.ExitStack() as stack:
        port, log = servers.free_port(), home / "gets"
        store = servers.Server("store", [sys.executable, BENCH / "fleet_day/store.py", port, log, size.objects, size.object_bytes,
                                         STORE_DELAY_SECONDS], [port], None, home / "store.log")
        stack.callback(store.stop)
        store.start()
        legs = [LEGS[way](home, stack, f"http://127.0.0.1:{port}", size.memory, size.disk) for way in ways]
        for leg in legs:
            leg.start_readers((size.objects, size.object_bytes), THREADS, size.rate, size.seconds, size.fill)
        for leg in legs:
            leg.wait_until_filled()
        print("filled", file=sys.stderr, flush=True)
        began = time.monotonic()
        at_once(legs, lambda leg: leg.go())
        happened = run_events(legs, began, size.seconds)
        at_once(legs, lambda leg: leg.wait_for_readers())
        gets = parse_gets(log, began)
        return {"size": dataclasses.asdict(size), "nodes": START_NODES, "events": happened,
                "legs": {leg.way: figures.of_leg(list(parse_reads(leg.out, began)), gets[leg.way], happened, size) for leg in legs}}


def faults(found):
    """What must not be, as texts."""
    killed = next(at for at, text in found["events"] if "killed" in text)
    for way, leg in found["legs"].items():
        for at, outcome in leg["failed"]:
            excused = way == "haproxy" and outcome == "body" and 0 <= at - killed < KILL_SECONDS
            if not excused:
                yield f"{way}: a read that ended after {at:.1f} s: {outcome}"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench fleet_day", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a minute, with less of everything")
    parser.add_argument("--seconds", type=int, help="the length of the day (600, or 60 with --short)")
    parser.add_argument("--way", action="append", choices=list(LEGS), help="this way alone")
    parser.add_argument("--directory", default="/var/tmp", help="for the disks of the nodes (default /var/tmp)")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--from", type=pathlib.Path, dest="earlier", metavar="JSON", help="show earlier results")
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    if options.earlier:
        found = json.loads(options.earlier.read_text())
    else:
        with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
            size = SHORT if options.short else LONG
            found = measure(pathlib.Path(home), dataclasses.replace(size, seconds=options.seconds or size.seconds), options.way or list(LEGS))
    if options.json:
        options.json.write_text(json.dumps(found))
    print("\n".join(figures.table(found)))
    if options.plot:
        figures.plot(found, options.plot)
    bad = list(faults(found))
    print("\n".join(bad[:20]), file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (servers.BenchError, OSError, AssertionError) as error:
        sys.exit(f"fleet_day: {error}")
