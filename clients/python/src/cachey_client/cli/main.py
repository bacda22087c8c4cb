"""The command line of cacheyctl. Exit codes: 0; 1, something failed; 2, wrong usage; 130, interrupted."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata

from ..errors import CacheyError, described
from . import cached, objects, purge, status, warm
from .settings import UsageError, add_options
from .text import shown


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="cacheyctl",
        description="Shows, warms and purges the caches of a fleet of Cachey servers.",
        epilog="Exit code 0: done. 1: something failed. 2: the command line is wrong. 130: interrupted.",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    add_options(made)
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in (status, warm, purge, cached):
        part.add_command(commands)
    objects.add_commands(commands)
    return made


def version() -> str:
    try:
        return metadata.version("cachey-client")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _output_lost() -> int:
    """Python's end must not try once more to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    for name in ("stdout", "stderr"):  # None if the caller closed them
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except UsageError as error:
        print(f"cacheyctl: {shown(error)}", file=sys.stderr)
        return 2
    except CacheyError as error:
        print(f"cacheyctl: {shown(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of standard output has gone, such as `head`
        return _output_lost()
    except OSError as error:  # such as a full disk
        print(f"cacheyctl: {shown(described(error))}", file=sys.stderr)
        return _output_lost()
    except KeyboardInterrupt:
        print("cacheyctl: interrupted", file=sys.stderr)
        return 130
