"""deploy/haproxy/alerts.yaml: HAProxy has these metrics, the alerts fire when they should, and scale-out.md has a row for
each."""

import re
import subprocess

import pytest
import yaml
from balancer import SHIPPED
from fleet import ROOT, free_ports, get, start_haproxy, wait_until

RULES = yaml.safe_load((SHIPPED / "alerts.yaml").read_text())["groups"][0]["rules"]
STATUS = 'haproxy_server_status{job="haproxy", proxy="nodes", state="UP", instance="%s", server="%s"}'
UPTIME = 'haproxy_process_uptime_seconds{job="haproxy", instance="%s"}'


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """/metrics of HAProxy with the shipped files. Its nodes are nowhere."""
    folder = tmp_path_factory.mktemp("haproxy")
    ports = free_ports(3)
    text = "".join((SHIPPED / file).read_text() for file in ("haproxy.cfg", "s3.cfg"))
    binds = zip(("0.0.0.0:8080", "0.0.0.0:9000", "127.0.0.1:8404"), ports, strict=True)
    with start_haproxy(text, folder, places=[(old, f"127.0.0.1:{port}") for old, port in binds]):
        def scraped():
            try:
                return get("127.0.0.1", ports[2], "/metrics")[1].decode()
            except OSError:
                return ""
        wait_until(scraped, "HAProxy answers")
        return scraped()


def test_haproxy_has_the_metrics_and_labels(metrics):
    for rule in RULES:
        names = set(re.findall(r"haproxy_\w+", rule["expr"]))
        assert names
        for name in names:
            series = [line for line in metrics.splitlines() if line.partition(" ")[0].partition("{")[0] == name]
            assert series, name
            for proxies in re.findall(r'proxy=~"([\w|]+)"', rule["expr"]):
                for proxy in proxies.split("|"):
                    assert any(f'proxy="{proxy}"' in line and 'state="UP"' in line for line in series), (name, proxy)


def fires(folder, series, minutes):
    """The labels of the alerts that fire after these minutes, by alert; by Prometheus' own arithmetic. Series: values, a
    minute apart."""
    case = {
        "rule_files": [str(SHIPPED / "alerts.yaml")],
        "tests": [{
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": rule["alert"], "exp_alerts": []} for rule in RULES],
        }],
    }
    (folder / "case.yaml").write_text(yaml.safe_dump(case))
    done = subprocess.run(["promtool", "test", "rules", folder / "case.yaml"], text=True, capture_output=True)
    said = done.stdout + done.stderr
    return {name: re.findall(r'(?:instance|server)="(\w+)"', got)
            for name, got in re.findall(r"alertname: ?(\w+),.*?got:\[(.*?)\]\s*$", said, re.DOTALL | re.MULTILINE)}


def test_a_healthy_fleet_fires_nothing(tmp_path):
    series = {STATUS % (proxy, node): "1x60" for proxy in ("a", "b") for node in ("n1", "n2")}
    assert fires(tmp_path, series | {UPTIME % proxy: "1+60x60" for proxy in ("a", "b")}, 30) == {}


def test_a_node_that_is_out(tmp_path):
    series = {STATUS % (proxy, node): "1x60" for proxy in ("a", "b") for node in ("n1", "n2")}
    series[STATUS % ("a", "n2")] = series[STATUS % ("b", "n2")] = "1x5 0x60"
    assert fires(tmp_path, series, 12) == {}
    assert fires(tmp_path, series, 30) == {"CacheyNodeOut": ["n2"]}


def test_no_node_at_all(tmp_path):
    series = {STATUS % ("a", "n1"): "0x60", STATUS % ("a", "n2"): "0x60", STATUS % ("b", "n1"): "1x60", STATUS % ("b", "n2"): "1x60"}
    assert fires(tmp_path, series, 5) == {"CacheyFleetEmpty": ["a"]}


def test_files_that_differ(tmp_path):
    series = {STATUS % (proxy, node): "1x60" for proxy in ("a", "b") for node in ("n1", "n2")}
    series[STATUS % ("a", "n3")] = "1x60"
    assert fires(tmp_path, series, 30) == {"CacheyFleetsDiffer": ["n3"]}


def test_an_haproxy_that_is_gone(tmp_path):
    series = {UPTIME % "a": "1+60x60", UPTIME % "b": "1+60x10 _x50"}
    assert fires(tmp_path, series, 30) == {"CacheyHaproxyDown": ["b"]}


def test_scale_out_says_what_to_do():
    rows = re.findall(r"^\| `(Cachey\w+)` \|", (ROOT / "docs/scale-out.md").read_text(), re.MULTILINE)
    assert rows == [rule["alert"] for rule in RULES]
