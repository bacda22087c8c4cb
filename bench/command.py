"""What the command lines of several benchmarks have in common: their options, the files of a run, the last line."""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from servers import BenchError

REPOSITORY = Path(__file__).resolve().parent.parent


def options_of(name, doc, size, add=None):
    """The options of `./dev bench name`: those of all, and what `add` adds to the parser. `size`: of temporary files."""
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    if add:
        add(parser)
    parser.add_argument("--directory", default="/var/tmp", help=f"for temporary files, {size} (default /var/tmp)")
    parser.add_argument("--bin", type=Path, default=REPOSITORY / "build/release/cachey")
    parser.add_argument("--load", type=Path, default=REPOSITORY / "build/release/bench/fetch_load")
    return parser.parse_args()


@contextlib.contextmanager
def started(make, options):
    """The benchmark that `make(home, options)` returns, started; stopped at the end, and its files are removed."""
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="cachey-bench-") as home:
        bench = make(Path(home), options)
        try:
            bench.start()
            yield bench
        finally:
            bench.stop()


def run(name, main):
    """Ends the process with what `main()` returns. A fault of the benchmark is one line."""
    try:
        sys.exit(main())
    except (BenchError, OSError) as error:
        sys.exit(f"{name}: {error}")
