"""docs/runbook.md has a section for each alert of deploy/prometheus, and no other; what sections name is there."""

import json
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ALERTS = ROOT / "deploy/prometheus/alerts.yaml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
SECTIONS = dict(re.findall(r"^### (Cachey\w+)\n\n(.*?)(?=\n##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_each_alert_has_a_section():
    assert re.findall(r"^### (Cachey\w+)$", RUNBOOK, re.MULTILINE) == [rule["alert"] for rule in RULES]
    for name, text in SECTIONS.items():
        assert re.findall(r"^- \*\*(\w[\w ]*)\*\*: ", text, re.MULTILINE) == ["Causes", "Look at", "Query", "Do"], name


def test_each_alert_links_to_its_section():
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_the_dashboard_has_the_rows_and_panels():
    titles = {panel["title"] for panel in json.loads((ROOT / "deploy/grafana/cachey.json").read_text())["panels"]}
    named = re.findall(r"(?:panels?|rows?) ((?:\*[^*]+\*(?:, | and )?)+)", " ".join(RUNBOOK.split()))
    names = {name for some in named for name in re.findall(r"\*([^*]+)\*", some)}
    assert len(names) > 10 and names <= titles, names - titles


def test_prometheus_takes_the_rules_and_the_queries(tmp_path):
    queries = [" ".join(re.search(r"\*\*Query\*\*: `([^`]*)`", text)[1].split()) for text in SECTIONS.values()]
    asked = tmp_path / "queries.yaml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": [
        {"record": f"query:{at}", "expr": query} for at, query in enumerate(queries)]}]}))
    done = subprocess.run(["promtool", "check", "rules", ALERTS, asked], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
