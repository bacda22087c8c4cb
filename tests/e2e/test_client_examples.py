"""The examples of docs/clients.md: each reads an object whole, although its first connections break off."""

import hashlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

from content import content
from harness import PAGE, ROOT, limit

_SIZE = PAGE + 70_000
_CUT_AFTER = 300_000
_CUTS = 3
_FILES = {"sh": "read.sh", "python": "read.py", "go": "read.go", "js": "read.js", "java": "Read.java"}
_COMMANDS = {"sh": ["bash"], "python": ["/usr/bin/python3"], "go": ["go", "run"], "js": ["node"], "java": ["java"]}


class Cutter:
    """A proxy whose first `cuts` connections end after _CUT_AFTER bytes of the response."""

    def __init__(self, port, cuts):
        self._to = port
        self._cuts = cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            left = _CUT_AFTER if self._cuts > 0 else 1 << 60
            self._cuts -= 1
            server = socket.create_connection(("127.0.0.1", self._to))
            for here, there, most in ((client, server, 1 << 60), (server, client, left)):
                threading.Thread(target=self._copy, args=(here, there, most), daemon=True).start()

    @staticmethod
    def _copy(here, there, left):
        try:
            while left > 0 and (piece := here.recv(65536)):
                there.sendall(piece[:left])
                left -= len(piece)
        except OSError:
            pass
        for end in (here, there):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._listener.close()


def examples():
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    found = re.findall(r"```(\w+)\n(.*?)```", text, re.S)
    assert len(found) == len(dict(found)), "two examples in one language: only one would run"
    return dict(found)


def test_every_example_has_a_command():
    assert set(examples()) == set(_FILES) == set(_COMMANDS)


def run(language, folder, port, kind, key):
    file = folder / _FILES[language]
    file.write_text(examples()[language], encoding="utf-8")
    done = subprocess.run([*_COMMANDS[language], str(file), f"http://127.0.0.1:{port}", kind, key], cwd=folder,
                          capture_output=True, text=True, timeout=limit(90), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[:2]


@pytest.mark.parametrize("language", _FILES)
def test_it_reads_an_object_whole(cachey, origin, kind, tmp_path, language):
    if not shutil.which(_COMMANDS[language][0]):
        pytest.skip(f"{language} is not installed")
    key = "a folder/näme+1"
    origin.put(kind, key, size=_SIZE, seed=40)
    asked = key if language != "sh" else "a%20folder/n%C3%A4me+1"  # curl sends the path as given
    proxy = Cutter(cachey.port, cuts=0 if language == "sh" else _CUTS)  # curl reports the cut
    try:
        wanted = [str(_SIZE), hashlib.sha256(content(40, 0, _SIZE)).hexdigest()]
        assert run(language, tmp_path, proxy.port, kind, asked) == wanted
    finally:
        proxy.close()
