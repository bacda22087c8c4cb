#!/usr/bin/env python3
"""Checks which room includes which: a room under src/ may include only the rooms listed for it here.

usage: check_layers.py [SOURCE_DIR]     exit 1 and a line an offence
       check_layers.py --self-test      shows that each kind of offence is found
"""
import pathlib
import re
import sys
import tempfile

# A room is the folder of a file. Rooms that do not name each other are side by side and never include each other.
# `app` wires everything and may include all. Tests and files of testing/ may include more: see below().
GROUND = {"base", "rt"}
NET = GROUND | {"net/http", "net/tls", "net/connection"}
ORIGIN = GROUND | {"aws", "origin"}
MAY_INCLUDE = {
    "base": set(),
    "rt": {"base"},
    "aws": {"base"},
    "net/http": GROUND,
    "net/tls": GROUND | {"net/http"},
    "net/connection": GROUND | {"net/http", "net/tls"},
    "net/http1": NET,
    "net/http2": NET,
    "net": NET | {"net/http1", "net/http2"},
    "origin": GROUND,
    "origin/read": GROUND | {"origin"},
    "origin/dir": GROUND | {"origin"},
    "origin/transport": ORIGIN,
    "origin/credentials": ORIGIN | {"origin/transport"},
    "origin/s3": ORIGIN | {"origin/transport", "origin/credentials"},
    "store": GROUND,
    "store/disk": GROUND | {"store"},
    "cache": GROUND | {"origin", "origin/read", "store", "store/disk"},
    "api": GROUND | {"origin", "cache", "net/http"},
    "api/fetch": GROUND | {"origin", "cache", "net/http", "api"},
    "api/s3": GROUND | {"aws", "origin", "cache", "net/http", "api"},
    "api/ui": GROUND | {"net/http", "cache", "api"},
    "app/status": GROUND,
    "app/options": GROUND | {"net/tls", "net/connection", "store", "store/disk", "cache", "api", "api/s3"},
}
MAY_INCLUDE["app"] = set(MAY_INCLUDE)
IS_FOR_TESTS = re.compile(r"_(test|bench|fuzz)\.cc$")
INCLUDE = re.compile(r'^\s*#\s*include\s+"(?:([^"]+)/)?([^"/]+)"')


def is_testing(room):
    return room.endswith("/testing")


def below(room):
    """What a test of `room` may include: the whole top room, and whatever lies below that."""
    top = room.split("/")[0]
    rooms = {name for name in MAY_INCLUDE if name.split("/")[0] == top}
    while True:
        more = rooms.union(*(MAY_INCLUDE[name] for name in rooms))
        if more == rooms:
            return rooms
        rooms = more


def allowed(room, target, is_test):
    """Whether a file of `room` may include one of `target`."""
    if target == room:
        return True
    if is_testing(target):
        return is_test or is_testing(room)
    if is_test or is_testing(room):
        return target in below(room)
    return target in MAY_INCLUDE[room]


def offences(source_dir):
    src = pathlib.Path(source_dir, "src")
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        room = str(path.parent.relative_to(src))
        if room not in MAY_INCLUDE and not is_testing(room):
            yield f"{path}: {room} is no room; see tools/check_layers.py"
            continue
        is_test = IS_FOR_TESTS.search(path.name) is not None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found and not found[1]:
                yield f"{path}:{number}: name the room in the include"
            elif found and not allowed(room, found[1], is_test):
                yield f"{path}:{number}: {room} may not include {found[1]}"


SELF_TEST = {
    # file: (its includes, words of the offence or None)
    "src/net/http/good.h": ('#include "rt/io.h"\n#include "net/http/http.h"\n#include <vector>\n', None),
    "src/net/good_test.cc": ('#include "net/testing/test_client.h"\n#include "net/http2/session.h"\n', None),
    "src/cache/testing/good.h": ('#include "origin/testing/fake_origin.h"\n#include "cache/page.h"\n', None),
    "src/net/http/up.h": ('#include "cache/page.h"\n', "net/http may not include cache"),
    "src/net/http/nameless.h": ('#include "http.h"\n', "name the room"),
    "src/origin/transport/up.cc": ('#include "origin/s3/config.h"\n', "origin/transport may not include origin/s3"),
    "src/net/http1/beside.cc": ('#include "net/http2/session.h"\n', "net/http1 may not include net/http2"),
    "src/origin/read/product.cc": ('#include "origin/testing/fake_origin.h"\n', "may not include origin/testing"),
    "src/store/testing/up.h": ('#include "cache/page.h"\n', "store/testing may not include cache"),
    "src/attic/lost.h": ("", "attic is no room"),
}


def self_test():
    for name, (text, words) in SELF_TEST.items():
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch, name)
            path.parent.mkdir(parents=True)
            path.write_text(text)
            found = list(offences(scratch))
            assert len(found) == (words is not None), (name, found)
            assert words is None or words in found[0], (name, found)
    print("check_layers: finds what it should")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = list(offences(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) or "check_layers: every include goes down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
