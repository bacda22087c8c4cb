"""The Helm chart, rendered. As a program: writes deploy/kubernetes/base/cachey.yaml."""

import json
import pathlib
import re
import subprocess

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
                          for one in yaml.safe_load_all(text) if one]

    def find(self, kind, name="cachey"):
        return next(one for one in self.documents if (one["kind"], one["metadata"]["name"]) == (kind, name))

    @property
    def haproxy_text(self):
        return self.find("ConfigMap", "cachey-haproxy")["data"]["haproxy.cfg"]

    @property
    def node(self):
        """The container of a node."""
        return self.find("StatefulSet")["spec"]["template"]["spec"]["containers"][0]


def render_all(sets, release="cachey", namespace="cachey", check=True):
    """The answers of render_chart.py for each set of values; without `check` they have files only."""
    jobs = [{"values": values, "release": release, "namespace": namespace} for values in sets]
    asked = {"chart": str(CHART), "jobs": jobs, "kubernetes": KUBERNETES, "check": check}
    command = [PYTHON, pathlib.Path(__file__).parent / "render_chart.py"]
    done = subprocess.run(command, input=json.dumps(asked), text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
