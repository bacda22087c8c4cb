"""Ceph's S3 store (see radosgw.sh) for one test session."""

import pathlib
import subprocess

from s3_store import S3Store

_SCRIPT = pathlib.Path(__file__).with_name("radosgw.sh")


class RadosGateway(S3Store):
    """Runs from __enter__ to __exit__ under `directory`."""

    def __init__(self, directory):
        super().__init__()
        self.directory = str(directory)

    def _run(self, verb, *arguments):
        done = subprocess.run([str(_SCRIPT), verb, self.directory, *arguments], capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"radosgw.sh {verb} failed: {done.stderr}")
        return done.stdout

    def _start(self):
        """Starts the store, at most three times: on a busy machine its parts can miss each other and never respond."""
        for attempts_left in (2, 1, 0):
            try:
                return self._run("start")
            except RuntimeError as failure:
                if attempts_left == 0:
                    raise
                print(failure)

    def __enter__(self):
        self._start()
        lines = self._run("env").splitlines()
        self.settings = dict(line.split("=", 1) for line in lines)
        self.connect()
        return self

    def __exit__(self, *_):
        self._run("stop")

    def kill_gateway(self):
        self._run("kill-gateway")

    def restart_gateway(self, *options):
        self._run("restart-gateway", *options)
