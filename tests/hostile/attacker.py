"""Runs one attack in a process of its own, until the runner kills it: attacker.py NAME JSON_OF_THE_VICTIM"""

import importlib
import json
import resource
import sys
import traceback

import wire


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        importlib.import_module("attacks." + sys.argv[1]).attack(wire.Victim(**json.loads(sys.argv[2])))
        wire.wait_for_the_end()
    except BaseException:
        print("failed: " + traceback.format_exc().replace("\n", " | "), flush=True)
        raise


if __name__ == "__main__":
    main()
