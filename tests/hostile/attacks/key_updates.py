"""Clients of TLS 1.3 send key updates and no data; key_updates.c makes them."""

import pathlib
import shutil
import subprocess
import tempfile

TLS = True
_SOURCE = pathlib.Path(__file__).resolve().parent.parent / "key_updates.c"


def attack(victim):
    program = pathlib.Path(tempfile.mkdtemp(prefix="hostile-"), "key_updates")
    subprocess.run(["cc", "-O2", str(_SOURCE), "-o", str(program), "-lssl", "-lcrypto"], check=True)
    flood = subprocess.Popen([str(program), str(victim.port), "20000"], stdout=subprocess.PIPE, text=True)
    flood.stdout.readline()
    shutil.rmtree(program.parent)
    victim.begun()
    flood.wait()
    raise AssertionError("the flood has ended")
