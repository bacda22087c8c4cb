"""The monitors of the chart against the types of the Prometheus operator, from the npm package kubernetes-models."""

import json
import re
import shutil
import subprocess

import chart
import pytest

_MODULES = chart.ROOT / "build" / "tools" / "install-js"  # ./dev test installs it
_TYPES = _MODULES / "node_modules" / "@kubernetes-models" / "prometheus-operator" / "monitoring.coreos.com" / "v1"
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node")


def known_fields(name):
    """The names of fields that a type has, or a type of the same file."""
    return set(re.findall(r'^ +"?(\w+)"?\??: ', (_TYPES / f"{name}.d.ts").read_text(), re.MULTILINE))


def complaint(monitor):
    """What the schema has against a document; empty: nothing."""
    script = _MODULES / "check_monitors.mjs"
    shutil.copy(chart.ROOT / "tests" / "install" / script.name, script)
    return subprocess.run(["node", script], input=json.dumps(monitor), text=True, capture_output=True).stderr


@pytest.mark.parametrize("kind, name, place, endpoint", [
    ("ServiceMonitor", "cachey", "endpoints", "Endpoint"),
    ("PodMonitor", "cachey-haproxy", "podMetricsEndpoints", "PodMetricsEndpoint")])
def test_monitors_fit_the_prometheus_operator(kind, name, place, endpoint):
    monitor = chart.render({"auth": {"tokensSecret": "t"}, "tls": {"secretName": "n"}, "metrics": {"serviceMonitor": {
        "enabled": True, "authorization": {"credentials": {"name": "tokens", "key": "scrape"}},
        "tlsConfig": {"ca": {"secret": {"name": "nodes", "key": "ca.crt"}}, "serverName": "cachey"}}}}).find(kind, name)
    assert complaint(monitor) == ""
    assert set(monitor["spec"]) <= known_fields(f"{kind}Spec")
    assert set(monitor["spec"][place][0]) <= known_fields(endpoint)
    monitor["spec"][place][0]["interval"] = "soon"
    assert "must match pattern" in complaint(monitor)


def test_a_scrape_checks_the_certificate_as_haproxy_does():
    rendered = chart.render({"replicas": 1, "tls": {"secretName": "nodes", "caSecret": "nodes-ca"},
                             "metrics": {"serviceMonitor": {"enabled": True}}})
    monitor = rendered.find("ServiceMonitor")
    assert complaint(monitor) == ""
    endpoint = monitor["spec"]["endpoints"][0]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["ca"] == {"secret": {"name": "nodes-ca", "key": "ca.crt"}}
    assert f"check-sni {endpoint['tlsConfig']['serverName']}" in rendered.haproxy_text
