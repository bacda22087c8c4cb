"""Plays the incidents and keeps, in `recorded/`, the series that the alerts ask for: `record.py [NAME...]`.

A second of the play becomes a minute, and counters count 60 times as much: the same rates for a longer time. Unix times
count from the recording's begin, because promtool's clock begins at 0. A line of a file is `name{labels} VALUES`, in
promtool's form."""

import itertools
import pathlib
import re
import sys
import tempfile

import play  # noqa: F401  (sets the path)
import incidents
import stage
from shortened import shipped_rules

FOLDER = pathlib.Path(__file__).resolve().parent / "recorded"
CALM, TROUBLE = stage.CALM_SECONDS, 24
"""Samples of the calm, and of the trouble after it."""

_COUNTER = re.compile(r"_(total|bucket|count|sum)$")
_UNIX_TIME = re.compile(r"_not_after_seconds$")
_LEFT_OUT = {"compiler", "revision", "version"}


def metrics_of_alerts():
    return sorted({name for rule in shipped_rules() for name in re.findall(r"\b(?:cachey|process)_\w+", rule["expr"])})


def form(values):
    """Values in promtool's form; None: no sample."""
    texts = ["_" if value is None else f"{value:.10g}" for value in values]
    runs = [(text, len(list(run))) for text, run in itertools.groupby(texts)]
    return " ".join(text if count == 1 else f"{text}x{count - 1}" for text, count in runs)


def line_of(labels, samples, start):
    name = labels["__name__"]
    factor = 60 if _COUNTER.search(name) else 1
    origin = start if _UNIX_TIME.search(name) else 0
    by_second = {round(at - start): value * factor - origin for at, value in samples}
    values = [by_second.get(second) for second in range(CALM + TROUBLE + 1)]
    kept = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key not in _LEFT_OUT | {"__name__"})
    return f"{name}{{{kept}}} {form(values)}"


def main(names):
    FOLDER.mkdir(exist_ok=True)
    chosen = [one for one in incidents.ALL if not names or one.name in names]
    with tempfile.TemporaryDirectory() as folder:
        playing = stage.Stage(pathlib.Path(folder), chosen, trouble_seconds=TROUBLE + 2, asks_panels=not names)
        playing.at_end = lambda: keep(playing)
        print(*playing.play(), sep="\n")


def keep(playing):
    start = playing.began_at - CALM
    for player in playing.players:
        lines = []
        for name in metrics_of_alerts():
            selector = f'{name}{{instance="{player.incident.name}"}}'
            lines += sorted(line_of(*one, start) for one in playing.prometheus.series(selector, start, start + CALM + TROUBLE))
        (FOLDER / f"{player.incident.name}.txt").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
