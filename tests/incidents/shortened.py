"""The shipped alerts with shorter times: a minute of Prometheus becomes a second, so that an incident takes seconds."""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "prometheus" / "alerts.yaml"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RANGE_FACTOR = 60
_FOR_FACTOR = 150  # the tests bound the time to an alert, and `for` is most of it
_RANGE_MIN = 5  # seconds: some scrapes, also if one is late


def shipped_rules():
    return [rule for group in yaml.safe_load(SHIPPED.read_text())["groups"] for rule in group["rules"]]


def seconds_of(duration):
    number, unit = re.fullmatch(r"(\d+)([smhd])", duration).groups()
    return int(number) * _SECONDS[unit]


def shorter(expression):
    """The expression with ranges and offsets of a 60th of their lengths."""
    def replace(found):
        return found[1] + f"{max(_RANGE_MIN, seconds_of(found[2]) // _RANGE_FACTOR)}s" + found[3]
    return re.sub(r"(\[|offset )(\d+[smhd])(\]|\b)", replace, expression)


def write_rules(path):
    rules = [rule | {"expr": shorter(rule["expr"]), "for": f"{seconds_of(rule['for']) // _FOR_FACTOR}s"}
             for rule in shipped_rules()]
    path.write_text(yaml.safe_dump({"groups": [{"name": "cachey", "interval": "1s", "rules": rules}]}))
