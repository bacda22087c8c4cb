#!/usr/bin/env python3
"""docs/deployments.md: for each option, where the chart, the package, the image and the compose example set it.

option_places.py writes the page; --check fails if the page is not what this program would write. The options are those
of build/release/cachey, or of the program that CACHEY_BIN names. A place that does not exist yet has no column.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "deployments.md"
BINARY = os.environ.get("CACHEY_BIN", str(ROOT / "build" / "release" / "cachey"))
CHART = ROOT / "deploy" / "helm" / "cachey" / "templates"
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")

_HEAD = """# Where options are set

Written by `tools/option_places.py` from the program and from `deploy/`; a test compares. [options.md](options.md) says
what each option does. In a config file an option has the name in the first column, without the dashes.
"""
_TEXTS = {
    "chart": "**chart**: the value of `deploy/helm/cachey` that sets the option. `extraArgs`: an option without a value of its own,\n"
             "for `extraArgs: [--option=value]`. refused: the chart refuses the option.",
    "package": "**package**: what the package's `/etc/cachey/cachey.toml` says; a value in brackets is a proposal in a comment.",
    "image": "**image**: what the image sets.",
    "compose": "**compose**: what the nodes of `deploy/compose` get.",
}


def options():
    """Options that have a value, in the program's order."""
    said = subprocess.run([BINARY, "--print-config"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True).stdout
    return re.findall(r"^#? ?([a-z][a-z0-9-]*) = ", said, re.MULTILINE)


def chart_arguments():
    """{option: the values that make it}, from lines and conditions of the chart's template."""
    found, around = {}, []
    for line in (CHART / "_arguments.tpl").read_text().splitlines():
        names = re.findall(r"(?:\$v|\.Values)\.([A-Za-z0-9.]+)", line)
        if re.match(r"\{\{-? (if|range|with|define|else)", line):
            if "else" in line:
                around.pop()
            around.append(names)
        elif re.match(r"\{\{-? end", line):
            around.pop()
        for option in _OPTION.findall(line) if line.startswith("- ") else ():
            values = names or _by_helper(line) or next((outer for outer in reversed(around) if outer), [])
            found.setdefault(option, []).extend(name for name in values if name not in found.get(option, []))
    return found


def _by_helper(line):
    """The values that a named template reads, of the group that it is named after: cachey.memory reads memory."""
    found = re.search(r'include "cachey\.(\w+)"', line)
    if not found or found[1] == "address":
        return []
    word = re.sub(r"(?<=[a-z])([A-Z])", r".\1", found[1]).lower()
    return [word]


def chart():
    made = chart_arguments()
    checks = (CHART / "_checks.tpl").read_text()
    refused = set(re.findall(r'eq \.option "([a-z0-9-]+)"', checks))
    return {name: ", ".join(f"`{value}`" for value in made[name]) if name in made else "refused" if name in refused else "`extraArgs`"
            for name in options()}


def package():
    """Set values, and proposals in comments, of the package's configuration."""
    said = {}
    for comment, name, value in re.findall(r"^(#?)([a-z0-9-]+) = (.*)$", (ROOT / "deploy/systemd/cachey.toml").read_text(), re.MULTILINE):
        said[name] = f"(`{value}`)" if comment else f"`{value}`"
    return said


def image():
    text = (ROOT / "deploy/container/Containerfile").read_text()
    return {name.lower().replace("_", "-"): f"`{value}`" for name, value in re.findall(r"\bCACHEY_(\w+)=(\S+)", text)}


def compose_arguments():
    """Words of the command of the nodes."""
    text = (ROOT / "deploy/compose/compose.yaml").read_text().partition("\nservices:")[0]
    return re.findall(r"^    - (--\S+)", text, re.MULTILINE)


def compose():
    return {word[2:].partition("=")[0]: f"`{word.partition('=')[2] or 'true'}`" for word in compose_arguments()}


PLACES = {"chart": (chart, "deploy/helm/cachey/templates/_arguments.tpl"), "package": (package, "deploy/systemd/cachey.toml"),
          "image": (image, "deploy/container/Containerfile"), "compose": (compose, "deploy/compose/compose.yaml")}


def places():
    """{name of the place: {option: cell}}"""
    return {name: read() for name, (read, file) in PLACES.items() if (ROOT / file).exists()}


def page():
    columns = places()
    texts = "\n".join(f"- {_TEXTS[name]}".replace("\n", "\n  ") for name in columns)
    lines = [_HEAD, texts, "", "| option | environment | " + " | ".join(columns) + " |", "|---" * (2 + len(columns)) + "|"]
    for name in options():
        variable = "CACHEY_" + name.upper().replace("-", "_")
        lines.append(f"| `--{name}` | `{variable}` | " + " | ".join(cells.get(name, "") for cells in columns.values()) + " |")
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if not sys.argv[1:]:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        sys.exit("docs/deployments.md is not what tools/option_places.py writes: run it")


if __name__ == "__main__":
    main()
