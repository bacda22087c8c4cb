"""How a run goes: one line that is written over on a terminal, else a line each 5 seconds; or JSON."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol, TextIO

from .text import shown, size_text, time_text
from .warming import Totals

_RATE_OVER = 10.0
"""Seconds of which the rate is the mean."""


class Source(Protocol):
    """The input. `total` and `read` say how much of the input was read, if its length is known."""

    read: int
    total: int | None


@dataclass(frozen=True)
class Moment:
    """The numbers of one line."""

    totals: Totals
    bytes_a_second: float
    total_bytes: float | None
    """The bytes of all objects, as far as the input was read; None if nothing is known."""
    seconds_left: float | None


class Progress(logging.Handler):
    """Writes lines, failures and what the client logs to `out`. Thread-safe: a lock keeps the texts apart."""

    def __init__(self, out: TextIO, json_out: TextIO | None, quiet: bool = False) -> None:
        super().__init__(logging.WARNING)
        self._out = out
        self._json_out = json_out
        self._quiet = quiet
        self._bar = out.isatty() and json_out is None and not quiet
        self._progress_lock = threading.Lock()
        self._samples: deque[tuple[float, int]] = deque()
        self._began: float | None = None
        self._drawn = False

    @property
    def seconds(self) -> float:
        """Seconds between two lines."""
        return 0.2 if self._bar else 5.0

    def failure(self, name: str, reason: str) -> None:
        self._message(f"failed: {shown(name)}: {shown(reason)}")

    def emit(self, record: logging.LogRecord) -> None:
        """What the client logs, such as a node that is down."""
        self._message(shown(record.getMessage()))

    def _message(self, text: str) -> None:
        with self._progress_lock:
            self._wipe()
            print(text, file=self._out, flush=True)

    def line(self, totals: Totals, known: int, part_read: float | None) -> None:
        """part_read: which part of the input was read, 0 to 1; `known` bytes are in that part."""
        moment = self._moment(totals, known, part_read)
        with self._progress_lock:
            if self._json_out:
                self._write_json("progress", moment)
            elif self._bar:
                width = shutil.get_terminal_size().columns - 1
                print(f"\r{line_of(moment)[:width]}\x1b[K", end="", file=self._out, flush=True)
                self._drawn = True
            elif not self._quiet:
                print(line_of(moment), file=self._out, flush=True)

    def end(self, totals: Totals, done: str) -> None:
        """The summary. It goes to standard error, or is the last line of JSON."""
        with self._progress_lock:
            self._wipe()
            if self._json_out:
                self._write_json("end", Moment(totals, totals.bytes / max(totals_seconds(totals), 1e-3), None, None))
            else:
                print(summary_of(totals, done), file=self._out, flush=True)

    def _wipe(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=self._out)
            self._drawn = False

    def _moment(self, totals: Totals, known: int, part_read: float | None) -> Moment:
        now = time.monotonic()
        if self._began != totals.began:  # a new run
            self._began = totals.began
            self._samples = deque([(totals.began, 0)])
        self._samples.append((now, totals.bytes))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_OVER:
            self._samples.popleft()
        began, before = self._samples[0]
        rate = (totals.bytes - before) / (now - began) if now > began else 0.0
        total = max(known / part_read, known) if part_read else None
        left = max(0.0, total - totals.bytes) / rate if total is not None and rate > 0 else None
        return Moment(totals, rate, total, left)

    def _write_json(self, event: str, moment: Moment) -> None:
        totals = moment.totals
        said = {
            "event": event,
            "objects": totals.objects,
            "there": totals.there,
            "failed": totals.failed,
            "bytes": totals.bytes,
            "fetched_bytes": totals.fetched,
            "bytes_per_second": round(moment.bytes_a_second),
            "seconds": round(totals_seconds(totals), 3),
            "stopped": totals.stopped,
        }
        if event == "progress":
            said["seconds_left"] = None if moment.seconds_left is None else round(moment.seconds_left)
        print(json.dumps(said), file=self._json_out, flush=True)


def totals_seconds(totals: Totals) -> float:
    return time.monotonic() - totals.began


def line_of(moment: Moment) -> str:
    """`1.2 GB of 8.0 GB, 412 MB/s, 3120 objects, 44 there, 2 failed, 16 s left`"""
    totals = moment.totals
    of = f" of {size_text(moment.total_bytes)}" if moment.total_bytes is not None else ""
    left = f", {time_text(moment.seconds_left)} left" if moment.seconds_left is not None else ""
    return (
        f"{size_text(totals.bytes)}{of}, {size_text(moment.bytes_a_second)}/s, {totals.objects} objects, "
        f"{totals.there} there, {totals.failed} failed{left}"
    )


def summary_of(totals: Totals, done: str) -> str:
    """done: `objects warmed`"""
    seconds = totals_seconds(totals)
    early = f"stopped early, {totals.stopped}: " if totals.stopped else ""
    return (
        f"{early}{totals.objects - totals.failed} {done}, {totals.there} of them were there, "
        f"{totals.failed} failed; "
        f"{size_text(totals.bytes)}, of which {size_text(totals.fetched)} came from the store, in {time_text(seconds)}"
    )
