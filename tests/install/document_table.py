"""What becomes of each block of the documents: a row matches a file and a pattern of the block's text.

Run: a shell runs the blocks of a scenario, in order, on a machine of their own (sandbox.py).
Elsewhere: another test runs the block.
Read: a program reads the block as a file.
Exempt: nothing runs the block, for the reason given. A shell parses the block; its options, and the files that the
block names, exist.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Run:
    file: str
    pattern: str
    scenario: str
    instead: tuple = ()
    """(text, replacement): sizes and devices that no test machine has."""
    says: tuple = ()
    """Patterns of what the blocks print."""


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    file: str
    pattern: str
    test: str
    chapter: str = ""
    """The only chapter that the test reads, if not all."""


@dataclasses.dataclass(frozen=True)
class Read:
    file: str
    pattern: str
    reader: str
    """A name of test_documents.READERS."""
    instead: tuple = ()


@dataclasses.dataclass(frozen=True)
class Exempt:
    file: str
    pattern: str
    reason: str


SCENARIOS = {
    # name: shell commands before the first block
    "readme": "",
    "store": "start_store minio:9000 ... ... eu-west-1\nput my-bucket path/of/key\nput my-bucket some/key",
    "tokens": "object bucket key",
    "purge": "object logs key",
    "kinds": "",
    "page sizes": "",
    "disk": "truncate -s 256M device",
    "s3 endpoint": "object data table.parquet",
    "fleet": "start_fleet 1 2 3 4 5",
}

_CLIENTS = "tests/e2e/test_client_examples.py"
_S3_CLIENTS = "tests/e2e/test_s3_client_examples.py"
_LAYOUT = "a picture of the layout of a disk"

TABLE = [
    Run("README.md", r"^\./dev run ", "readme", says=(r"tests: \./dev test",)),
    Run("README.md", r"/fetch/demo/numbers\.txt", "readme",
        says=(r"206 Partial Content", r"Content-Range: bytes 0-0/\d{8}", r"Hello from the cache")),
    Run("README.md", r"^export AWS_ACCESS_KEY_ID", "store", says=(r"my-bucket/some/key",)),
    Exempt("README.md", r"^\./dev deb && apt install", "three machines: test_deb.py, test_image.py and test_chart.py do these steps"),
    Exempt("deploy/debian/README.md", r"^apt install", "test_deb.py does these steps on a machine that systemd boots"),
    Elsewhere("docs/clients.md", "", _CLIENTS),
    Read("docs/configuration.md", r"^pin = ", "config"),
    Read("docs/configuration.md", r"^memory = ", "config", instead=(("32GiB", "128MiB"),)),
    Run("docs/configuration.md", r"openssl rand -hex 32 >tokens", "tokens", says=(r"^0123456789$",)),
    Run("docs/configuration.md", r"^cachey --kind logs=logs-prod --kind media", "kinds"),
    Run("docs/configuration.md", r"--page-size tables=1MiB", "page sizes"),
    Read("docs/configuration.md", r"^cachey: /etc/cachey.toml:3", "faults"),
    Run("docs/disk.md", r"^cachey --memory 32GiB", "disk",
        instead=(("32GiB", "128MiB"), ("2TiB", "256MiB"), ("/dev/nvme1n1", "device --disk-capacity 256MiB")), says=(r"capacity",)),
    Exempt("docs/format.md", r"superblock", _LAYOUT),
    Exempt("docs/format.md", r"^0x000000", _LAYOUT),
    Read("docs/logs.md", r"info listening", "log"),
    Read("docs/migrating.md", r"^\[Service\]", "unit", instead=(("32GiB", "128MiB"),)),
    Read("docs/operations.md", r"^listen = ", "config"),
    Elsewhere("docs/operations.md", r"^cmake --install", "tests/install/test_deb.py"),
    Elsewhere("docs/operations.md", r"cachey-second", "tests/install/test_deb.py"),
    Run("docs/operations.md", r"admin/purge", "purge", says=(r'\{"pages":0,',)),
    Read("docs/operations.md", r"postrotate", "logrotate"),
    Elsewhere("docs/python-client.md", "", "clients/python/tests/test_recipes.py"),
    Run("docs/s3-endpoint.md", r"^cachey --s3api-listen", "s3 endpoint", says=(r"download: s3://data/table\.parquet",)),
    Run("docs/scale-out.md", r"^install -m 0644 deploy/haproxy", "fleet", says=(r"^0123456789",)),
    Run("docs/scale-out.md", r"^curl -fsS http://10\.0\.0\.4", "fleet", says=(r"^\d+ nodes \d+ n4 10\.0\.0\.4 2 ",)),
    Run("docs/scale-out.md", r"^printf .*/etc/cachey/nodes$", "fleet", says=(r"^0123456789",)),
    Run("docs/scale-out.md", r"nodes\.new", "fleet"),
    Run("docs/scale-out.md", r"rolling-restart", "fleet", instead=(("rolling-restart", "rolling-restart --node n2"),), says=(r"all done",)),
    Run("docs/scale-out.md", r"state drain", "fleet"),
    Run("docs/scale-out.md", r"state ready", "fleet"),
    Run("docs/scale-out.md", r"10\.0\.0\.5:8080", "fleet"),
    Run("docs/scale-out.md", r"server n3 /d", "fleet"),
    Exempt("docs/s3-endpoint.md", r"^spark\.hadoop", "needs Spark; tests/s3/java reads with S3A under the same settings"),
    Exempt("docs/s3-endpoint.md", r"^fs\.native-s3", "needs Trino"),
    Exempt("docs/s3-endpoint.md", r"^S3Client client = ", "an extract; tests/s3/java has the whole program"),
    Elsewhere("docs/s3-endpoint.md", "", _S3_CLIENTS, chapter="Clients"),
    Exempt("docs/s3-endpoint.md", r"AKIATEAMB", "a file of keys; tests/e2e/test_s3_keys.py has such files"),
    Read("docs/security.md", r'"Version"', "json"),
    Elsewhere("deploy/compose/README.md", r"^curl ", "tests/install/test_compose.py"),
    Exempt("deploy/compose/README.md", r"^docker compose up", "needs a Docker daemon; test_compose.py runs the services without one"),
    Exempt("deploy/container/README.md", r"^\./dev image", "needs a Docker daemon; test_image.py runs ./dev image and reads the file"),
    Exempt("deploy/container/README.md", r"^docker run", "needs a Docker daemon; test_image.py runs the image under bubblewrap and podman"),
    Exempt("deploy/helm/cachey/README.md", r"^helm install", "needs a cluster; test_chart.py renders the chart and runs what it makes"),
    Exempt("deploy/helm/cachey/README.md", r"^kubectl .* debug", "needs a cluster"),
    Exempt("deploy/kubernetes/README.md", r"^kubectl apply -k|^helm template", "needs a cluster; test_chart.py compares the files with the chart"),
    Read("deploy/grafana/README.md", r"^scrape_configs:", "prometheus"),
    Read("deploy/haproxy/README.md", r"^containers:", "yaml"),
    Elsewhere("clients/python/README.md", "", "clients/python/tests/test_readme_nodes.py"),
    Elsewhere("docs/cacheyctl.md", "", "clients/python/tests/test_readme_nodes.py"),
    Elsewhere("deploy/haproxy/README.md", r"^echo 'add server", "tests/fleet/test_haproxy_ring.py"),
    Exempt("tests/e2e/README.md", r"pytest tests/e2e", "these are the tests themselves"),
    Exempt("tests/fleet/README.md", r"pytest tests/fleet", "these are the tests themselves"),
    Exempt("tests/ui/README.md", r"pytest tests/ui", "these are the tests themselves"),
    Exempt("tests/fleet/README.md", r"^fleet = Fleet", "an extract; tests/fleet has whole tests"),
    Exempt("tests/incidents/README.md", r"pytest tests/incidents", "these are the tests themselves"),
    Exempt("tests/hostile/README.md", r"\./dev hostile", "takes minutes; ./dev test plays the attacks for 2 s each"),
]
