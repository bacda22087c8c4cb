"""TLS as the chart sets it up: clients to HAProxy, HAProxy to the nodes with a client certificate, names checked."""

import contextlib
import shutil
import subprocess
import sys

import chart
import pytest
from fleet import Node, free_ports, get, start_haproxy, wait_until
from pod_names import PodNames

sys.path.insert(0, str(chart.ROOT / "tests" / "origin"))

from content import content  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs Debian's haproxy")
_NODES = "*.cachey-nodes.cachey.svc.cluster.local"


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Authority:
    """A certificate authority; secret(NAME, HOST) makes a folder as a mounted Secret of type kubernetes.io/tls."""

    _NEW = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

    def __init__(self, folder):
        self._folder = folder
        run(*self._NEW, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out",
            folder / "ca.crt")

    def secret(self, name, host):
        folder = self._folder / name
        folder.mkdir()
        run(*self._NEW, "-subj", f"/CN={name}", "-keyout", folder / "tls.key", "-out", folder / "request")
        (folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
        run("openssl", "x509", "-req", "-in", folder / "request", "-CA", self._folder / "ca.crt", "-CAkey",
            self._folder / "ca.key", "-days", "2", "-extfile", folder / "names", "-out", folder / "tls.crt")
        shutil.copy(self._folder / "ca.crt", folder / "ca.crt")
        return folder


@pytest.fixture
def secrets(tmp_path):
    return Authority(tmp_path)


def test_tls_on_both_sides(secrets, tmp_path):
    port, admin_port, metrics_port = free_ports(3)
    nodes_tls, wrong_tls = secrets.secret("nodes", _NODES), secrets.secret("wrong", "other.example.com")
    client, front = secrets.secret("client", "haproxy"), secrets.secret("front", "localhost")
    with contextlib.ExitStack() as stack:
        names, store = stack.enter_context(PodNames()), stack.enter_context(ScriptedOrigin())
        store.put("lake", "key", size=5000, seed=3)
        rendered = chart.render({
            "listen": "127.0.0.1", "port": port, "memory": "256MiB", "replicas": 3, "metrics": {"port": metrics_port},
            "tls": {"secretName": "nodes", "clientCaSecret": "ca"},
            "haproxy": {"adminPort": admin_port, "resolvers": [names.address], "tlsSecret": "front",
                        "clientCertSecret": "client"}})
        for at, secret in enumerate((nodes_tls, nodes_tls, wrong_tls)):
            places = [("/etc/cachey/tls", secret), ("/etc/cachey/client-ca", tmp_path)]
            node = Node.of_pod(f"cachey-{at}", rendered.node, store.environment(), tmp_path, places).start()
            stack.callback(node.process.kill)
            names.addresses[f"cachey-{at}.cachey-nodes.cachey.svc.cluster.local"] = node.address
        places = [("/etc/haproxy/tls", front), ("/etc/haproxy/client", client), ("/etc/haproxy/node-ca", tmp_path)]
        haproxy = stack.enter_context(start_haproxy(rendered.haproxy_text, tmp_path, places=places))

        def states():
            with contextlib.suppress(OSError):
                text = get("127.0.0.1", admin_port, "/metrics")[1].decode()
                return [f'haproxy_server_status{{proxy="nodes",server="cachey-{at}",state="UP"}} 1' in text
                        for at in range(3)]
            return None

        wait_until(lambda: states() == [True, True, False], "two nodes are up, the one with another name is not")
        url = f"https://localhost:{port}/fetch/lake/key"
        for protocol in ("--http1.1", "--http2"):
            got = subprocess.run(["curl", "-sf", protocol, "--cacert", tmp_path / "ca.crt", "-r", "0-4999", url],
                                 capture_output=True, check=True)
            assert got.stdout == content(3, 0, 5000)
        assert states() == [True, True, False]
        assert "nodes/cachey-2 is DOWN, reason: Layer6 invalid response" in haproxy.log.read_text()
