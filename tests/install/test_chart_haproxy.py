"""The HAProxy text of the chart: valid for HAProxy, and that of deploy/haproxy but for addresses and certificates."""

import re
import shutil
import subprocess

import chart
import pytest
from test_chart import SETS, rendered

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs Debian's haproxy")
_WITH_HAPROXY = [name for name in SETS if name != "monitored"]
_OF_THE_PLACE = re.compile(r"    (server|bind|nameserver) |#|$")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A folder with tls.crt, tls.key and ca.crt."""
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=x", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
                   check=True, capture_output=True)
    shutil.copy(folder / "tls.crt", folder / "ca.crt")
    return folder


def check(text, folder):
    path = folder / "haproxy.cfg"
    path.write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", path], text=True, capture_output=True)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", _WITH_HAPROXY)
def test_haproxy_takes_the_text(name, certificates, tmp_path):
    text = rendered(name).haproxy_text
    for place in ("tls", "client", "node-ca"):
        text = text.replace(f"/etc/haproxy/{place}", str(certificates))
    check(text, tmp_path)


def test_haproxy_takes_the_central_form(tmp_path):
    haproxy = chart.ROOT / "deploy" / "haproxy"
    check((haproxy / "haproxy.cfg").read_text() + (haproxy / "s3.cfg").read_text(), tmp_path)


def meaning(text):
    """The lines but comments and places, and without the section of resolvers."""
    text = re.sub(r"^resolvers .*\n(?:    .*\n)*", "", text, flags=re.MULTILINE)
    return [line for line in text.splitlines() if not _OF_THE_PLACE.match(line)]


def test_the_chart_has_the_text_of_the_central_form():
    haproxy = chart.ROOT / "deploy" / "haproxy"
    central = (haproxy / "haproxy.cfg").read_text() + (haproxy / "s3.cfg").read_text()
    assert meaning(chart.render({"s3": {"enabled": True, "open": True, "domains": ["s3.example.com"]}}).haproxy_text) == meaning(central)


def test_the_longest_domain_decides_as_in_the_server_and_case_does_not_matter(tmp_path):
    def domains(*names):
        return chart.render({"s3": {"enabled": True, "open": True, "domains": [*names]}}).haproxy_text

    text = domains("EU.s3.example.com", "s3.Example.com")
    assert text == domains("s3.example.com", "eu.s3.example.com")
    assert re.findall(r"regsub\((.*?)[$],\)", text) == [f"[.]{name}s3[.]example[.]com[.]?" for name in ("", "eu[.]")]
    check(text, tmp_path)


@pytest.mark.parametrize("name", _WITH_HAPROXY)
def test_one_line_a_pod_with_the_id_of_its_ordinal(name):
    spec = rendered(name).find("StatefulSet")["spec"]
    text = rendered(name).haproxy_text
    for backend in re.findall(r"^backend .*\n(?:    .*\n)*", text, re.MULTILINE):
        lines = re.findall(r"^    server (\S+) (\S+):\d+ id (\d+) .*init-addr none", backend, re.MULTILINE)
        nodes = [line for line in lines if not line[0].startswith("backup-")]
        assert nodes == [(f"cachey-{at}", f"cachey-{at}.cachey-nodes.cachey.svc.cluster.local", str(101 + at))
                         for at in range(spec["replicas"])]
        assert len({line[2] for line in lines}) == len(lines)


def test_a_change_of_the_text_rolls_the_pods():
    sums = [chart.render({"replicas": count}).find("Deployment", "cachey-haproxy")["spec"]["template"]["metadata"][
        "annotations"]["checksum/haproxy.cfg"] for count in (3, 4)]
    assert sums[0] != sums[1]
