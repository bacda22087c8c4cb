"""Runs the comparison: python3 -m compare, with bench/ in PYTHONPATH. `./dev bench compare` does that."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from servers import BenchError

from . import check_load, disk, growth, hits, long_reads, misses, peers, report
from .bench import Bench, Progress, Stopped
from .results import Results

OUTPUT = peers.REPOSITORY / "build/compare"
BEFORE_OTHERS = {"hits", "rates", "connections"}  # these need no origin while the load runs
PUBLISHED = peers.REPOSITORY / "docs/performance"


def families(options):
    every = [family for part in (hits, disk, misses, long_reads, growth) for family in part.families(options)]
    if not options.only:
        return every
    names = {family.name for family in every}
    unknown = set(options.only) - names
    if unknown:
        raise BenchError(f"--only knows {', '.join(sorted(names))}; not {', '.join(sorted(unknown))}")
    return [family for family in every if family.name in options.only]


def cost(chosen, rounds):
    """The approximate (seconds, steps) of a run."""
    seconds, steps = 8.0, 0
    for family in chosen:
        for column in family.columns:
            seconds += family.seconds
            steps += 1
            for workload in family.workloads:
                if column.name not in workload.leaves_out:
                    runs = rounds if workload.repeats else 1
                    seconds += runs * workload.seconds
                    steps += runs
    return seconds, steps


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench compare", description="Cachey beside the reference, nginx and Varnish")
    parser.add_argument("--quick", action="store_true",
                        help="one short round: does it work, and about how much; under 5 minutes")
    parser.add_argument("--only", nargs="+", metavar="FAMILY", help="hits, rates, connections, threads, disk, mix, "
                        "mix-memory, misses, slow-store, misses-tls, long-reads, objects")
    parser.add_argument("--rounds", type=int, help="default 3, quick 1")
    parser.add_argument("--seconds", type=float, help="of a run; default 1.2, quick 0.6")
    parser.add_argument("--before-others", action="store_true", help="servers and load run before other programs of "
                        "their CPUs (SCHED_FIFO; root): for a busy machine; with --only hits, rates or connections")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIRECTORY", help=f"default {OUTPUT}")
    parser.add_argument("--publish", action="store_true",
                        help="put tables and plots into docs/performance.md and docs/performance/ too")
    parser.add_argument("--render", action="store_true",
                        help="run nothing: draw anew from the output directory's results.json")
    parser.add_argument("--check-load", action="store_true", help="only compare fetch_load with wrk and h2load")
    parser.add_argument("--directory", default="/var/tmp",
                        help="for all temporary files: 25 GB on the disk to be measured (default /var/tmp)")
    parser.add_argument("--load", type=Path, help="the load client", default=os.environ.get(
        "FETCH_LOAD", peers.REPOSITORY / "build/release/bench/fetch_load"))
    parser.add_argument("--bin", type=Path, help="Cachey", default=os.environ.get("CACHEY_BIN", peers.Ours.binary))
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.6 if options.quick else 1.2)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    if options.publish and (options.only or options.check_load):
        parser.error("--publish is for a whole run")
    if options.before_others and not set(options.only or ["all"]) <= BEFORE_OTHERS:
        parser.error(f"--before-others is for --only with any of {', '.join(sorted(BEFORE_OTHERS))}")
    return options


def run(options):
    peers.Ours.binary = options.bin
    peers.Floor.binary = options.load.parent / "hit_floor"
    for program in (options.load, options.bin, peers.Floor.binary):
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} is missing: build it first (./dev build)")
    chosen = [] if options.check_load else families(options)
    if any(peers.Reference in family.columns for family in chosen):
        peers.install_reference(lambda text: print(text, file=sys.stderr, flush=True))
    bench = Bench(options)
    results = Results(report.machine(options, bench, sys.argv[1:]))
    seconds, steps = cost(chosen, options.rounds)
    progress = Progress(seconds + 6, steps + 2)
    signal.alarm(int(300 + 4 * seconds))
    try:
        progress.step("objects and origins", 6)
        bench.prepare()
        for family in chosen:
            bench.run(family, options.rounds, results, progress)
        if options.check_load or not options.only:
            progress.step("the load generator beside wrk and h2load", 6)
            results.checks = check_load.check(bench)
    finally:
        signal.alarm(0)
        report.write(results, options.output)
        bench.close()
        progress.end()
    return results


def main():
    options = parse(sys.argv[1:])

    def end(number, _frame):
        for quiet in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(quiet, signal.SIG_IGN)  # the servers are being stopped
        raise Stopped("out of time" if number == signal.SIGALRM else "stopped by a signal")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        if options.render:
            results = Results.read(options.output / "results.json")
            report.write(results, options.output)
        else:
            results = run(options)
    except (BenchError, Stopped, subprocess.TimeoutExpired) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    print((options.output / "report.md").read_text())
    if options.publish:
        try:
            report.publish(options.output, PUBLISHED)
        except (BenchError, OSError) as error:
            print(f"compare: not published: {error}; --render --publish tries again", file=sys.stderr)
            return 1
    for fault in results.faults:
        print(f"compare: {fault}", file=sys.stderr)
    return 1 if results.faults else 0


if __name__ == "__main__":
    sys.exit(main())
