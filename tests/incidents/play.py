"""One incident, a process of its own: `play.py NAME FOLDER`. Prints the port of the server. Then each line on standard
input is a step: `begin`, `end`."""

import contextlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "origin")]

import incidents  # noqa: E402  (the path above comes first)
from cachey_server import CacheyServer  # noqa: E402
from crowd import raise_file_limit  # noqa: E402


_NICE = -10  # what else the machine does is no incident


def main(name, folder):
    raise_file_limit(4096)
    with contextlib.suppress(PermissionError):
        os.nice(_NICE)
    incident = next(one for one in incidents.ALL if one.name == name)(pathlib.Path(folder))
    server = CacheyServer(incident.folder / "server.log", incident.arguments, incident.environment)
    try:
        server.start()
        incident.calm(server)
        print(server.port, flush=True)
        for step in sys.stdin:
            getattr(incident, step.strip())()
            if step.strip() == "end":
                break
        server.stop()
    finally:
        server.discard()
        incident.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
