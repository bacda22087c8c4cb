"""Plays the incidents that are named, or all, and prints when each alert and finding came. `run.py [NAME...]`."""

import pathlib
import sys
import tempfile

import play  # noqa: F401  (sets the path)
import incidents
import stage


def main(names):
    chosen = [one for one in incidents.ALL if not names or one.name in names]
    with tempfile.TemporaryDirectory() as folder:
        playing = stage.Stage(pathlib.Path(folder), chosen)
        faults = playing.play()
        for player in playing.players:
            for what, seen in (("alert", player.fired), ("finding", player.found)):
                for name, at in sorted(seen.items(), key=lambda item: item[1]):
                    print(f"{player.incident.name:20} {what:8} {name:30} {at:5.1f} s")
            print(*(f"    {line[:200]}" for line in player.log().splitlines() if " warning " in line or " error " in line), sep="\n")
    print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
