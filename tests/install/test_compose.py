"""deploy/compose: the file is read by docker-compose, and its services run on this machine, each in its own network."""

import json
import re
import subprocess
import time

import pytest
import yaml

import compose_services
from documents import ROOT, blocks_of
from sandbox import BINARY, TOOLS

FOLDER = ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
NODES = ("cachey-1", "cachey-2", "cachey-3")
ADMIN_PORTS = (9091, 9092, 9093)
KEYS = [f"new-{at}" for at in range(24)]


def services():
    return yaml.safe_load(FILE.read_text())["services"]


def mounted(name):
    """{path in the container: file or folder of the project}"""
    split = [volume.split(":") for volume in services()[name]["volumes"]]
    return {words[1]: (FOLDER / words[0]).resolve() for words in split if words[0].startswith(".")}


READERS = {"docker-compose": lambda file: ["docker-compose", "-f", file, "config"], "compose-go": lambda file: [TOOLS / "compose-load", file]}
"""Debian's docker-compose 1.29, and the library that reads the file in Docker Compose."""


def read_by(reader, file):
    return subprocess.run(READERS[reader](file), text=True, capture_output=True, check=False)


@pytest.mark.parametrize("reader", READERS)
def test_compose_reads_the_file(reader):
    done = read_by(reader, FILE)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert {name: service["command"] for name, service in read.items() if "command" in service} == {
        name: service["command"] for name, service in services().items() if "command" in service}


@pytest.mark.parametrize("reader", READERS)
def test_a_misspelt_key_is_noticed(reader, tmp_path):
    (tmp_path / "compose.yaml").write_text(FILE.read_text().replace("healthcheck:", "healthchek:"))
    done = read_by(reader, tmp_path / "compose.yaml")
    assert done.returncode != 0 and "healthchek" in done.stderr


@pytest.mark.parametrize("name", services())
def test_every_service_is_bounded_and_local(name):
    service = services()[name]
    assert re.fullmatch(r"[\w./-]+:v?\d[\w.]*", compose_services.image(service)), "an image without a version"
    assert service["mem_limit"] and service["restart"] in ("unless-stopped", "no")
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")
    for path, source in (mounted(name) if "volumes" in service else {}).items():
        assert source.exists(), f"{path} is {source}"


def test_no_port_of_the_host_is_published_twice():
    ports = [port.split(":")[1] for service in services().values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", NODES)
def test_the_server_takes_the_command(name):
    service = services()[name]
    done = subprocess.run([BINARY, *service["command"], "--print-config"], env=service["environment"] | {"CACHEY_PORT": "8080"}, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    said = dict(re.findall(r"^([\w-]+) = (.*?)  # from", done.stdout, re.MULTILINE))
    assert said["disk-path"].strip('"') in [volume.split(":")[1] for volume in service["volumes"]]
    assert said["listen"] == '["0.0.0.0"]'
    share, limit = int(re.fullmatch(r"--memory=(\d+)%", service["command"][0])[1]), int(service["mem_limit"].rstrip("m"))
    assert limit * share // 100 >= 64, "--memory is at least 64 MiB"
    assert int(service["stop_grace_period"].rstrip("s")) >= float(said["drain-timeout"]) + float(said.get("drain-delay", 0)) + 5


def haproxy_text(text):
    """Without comments, and with what differs between the places made equal."""
    text = re.sub(r"resolvers docker\n(?:    .*\n)*|^#.*\n| resolvers docker init-addr none", "", text, flags=re.MULTILINE)
    text = re.sub(r"(server n(\d)) \S+:", r"\1 node-\2:", text)
    return re.sub(r"\n+", "\n", text.replace("bind 127.0.0.1:8404", "bind 0.0.0.0:8404")).strip()


def test_haproxy_has_the_text_of_deploy_haproxy():
    folder = ROOT / "deploy" / "haproxy"
    wanted = (folder / "haproxy.cfg").read_text() + "\n" + (folder / "s3.cfg").read_text()
    assert haproxy_text((FOLDER / "haproxy.cfg").read_text()) == haproxy_text(wanted)
    subprocess.run(["haproxy", "-c", "-f", FOLDER / "haproxy.cfg"], check=True, capture_output=True)


def test_prometheus_takes_its_files(tmp_path):
    """With the rule file at its place; each target is a port of a service."""
    text = (FOLDER / "prometheus.yml").read_text()
    for path, source in mounted("prometheus").items():
        if path != "/etc/prometheus/prometheus.yml":
            assert path in text
            text = text.replace(path, str(source))
    (tmp_path / "prometheus.yml").write_text(text)
    said = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], text=True, capture_output=True, check=False)
    assert said.returncode == 0 and re.search(r"SUCCESS: \d+ rules found", said.stdout), said
    targets = {target for job in yaml.safe_load(text)["scrape_configs"] for entry in job["static_configs"] for target in entry["targets"]}
    assert {target.partition(":")[0] for target in targets} == {*NODES, "haproxy"}


def test_grafana_finds_its_files():
    files = mounted("grafana")
    provider, = yaml.safe_load((files["/etc/grafana/provisioning/dashboards"] / "cachey.yaml").read_text())["providers"]
    boards = [path for path in files if path.startswith(provider["options"]["path"])]
    assert boards == [services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]]
    assert json.loads(files[boards[0]].read_text())["uid"] == "cachey"
    source, = yaml.safe_load((files["/etc/grafana/provisioning/datasources"] / "prometheus.yaml").read_text())["datasources"]
    assert source["jsonData"]["timeInterval"] == yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
    name, _, port = source["url"].removeprefix("http://").partition(":")
    assert name in services() and port == "9090"
    text = files[boards[0]].read_text()
    variable, = [v for v in json.loads(text)["templating"]["list"] if v["name"] == "datasource"]
    assert variable["query"] == source["type"]


def test_the_image_is_the_release():
    version, = re.findall(r"project\(\w+ VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert {compose_services.image(services()[name]) for name in NODES} == {f"cachey:{version}"}


def test_the_store_is_that_of_other_tests():
    image, _, version = compose_services.image(services()["store"]).rpartition(":")
    assert f"github.com/{image} {version}\n" in (ROOT / "tests" / "stores" / "go.mod").read_text()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with compose_services.Services(FILE, tmp_path_factory.mktemp("compose"), leave_out={"grafana"}) as up:
        yield up


def wait_until(condition, what, seconds=40):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, what
        time.sleep(0.2)
    return value


def ask_prometheus(running, path):
    return json.loads(running.run("curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1",
                                  f"http://127.0.0.1:9090/api/v1/{path}"))["data"]


def status(running, url):
    return running.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", url)


def commands_of_the_readme():
    blocks = [block for block in blocks_of("", (FOLDER / "README.md").read_text()) if "curl" in block.text]
    assert blocks
    return "\n".join(block.text for block in blocks)


def test_a_request_of_the_readme_is_answered(running):
    wait_until(lambda: all(running.healthy(name) for name in NODES), "no health")
    wait_until(lambda: status(running, "http://127.0.0.1:8404/readyz") == "200", "HAProxy is not ready")
    said = running.run("bash", "-euc", commands_of_the_readme())
    assert "206 Partial Content" in said and "1\n2\n3\n" in said and "Hello from the cache." in said


def read_all(running):
    """How many of KEYS HAProxy gives to a client."""
    return running.run("curl", "-fsS", "-r", "0-99", *(f"http://127.0.0.1:8080/fetch/demo/{key}" for key in KEYS)).count("# Three nodes of Cachey")


def metric(running, port, name):
    """NAME/TYPE of a node, over all kinds."""
    text = running.run("curl", "-fsS", f"http://127.0.0.1:{port}/metrics")
    kind, _, label = name.partition("/")
    return sum(map(float, re.findall(rf'^{kind}{{[^}}]*type="{label}"[^}}]*}} (\S+)$', text, re.MULTILINE)))


def test_reads_are_spread_and_cached(running):
    data = running.services["cachey-1"]["environment"]
    for key in KEYS:
        running.run("curl", "-fsS", "--user", f"{data['AWS_ACCESS_KEY_ID']}:{data['AWS_SECRET_ACCESS_KEY']}", "--aws-sigv4", "aws:amz:us-east-1:s3",
                    "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-T", FILE, f"http://{running.addresses['store']}:7070/demo/{key}")
    for _ in range(2):
        assert read_all(running) == len(KEYS)
    asked = [metric(running, port, "cachey_entry_requests_total/access") for port in ADMIN_PORTS]
    hits = [metric(running, port, "cachey_entry_requests_total/cache_hit") for port in ADMIN_PORTS]
    assert all(asked) and sum(hits) >= len(KEYS), (asked, hits)


def test_prometheus_scrapes_all_and_knows_the_alerts(running):
    def up():
        targets = ask_prometheus(running, "targets")["activeTargets"]
        return len(targets) == 4 and all(target["health"] == "up" for target in targets)
    wait_until(up, "targets are not up")
    build = ask_prometheus(running, "query?query=cachey_build_info")["result"]
    assert {found["metric"]["instance"] for found in build} == {f"{name}:9090" for name in NODES}
    rules = [rule["name"] for group in ask_prometheus(running, "rules")["groups"] for rule in group["rules"]]
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())["groups"]
    assert sorted(rules) == sorted(rule["alert"] for group in alerts for rule in group["rules"])


def test_a_node_that_stops_is_not_noticed_by_readers(running):
    running.tell_to_stop("cachey-2")
    rounds = 0
    while running.alive("cachey-2") or rounds < 5:
        assert read_all(running) == len(KEYS)
        rounds += 1
    assert running.exit_code("cachey-2") == 0, running.log("cachey-2")
    assert status(running, "http://127.0.0.1:9000/demo/hello.txt") == "200"
    running.start("cachey-2")
    wait_until(lambda: running.healthy("cachey-2"), "no health after a restart")


def test_filling_again_changes_nothing(running):
    running.start("fill")
    running.wait_for("fill", "service_completed_successfully")
