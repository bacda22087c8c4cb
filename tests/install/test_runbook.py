"""docs/runbook.md has a row for each alert of deploy/prometheus, and no other."""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_each_alert_has_a_row():
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]
    rows = re.findall(r"^\| `(Cachey\w+)` \|", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert rows == alerts
