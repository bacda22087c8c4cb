#!/usr/bin/env python3
"""Plays attacks on build/release/cachey (or CACHEY_BIN) and prints a table: run.py [--long] [--markdown FILE] [NAME...]

Exit 1 if an attack has hurt honest clients.
"""

import argparse
import sys

import scene

SHORT = {"calm_seconds": 0.7, "attack_seconds": 2.0, "scale": 1}
LONG = {"calm_seconds": 4.0, "attack_seconds": 20.0, "scale": 3}

_HEADINGS = ("attack", "hits", "p99 calm, ms", "p99 attacked, ms", "misses", "scrapes", "RSS, MiB", "sockets",
             "of the kernel, MiB", "back in, s", "verdict")


def row(result):
    def share(what):
        good, total = result.counts(what)
        return f"{good}/{total}"

    return (result.attack.name, share("hit"), f"{result.calm_p99 * 1e3:.1f}", f"{result.p99 * 1e3:.1f}", share("miss"),
            share("scrape"), f"{result.resident >> 20}", f"{result.sockets}", f"{result.socket_bytes / (1 << 20):.1f}",
            f"> {result.recovered:.0f}" if result.not_back else f"{result.recovered:.1f}",
            "hurt" if result.faults() else "held")


def markdown(rows):
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="attacks; default: all")
    parser.add_argument("--long", action="store_true", help="20 s each, with three times the clients")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--list", action="store_true", help="list the attacks")
    options = parser.parse_args()
    attacks = [scene.load(name) for name in options.names or scene.names()]
    if options.list:
        print("\n".join(f"{attack.name}: {attack.summary}" for attack in attacks))
        return 0
    scene.raise_file_limit(scene.OPEN_FILES)
    rows, hurt = [], 0
    with scene.Store() as store:
        for attack in attacks:
            result = scene.play(attack, store, **(LONG if options.long else SHORT))
            rows.append(row(result))
            print("  ".join(f"{name} {cell}," for name, cell in zip(_HEADINGS, rows[-1])), flush=True)
            for fault in result.faults():
                print("    " + fault, flush=True)
            hurt += bool(result.faults())
    table = markdown(rows)
    print(table)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(table)
    return 1 if hurt else 0


if __name__ == "__main__":
    sys.exit(main())
