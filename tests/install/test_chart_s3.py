"""The S3 endpoint behind the chart's HAProxy: signatures hold, and both styles of address find the same owner."""

import contextlib
import shutil
import sys

import boto3
import botocore.config
import botocore.exceptions
import chart
import pytest
from fleet import Node, free_ports, get, servers_up, start_haproxy, wait_until
from pod_names import PodNames

sys.path.insert(0, str(chart.ROOT / "tests" / "origin"))

from content import content  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="needs Debian's haproxy")
_KEY, _SECRET = "ACCESS0123456789", "secret0123456789"


@pytest.fixture
def start(tmp_path):
    """start(S3 VALUES): two nodes and HAProxy; (store, port of S3, port of /fetch, nodes)."""
    with contextlib.ExitStack() as stack:
        def start(s3):
            port, s3_port, admin_port, metrics_port = free_ports(4)
            names, store = stack.enter_context(PodNames()), stack.enter_context(ScriptedOrigin())
            rendered = chart.render({
                "listen": "127.0.0.1", "port": port, "memory": "256MiB", "replicas": 2,
                "metrics": {"port": metrics_port}, "extraArgs": ["--hedge-quantile=0"],
                "s3": {"enabled": True, "port": s3_port, "revalidate": ["*=never"]} | s3,
                "haproxy": {"adminPort": admin_port, "resolvers": [names.address]}})
            for at in range(2):
                node = Node.of_pod(f"cachey-{at}", rendered.node, store.environment(), tmp_path,
                            [("/etc/cachey/s3-keys", tmp_path)])
                stack.callback(lambda node=node: node.process and node.process.kill())
                names.addresses[f"cachey-{at}.cachey-nodes.cachey.svc.cluster.local"] = node.start().address
            stack.enter_context(start_haproxy(rendered.haproxy_text, tmp_path))
            for backend in ("nodes", "s3nodes"):
                wait_until(lambda backend=backend: servers_up(admin_port, backend) == 2, "nodes are up")
            return store, s3_port, port
        yield start


def client(port, secret):
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id=_KEY,
                        aws_secret_access_key=secret,
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


def test_signatures_hold_through_haproxy(start, tmp_path):
    (tmp_path / "keys").write_text(f"{_KEY} {_SECRET}\n")
    store, port, _ = start({"keysSecret": "k"})
    store.put("lake", "a b/ü.bin", size=3000, seed=4)
    got = client(port, _SECRET).get_object(Bucket="lake", Key="a b/ü.bin", Range="bytes=10-99")
    assert got["Body"].read() == content(4, 10, 90)
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        client(port, "wrong" + _SECRET).get_object(Bucket="lake", Key="a b/ü.bin")


def test_both_styles_and_fetch_have_the_same_owner(start):
    store, s3_port, port = start({"open": True, "domains": ["s3.example.com"]})
    for at in range(20):
        store.put("lake", f"{at}", size=100, seed=at)
        first = {"Range": "bytes=0-99"}
        assert get("127.0.0.1", port, f"/fetch/lake/{at}", first) == (206, content(at, 0, 100))
        assert get("127.0.0.1", s3_port, f"/lake/{at}", first)[0] == 206
        host = {"Host": f"lake.s3.example.com:{s3_port}"}
        assert get("127.0.0.1", s3_port, f"/{at}", first | host) == (206, content(at, 0, 100))
    assert sum(record.method == "GET" for record in store.requests("lake")) == 20
