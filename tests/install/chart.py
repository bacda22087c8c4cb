"""The Helm chart, rendered. As a program: writes deploy/kubernetes/base/cachey.yaml."""

import atexit
import functools
import json
import pathlib
import re
import subprocess
import tempfile
import threading

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "cachey"
PYTHON = ROOT / "build" / "tools" / "install" / "bin" / "python"  # ./dev test installs it
PLAIN = ROOT / "deploy" / "kubernetes"
KUBERNETES = ("1.27", "1.37")  # the oldest and the newest one that the chart is checked for


class Rendered:
    """The files of one set of values."""

    def __init__(self, files):
        self.files = files
        self.documents = [one for path, text in sorted(files.items()) if path.endswith(".yaml")
                          for one in yaml.load_all(text, yaml.CSafeLoader) if one]

    def find(self, kind, name="cachey"):
        return next(one for one in self.documents if (one["kind"], one["metadata"]["name"]) == (kind, name))

    @property
    def haproxy_text(self):
        return self.find("ConfigMap", "cachey-haproxy")["data"]["haproxy.cfg"]

    @property
    def node(self):
        """The container of a node."""
        return self.find("StatefulSet")["spec"]["template"]["spec"]["containers"][0]


class Renderer:
    """render_chart.py, whose imports take a second: one process for all questions of this one."""

    _SECONDS = 300

    def __init__(self):
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen([PYTHON, pathlib.Path(__file__).parent / "render_chart.py"], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        atexit.register(self._end)

    def _end(self):
        self._process.stdin.close()
        self._process.wait()

    def ask(self, question):
        limit = threading.Timer(self._SECONDS, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        limit.cancel()
        if not answer:
            renderer.cache_clear()
            self._errors.seek(0)
            raise AssertionError(f"render_chart.py ended: {self._errors.read()}")
        return json.loads(answer)


@functools.cache
def renderer():
    return Renderer()


def render_all(sets, release="cachey", namespace="cachey", check=True):
    """The answers of render_chart.py for each set of values; without `check` they have files only."""
    jobs = [{"values": values, "release": release, "namespace": namespace} for values in sets]
    asked = {"chart": str(CHART), "jobs": jobs, "kubernetes": KUBERNETES, "check": check}
    return renderer().ask(asked)


def render(values):
    answer = render_all([values])[0]
    assert "error" not in answer, answer["error"]
    return Rendered(answer["files"])


def plain_manifests():
    """The text of deploy/kubernetes/base/cachey.yaml: without the labels that speak of Helm."""
    rendered = render(yaml.safe_load((PLAIN / "base" / "values.yaml").read_text()))
    parts = [text.strip().removeprefix("---").strip() for path, text in sorted(rendered.files.items())
             if path.endswith(".yaml") and text.strip()]
    text = "\n---\n".join(["# Rendered from deploy/helm/cachey; README.md says how.", *parts]) + "\n"
    text = re.sub(r"^ *(helm.sh/chart|app.kubernetes.io/managed-by): .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    (PLAIN / "base" / "cachey.yaml").write_text(plain_manifests())
