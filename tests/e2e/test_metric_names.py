"""docs/metrics.md lists exactly the metrics of a running server; dashboard and alert rules use only these."""

import json
import re

import pytest
import yaml

import prometheus_text
from expect import fetch_from_memory
from harness import ROOT, wait_until
from s3_face import FACE, get
from test_metrics import scrape

_ADDED_BY_PROMETHEUS = {"job", "instance"}
_SELECTOR = re.compile(r"\b((?:cachey|process)_[a-z0-9_]+)(?:\{([^}]*)\})?")
_GROUPING = re.compile(r"\bby \(([^)]*)\)")
_VARIABLE = re.compile(r"label_values\(([^,{]+)(?:\{([^}]*)\})?, *(\w+)\)")


@pytest.fixture(scope="module")
def families(start_session_server, origin, tmp_path_factory):
    """A scrape of a server after events of every sort."""
    disk = ["--disk-path", str(tmp_path_factory.mktemp("disk")), "--disk-capacity", "64MiB"]
    server = start_session_server("--origin", "s3", "--memory", "128MiB", *disk, *FACE, environment=origin.environment())
    for at in range(12):
        origin.put("names", f"usual-{at}", size=1000)
        server.fetch("names", f"usual-{at}", 0, 9)
    origin.put("names", "object", size=1000)
    fetch_from_memory(server, "names", "object", 0, 9)
    server.fetch("names", "missing", 0, 9)
    assert get(server, ("names", "object")).status == 200
    wait_until(lambda: prometheus_text.value(scrape(server), "cachey_event_loop_lag_seconds_count"), what="a sample of lag")
    return with_others(scrape(server))


def with_others(families):
    """With what this server lacks: the metric of TLS (test_tls.py has it), and in a build with a sanitizer those of the heap."""
    for name, (kind, _) in documented().items():
        if name.startswith(("cachey_jemalloc_", "cachey_tls_certificate_")) and name not in families:
            families[name] = prometheus_text.Family(name=name, help="another server's", type=kind, samples=[(name, {}, 0.0)])
    return families


def family_of(families, sample):
    """The family of a sample's name."""
    if sample in families:
        return families[sample]
    base = re.sub(r"_(bucket|sum|count)$", "", sample)
    assert base in families and families[base].type == "histogram", f"{sample} is not in /metrics"
    return families[base]


def labels_of(families, sample):
    family = family_of(families, sample)
    return {label for name, labels, _ in family.samples if name == sample for label in labels}


def check_expression(families, expression):
    """Checks that every metric of the expression is in the scrape, with the labels that the expression uses."""
    selectors = _SELECTOR.findall(expression)
    assert selectors, f"no metric in {expression!r}"
    known = set(_ADDED_BY_PROMETHEUS)
    for sample, matchers in selectors:
        labels = labels_of(families, sample)
        known |= labels
        for label in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers):
            assert label in labels | _ADDED_BY_PROMETHEUS, f"{sample} has no label {label}: {expression}"
    for labels in _GROUPING.findall(expression):
        for label in re.split(r",\s*", labels):
            assert label in known, f"nothing in {expression} has a label {label}"
    assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")


def documented():
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (\w+) \|([^|]*)\| [^|]+ \|$", (ROOT / "docs" / "metrics.md").read_text(), re.M)
    assert len({name for name, _, _ in rows}) == len(rows), "a metric stands there twice"
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def test_every_metric_is_documented_and_every_documented_one_is_there(families):
    assert set(documented()) == set(families)


def test_types_and_labels_are_as_documented(families):
    for name, (kind, labels) in documented().items():
        assert families[name].type == kind, name
        assert families[name].help, name
        assert families[name].samples, f"{name} has no sample"
        for _, own, _ in families[name].samples:
            assert set(own) - {"le"} == labels, name


def dashboard():
    return json.loads((ROOT / "deploy" / "grafana" / "cachey.json").read_text())


def test_the_dashboard_is_well_formed():
    board = dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Traffic", "Latency", "Hit ratio", "S3 endpoint", "Origin", "Buckets", "Memory", "Disk", "Connections", "Process"]
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    taken = set()
    for panel in panels:
        assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, f"{panel['title']} covers another panel"
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= set(variables), target["expr"]


def test_the_dashboard_asks_for_metrics_that_there_are(families):
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            check_expression(families, target["expr"])
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            groups = {label for labels in _GROUPING.findall(target["expr"]) for label in re.split(r",\s*", labels)}
            available = groups or {"instance"} | labels_of(families, _SELECTOR.search(target["expr"]).group(1))
            assert legend <= available, f"{panel['title']}: {legend} is not among {available}"
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            metric, _, label = _VARIABLE.fullmatch(variable["definition"]).groups()
            assert label in labels_of(families, metric) | _ADDED_BY_PROMETHEUS


def test_the_dashboard_shows_the_s3_endpoint(families):
    shown = {family_of(families, name).name for panel in dashboard()["panels"] for target in panel.get("targets", [])
             for name, _ in _SELECTOR.findall(target["expr"])}
    assert {name for name in families if name.startswith("cachey_s3api_")} | {"cachey_heads"} <= shown


def test_alerts_ask_for_metrics_that_there_are(families):
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 5
    for rule in rules:
        check_expression(families, rule["expr"])
        assert all(rule["annotations"][text] for text in ("summary", "description")) and rule["labels"]["severity"] in ("warning", "critical")
        assert re.fullmatch(r"\d+[smh]", rule["for"])


def test_the_runbook_asks_for_metrics_that_there_are(families):
    queries = re.findall(r"\*\*Query\*\*: `([^`]*)`", (ROOT / "docs" / "runbook.md").read_text())
    assert len(queries) > 10
    for query in queries:
        if not query.startswith("up{"):
            check_expression(families, query)


def test_a_name_that_there_is_not_is_noticed(families):
    for wrong in ("rate(cachey_no_such_total[5m])", 'cachey_bucket_error_ratio{colour="x"}', "sum by (colour) (cachey_connections)"):
        with pytest.raises(AssertionError):
            check_expression(families, wrong)
