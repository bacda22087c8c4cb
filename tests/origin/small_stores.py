"""S3 servers of one process each. `./dev test` puts their programs into build/tools (see tests/stores)."""

import contextlib
import pathlib
import socket
import subprocess
import time

from s3_store import S3Store

_TOOLS = pathlib.Path(__file__).resolve().parents[2] / "build" / "tools"
_KEY_ID, _SECRET, _REGION = "test-key-id", "test-secret-of-a-store", "us-east-1"
_STARTS = 3  # another process may take the free port first
_START_SECONDS = 30


def _versitygw(directory, port):
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    return [_TOOLS / "versitygw", "--access", _KEY_ID, "--secret", _SECRET, "--region", _REGION, "--quiet",
            "--keep-alive", "--port", f"127.0.0.1:{port}", "posix", "--sidecar", _made(directory / "sidecar"), data]


def _moto(directory, port):
    del directory
    return [_TOOLS / "moto" / "bin" / "moto_server", "-H", "127.0.0.1", "-p", str(port)]


def _made(directory):
    directory.mkdir(parents=True, exist_ok=True)
    return directory


_COMMANDS = {"versitygw": _versitygw, "moto": _moto}
SMALL_STORES = tuple(_COMMANDS)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SmallStore(S3Store):
    """The server `name` of SMALL_STORES. Runs from __enter__ to __exit__; its files are under `directory`."""

    def __init__(self, name, directory):
        super().__init__()
        self._command = _COMMANDS[name]
        self._directory = pathlib.Path(directory)
        self._process = None

    def __enter__(self):
        for _ in range(_STARTS):
            port = _free_port()
            if self._start(port):
                break
        else:
            raise RuntimeError(f"the store does not start: {self._log().read_text(errors='replace')[-2000:]}")
        self.settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": _KEY_ID,
                         "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_REGION": _REGION}
        self.connect()
        return self

    def __exit__(self, *_):
        self._stop()

    def _log(self):
        return _made(self._directory) / "log"

    def _start(self, port):
        """Whether the server answers on `port`."""
        command = [str(word) for word in self._command(self._directory, port)]
        with open(self._log(), "wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            if _answers(port):
                return True
            time.sleep(0.05)
        self._stop()
        return False

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
