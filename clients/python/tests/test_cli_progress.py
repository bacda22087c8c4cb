"""The lines of a run: rates, estimates, JSON; messages stand alone."""

import io
import json
import logging
import time

from cachey_client.cli.progress import Progress
from cachey_client.cli.warming import Totals


class Terminal(io.StringIO):
    def isatty(self):
        return True


def totals(count, seconds=2.0, **more):
    return Totals(bytes=count, began=time.monotonic() - seconds, **more)


def test_the_first_line_has_a_rate_and_an_estimate():
    out = io.StringIO()
    Progress(out, None).line(totals(10**9, objects=3, there=1, failed=2), 4 * 10**9, 0.5)
    assert out.getvalue() == "1.0 GB of 8.0 GB, 500 MB/s, 3 objects, 1 there, 2 failed, 14 s left\n"


def test_without_the_length_of_the_input_nothing_is_estimated():
    out = io.StringIO()
    Progress(out, None).line(totals(10**9), 4 * 10**9, None)
    assert " of " not in out.getvalue() and "left" not in out.getvalue()


def test_the_rate_is_that_of_the_run_not_of_the_one_before():
    out = io.StringIO()
    progress = Progress(out, None)
    progress.line(totals(10**12), 10**12, 1.0)
    progress.line(totals(10**9), 10**9, 1.0)
    assert "500 MB/s" in out.getvalue().splitlines()[1]


def test_lines_of_json_have_the_numbers():
    out, lines = io.StringIO(), io.StringIO()
    progress = Progress(out, lines)
    progress.line(totals(10**9), 2 * 10**9, 1.0)
    progress.end(totals(2 * 10**9), "objects warmed")
    first, last = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["bytes"], first["seconds_left"]) == ("progress", 10**9, 2)
    assert (last["event"], last["bytes"]) == ("end", 2 * 10**9) and out.getvalue() == ""


def test_a_message_wipes_the_bar_and_is_safe_for_a_terminal():
    out = Terminal()
    progress = Progress(out, None)
    progress.line(totals(10**9), 10**9, 1.0)
    log = logging.Logger("x")
    log.addHandler(progress)
    log.warning("node %s is down", "a\x1b[2J:1")
    assert out.getvalue().endswith("\r\x1b[Knode a\\x1b[2J:1 is down\n")
    log.info("quiet")
    assert "quiet" not in out.getvalue()


def test_quiet_is_quiet():
    out = Terminal()
    progress = Progress(out, None, quiet=True)
    progress.line(totals(1), 1, 1.0)
    assert out.getvalue() == ""
    progress.failure("k/a", "gone")
    assert out.getvalue() == "failed: k/a: gone\n"
