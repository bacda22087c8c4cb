"""Plays the incidents that are named, or all, and prints when each alert and finding came. `run.py [NAME...]`."""

import pathlib
import re
import sys
import tempfile

import play  # noqa: F401  (sets the path)
import incidents
import stage


def first_lines(log):
    """The first line of each event at level warning or error."""
    lines = [line for line in log.splitlines() if re.search(" (warning|error) ", line)]
    return {re.sub(r" \w+=.*", "", line.partition(" ")[2]): line for line in reversed(lines)}.values()


def main(names):
    chosen = [one for one in incidents.ALL if not names or one.name in names]
    with tempfile.TemporaryDirectory() as folder:
        playing = stage.Stage(pathlib.Path(folder), chosen, asks_panels=not names)
        faults = playing.play()
        for player in playing.players:
            for what, seen in (("alert", player.fired), ("finding", player.found), ("line", player.lines),
                               ("top line", player.topped)):
                for name, at in sorted(seen.items(), key=lambda item: item[1]):
                    print(f"{player.incident.name:20} {what:8} {name:30} {at:5.1f} s")
            for line in first_lines(player.log()):
                print(f"    {line[:200]}")
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
