"""nginx with deploy/nginx/s3-split.conf: one URL in front of a store and of the S3 endpoint that reads from it."""

import pathlib
import re
import shutil
import socket
import subprocess
import time

_FILE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "s3-split.conf"
_START_SECONDS = 30
_FRAME = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{text}}}
"""


def lists_too():
    """For SplitProxy's `more`: the line of the file that sends lists to the cache counts."""
    line, = re.findall(r"^ *# (\"~\^\(GET\|HEAD\) .*)$", _FILE.read_text(encoding="utf-8"), re.M)
    return {"# " + line: line}


def installed():
    return shutil.which("nginx") is not None


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class SplitProxy:
    """Runs from __enter__ to __exit__. cache, store: HOST:PORT; more: {text of the file: what stands there instead}."""

    def __init__(self, folder, cache, store, more=()):
        self.folder = pathlib.Path(folder)
        self.port = _free_port()
        text = _FILE.read_text(encoding="utf-8")
        for written, here in {**dict(more), "cachey:9000": cache, "store:80": store,
                              "listen 8000": f"listen 127.0.0.1:{self.port}"}.items():
            assert written in text, written
            text = text.replace(written, here)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "nginx.conf").write_text(_FRAME.format(folder=self.folder, text=text), encoding="utf-8")
        self._process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def _accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        self._process = subprocess.Popen(["nginx", "-c", self.folder / "nginx.conf", "-p", self.folder])
        deadline = time.monotonic() + _START_SECONDS
        while not self._accepts():
            assert self._process.poll() is None and time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
