"""A disk that hangs, fails or is slow on command, under a real server: faulty_disk.c between the server and the kernel."""

import os
import pathlib
import subprocess

_SOURCE = pathlib.Path(__file__).with_suffix(".c")


def build_library(directory):
    """Compiles faulty_disk.c; returns the library's path."""
    library = directory / "faulty_disk.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl", "-lpthread"], check=True)
    return library


class FaultyDisk:
    """The faults of one disk file. `environment` and `arguments` are for the server."""

    def __init__(self, library, disk_path, control):
        self.file = disk_path / "cachey.disk"
        self._control = control
        self.environment = {"LD_PRELOAD": str(library), "FAULTY_DISK": str(self.file),
                            "FAULTY_DISK_CONTROL": str(control)}
        self.arguments = ["--disk-path", str(disk_path), "--iouring=false"]

    def set(self, *faults):
        """From now on the disk has exactly these faults, each a line as in faulty_disk.c; none: it works."""
        changed = self._control.with_suffix(".new")
        changed.write_text("".join(fault + "\n" for fault in faults))
        os.replace(changed, self._control)
