"""Renders the chart with each set of values that is asked for, and checks every document against the schemas of
Kubernetes. Runs with the Python of build/tools/install. Each line of standard input: {"chart": PATH, "jobs":
[{"values", "release", "namespace"}], "kubernetes": [VERSION], "check": BOOLEAN}. Each line of standard output: for each
job {"error"}, or {"files": {PATH: TEXT}}, with `check` also "invalid": [TEXT] and "lint": [TEXT]."""

import functools
import json
import sys

import helm_python
import kubernetes_validate.utils
import yaml

_OF_THE_OPERATOR = "monitoring.coreos.com/v1"  # no part of Kubernetes; test_chart.py checks these documents

kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)  # MBs of JSON


def documents(files):
    for path, text in files.items():
        if path.endswith(".yaml"):
            yield from ((path, one) for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def faults(files, versions):
    found = []
    for path, document in documents(files):
        if document["apiVersion"] == _OF_THE_OPERATOR:
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{path} in Kubernetes {version}: {'/'.join(map(str, error.path))}: {error.message}")
    return found


def run(chart, job, asked):
    try:
        chart.validate_schema(job["values"])
        files = chart.render(job["values"], name=job["release"], namespace=job["namespace"])
    except helm_python.HelmError as error:
        return {"error": str(error)}
    answer = {"files": {name.removeprefix("cachey/templates/"): text for name, text in files.items()}}
    if asked["check"]:
        lint = helm_python.lint(asked["chart"], job["values"], strict=True, namespace=job["namespace"])
        answer["invalid"] = faults(files, asked["kubernetes"])
        answer["lint"] = [m["error"] for m in lint["messages"] if m["severity"] > 1]
    return answer


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        with helm_python.Chart.load(asked["chart"]) as chart:
            print(json.dumps([run(chart, job, asked) for job in asked["jobs"]]), flush=True)


if __name__ == "__main__":
    main()
