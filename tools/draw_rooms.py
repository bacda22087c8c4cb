#!/usr/bin/env python3
"""Draws the rooms and what each may include, as docs/images/rooms.svg shows it.

usage: draw_rooms.py            prints the SVG
       draw_rooms.py --check    exit 1 if docs/images/rooms.svg is not what this prints

An arrow stands for "may include". Arrows that follow from others are left out, and so are those to base and rt.
"""
import pathlib
import sys

from check_layers import GROUND, MAY_INCLUDE

PICTURE = pathlib.Path(__file__).parent.parent / "docs" / "images" / "rooms.svg"
COLOURS = {"net": "#cfe3f7", "api": "#fde2c4", "cache": "#fff2b3", "store": "#d9f0d3", "origin": "#e7d8f2",
           "aws": "#f7d4de", "app": "#e6e6e6", "rt": "#e6e6e6", "base": "#e6e6e6"}
BOX, HEIGHT, GAP, FLOOR = 128, 34, 14, 78


def reduced():
    """What each room includes directly: no arrow that a path of others already says."""
    rooms = [name for name in MAY_INCLUDE if name not in GROUND and name != "app"]
    may = {name: MAY_INCLUDE[name] - GROUND for name in rooms}
    return {name: {to for to in may[name] if not any(to in may[between] for between in may[name])} for name in rooms}


def floor_of(name, arrows):
    return 1 + max((floor_of(to, arrows) for to in arrows[name]), default=-1)


def places():
    """The centre of each room's box."""
    arrows = reduced()
    floors = {name: floor_of(name, arrows) for name in arrows}
    top = max(floors.values())
    x = {"net/http": 0.5, "net/tls": 0.5, "net/connection": 0.5, "net/http1": 0, "net/http2": 1, "net": 0.5,
         "api": 1.7, "api/fetch": 3.3, "api/ui": 2.2, "api/s3": 4.6, "cache": 3.3, "store": 2.8, "store/disk": 2.8,
         "origin": 4.95, "origin/read": 3.9, "origin/dir": 4.95, "origin/transport": 6, "origin/credentials": 6,
         "origin/s3": 6, "aws": 6.6, "app/options": 2.1, "app/status": 1.7}
    return {name: (80 + x[name] * (BOX + GAP), 100 + (top - floors[name]) * FLOOR) for name in arrows}


def box(x, y, name, width=BOX):
    colour = COLOURS[name.split("/")[0].split(":")[0]]
    return (f'<rect x="{x - width / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="6" '
            f'fill="{colour}" stroke="#555"/>'
            f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">{name}</text>')


def arrow(begin, end):
    (x1, y1), (x2, y2) = begin, end
    return f'<path d="M{x1:.0f} {y1 + HEIGHT / 2:.0f} L{x2:.0f} {y2 - HEIGHT / 2 - 3:.0f}" marker-end="url(#head)"/>'


def picture():
    where = places()
    width = max(x for x, _ in where.values()) + BOX / 2 + 20
    bottom = max(y for _, y in where.values()) + FLOOR
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {bottom + 70:.0f}" '
        'font-family="sans-serif" font-size="13">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
        '<g stroke="#555" fill="none">',
        *(arrow(where[name], where[to]) for name, targets in sorted(reduced().items()) for to in sorted(targets)),
        "</g>",
        *(box(x, y, name) for name, (x, y) in where.items()),
        box(width / 2, 40, "app: includes all", width - 40),
        box(width / 2, bottom, "rt: all but aws include it", width - 40),
        box(width / 2, bottom + 44, "base: all include it", width - 40),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        same = PICTURE.read_text() == picture()
        print("rooms.svg is up to date" if same else "docs/images/rooms.svg is not what tools/draw_rooms.py draws")
        sys.exit(0 if same else 1)
    print(picture(), end="")
