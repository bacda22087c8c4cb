"""A server's waits for mutexes, by the class that locks: lock_waits.c between the server and libc."""

import collections
import itertools
import re
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
OF_DISK = "the disk tier's"
DISK_CLASSES = {f"store::{name}" for name in ("DiskTier", "DiskIndex", "JournalTask", "PageWriter")}  # one mutex


class LockWaits:
    """Of one run of a server: give the server environment(), and read() when the server has ended."""

    def __init__(self, home, binary):
        self._binary, self._library, self._told = Path(binary), home / "lock_waits.so", home / "lock_waits"
        if not self._library.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", self._library, SOURCE], check=True)

    def environment(self):
        self._told.unlink(missing_ok=True)
        return {"LD_PRELOAD": str(self._library), "LOCK_WAITS": str(self._told)}

    def read(self):
        """{class: (waits, seconds of all)}, of mutexes that the server's own code locks."""
        rows = [line.split() for line in self._told.read_text().splitlines()]
        rows = [row for row in rows if row[3].endswith(f"/{self._binary.name}")]
        places = [f"{int(place, 16) - 1:x}" for _, _, place, _ in rows]  # in the call, not behind it
        names = subprocess.run(["addr2line", "-f", "-C", "-e", self._binary, *places], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        found = collections.defaultdict(lambda: (0, 0.0))
        for (waits, nanoseconds, _, _), name in zip(rows, itertools.islice(names, 0, None, 2)):
            before = found[class_of(name)]
            found[class_of(name)] = before[0] + int(waits), before[1] + int(nanoseconds) / 1e9
        return found


def class_of(function):
    """The class of a function of the server, or a name for it."""
    if function.startswith("boost::asio::"):
        return "event loop (Asio)"
    name = re.sub(r"<.*", "", function.split("(")[0]).removeprefix("cachey::")
    name = name.rpartition("::")[0] or name
    return OF_DISK if name in DISK_CLASSES else name
