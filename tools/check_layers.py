#!/usr/bin/env python3
"""Checks who includes whom: a room under src/ may include only the rooms listed for it here.

usage: check_layers.py [SOURCE_DIR]     exit 1 and a line an offence
       check_layers.py --self-test      shows that an offence is found
"""
import pathlib
import re
import sys
import tempfile

# Rooms on the same level never include each other. `app` wires everything and may include all.
MAY_INCLUDE = {
    "base": set(),
    "rt": {"base"},
    "aws": {"base", "origin"},
    "net": {"base", "rt"},
    "origin": {"base", "rt", "aws"},
    "store": {"base", "rt"},
    "cache": {"base", "rt", "origin", "store"},
    "api": {"base", "rt", "origin", "store", "cache", "net"},
    "app": {"base", "rt", "origin", "store", "cache", "net", "api"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"/]+)/[^"]+"')


def offences(source_dir):
    for path in sorted(pathlib.Path(source_dir, "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        room = path.relative_to(source_dir).parts[1]
        if room not in MAY_INCLUDE:
            yield f"{path}: {room} is no room; see tools/check_layers.py"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if found and found[1] != room and found[1] not in MAY_INCLUDE[room]:
                yield f"{path}:{number}: {room} may not include {found[1]}"
            elif re.match(r'^\s*#\s*include\s+"[^/"]+"', line):
                yield f"{path}:{number}: name the room in the include"


def self_test():
    with tempfile.TemporaryDirectory() as scratch:
        room = pathlib.Path(scratch, "src", "net")
        room.mkdir(parents=True)
        (room / "good.h").write_text('#include "rt/io.h"\n#include "net/http.h"\n#include <vector>\n')
        assert list(offences(scratch)) == []
        (room / "bad.h").write_text('#include "cache/page.h"\n#include "http.h"\n')
        found = list(offences(scratch))
        assert len(found) == 2 and "may not include cache" in found[0], found
    print("check_layers: finds what it should")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = list(offences(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) or "check_layers: every include goes down")
    return 1 if found else 0


sys.exit(main())
