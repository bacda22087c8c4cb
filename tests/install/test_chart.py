"""The Helm chart: valid for Kubernetes, refusing wrong values, with arguments that the server accepts."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import chart
import pytest
import yaml

BINARY = pathlib.Path(os.environ.get("CACHEY_BIN", chart.ROOT / "build" / "release" / "cachey"))
SETS = {path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text())
        for path in sorted((chart.CHART / "ci").glob("*.yaml"))}


@functools.cache
def answers():
    return dict(zip(SETS, chart.render_all(SETS.values())))


@functools.cache
def rendered(name):
    assert "error" not in answers()[name], answers()[name]["error"]
    return chart.Rendered(answers()[name]["files"])


def arguments(name):
    return dict(one.removeprefix("--").partition("=")[::2] for one in rendered(name).node["args"])


@pytest.mark.parametrize("name", SETS)
def test_every_document_fits_kubernetes(name):
    assert rendered(name).documents
    assert answers()[name]["invalid"] == []
    assert answers()[name]["lint"] == []


def test_every_template_is_rendered_by_a_set():
    templates = {path.name for path in (chart.CHART / "templates").glob("*.yaml")}
    seen = {path for name in SETS for path, text in rendered(name).files.items() if text.strip()}
    assert templates == {path for path in seen if path.endswith(".yaml")}


WRONG = [
    ({"replica": 3}, "additional properties 'replica' not allowed"),
    ({"replicas": 0}, "at '/replicas'"),
    ({"replicas": "3"}, "want integer"),
    ({"port": 80}, "at '/port'"),
    ({"haproxy": {"mode": "envoy"}}, "one of 'deployment', 'daemonset', 'sidecar', 'none'"),
    ({"haproxy": {"hashBalanceFactor": 50}}, "at '/haproxy/hashBalanceFactor'"),
    ({"image": {"digest": "latest"}}, "at '/image/digest'"),
    ({"extraArgs": ["memory=1GiB"]}, "at '/extraArgs/0'"),
    ({"store": {"endpoint": "minio:9000"}}, "at '/store/endpoint'"),
    ({"resources": {"limits": {"memory": "4GB"}}}, 'resources.limits.memory: "4GB" is no size'),
    ({"resources": {"limits": {"memory": "100Mi"}}}, "100Mi is too little; Cachey needs 192Mi or more"),
    ({"resources": {"limits": {"memory": None}, "requests": {}}}, "set resources.limits.memory"),
    ({"resources": {"requests": {"memory": "4Gi"}, "limits": {"memory": "1Gi"}}},
     "resources.requests.memory: 4Gi is more than resources.limits.memory: 1Gi"),
    ({"haproxy": {"resources": {"requests": {"memory": "1G"}}}}, "1G is more than haproxy.resources.limits.memory"),
    ({"memory": "3500MiB"}, "3500MiB is more than 3481MiB, what resources.limits.memory: 4Gi leaves"),
    ({"memory": "90%"}, "90% is more than 85% of the container's limit"),
    ({"memory": "32MiB"}, "less than 64MiB"),
    ({"memory": "0%"}, "leaves no memory"),
    ({"podLabels": {"app.kubernetes.io/name": "x"}}, "at '/podLabels/app.kubernetes.io~1name'"),
    ({"disk": {"enabled": True, "size": "500Mi"}}, "disk.size: 500Mi is less than 1Gi"),
    ({"disk": {"enabled": True, "size": "10Gi", "capacity": "20GiB"}}, "20GiB is more than disk.size: 10Gi"),
    ({"disk": {"capacity": "20GiB"}}, "disk.enabled is false"),
    ({"disk": {"enabled": True, "volume": "emptyDir", "volumeMode": "Block"}}, "emptyDir is a file system"),
    ({"s3": {"enabled": True}}, "s3.enabled needs s3.keysSecret"),
    ({"s3": {"enabled": True, "open": True, "keysSecret": "k"}}, "exclude each other"),
    ({"s3": {"enabled": True, "open": True, "externalHosts": ["s3.example.com"]}}, "with s3.open nobody signs"),
    ({"s3": {"keysSecret": "k"}}, "s3.enabled is false"),
    ({"s3": {"enabled": True, "open": True, "port": 8080}}, "must differ"),
    ({"haproxy": {"adminPort": 9090}}, "haproxy.adminPort must differ"),
    ({"buckets": {"declaredOnly": True}}, "refuses every request"),
    ({"buckets": {"pageSizes": {"logs": "1MiB"}}}, "logs is not in buckets.kinds"),
    ({"store": {"anonymous": True, "existingSecret": "s"}}, "has no use"),
    ({"tls": {"clientCaSecret": "ca"}}, "needs tls.secretName"),
    ({"tls": {"secretName": "t", "clientCaSecret": "ca"}}, "haproxy.clientCertSecret"),
    ({"haproxy": {"clientCertSecret": "c"}}, "set tls.secretName"),
    ({"auth": {"tokensSecret": "t"}, "metrics": {"serviceMonitor": {"enabled": True}}}, "a scrape needs a token"),
    ({"tls": {"secretName": "t", "clientCaSecret": "ca"}, "haproxy": {"clientCertSecret": "c"},
      "metrics": {"serviceMonitor": {"enabled": True}}}, "a scrape needs a certificate"),
    ({"extraArgs": ["--memory=1GiB"]}, "--memory has a value of its own"),
    ({"extraArgs": ["--disk-wipe"]}, "would empty the disk at each start"),
    ({"extraArgs": ["--print-config"]}, "makes the server end at once"),
    ({"extraArgs": ["--tls-self"]}, "use tls.secretName"),
    ({"extraArgs": ["--version"]}, "makes the server end at once"),
    ({"extraEnv": [{"name": "CACHEY_DISK_PATH", "value": "/x"}]}, "CACHEY_DISK_PATH has a value of its own"),
    ({"extraEnv": [{"name": "CACHEY_DISK_WIPE", "value": "true"}]}, "would empty the disk at each start"),
    ({"extraEnv": [{"name": "CACHEY_TLS_SELF", "value": "true"}]}, "use tls.secretName"),
]


@functools.cache
def refusals():
    return [answer.get("error", "not refused") for answer in chart.render_all([values for values, _ in WRONG])]


@pytest.mark.parametrize("at", range(len(WRONG)), ids=[json.dumps(values)[:60] for values, _ in WRONG])
def test_wrong_values_are_refused(at):
    assert WRONG[at][1] in refusals()[at]


def test_sizes_follow_from_limits_and_claims():
    limits = {"4Gi": "3481MiB", "16Gi": "13926MiB", "8G": "6484MiB", "1Gi": "870MiB", "512Mi": "384MiB",
              "192Mi": "64MiB", "1.5Gi": "1305MiB", 2147483648: "1740MiB"}
    sizes = {"100Gi": "90112MiB", "1Ti": "922746MiB", "1Gi": "901MiB", "10G": "8391MiB"}
    memory = [{"resources": {"limits": {"memory": limit}}} for limit in limits]
    disk = [{"disk": {"enabled": True, "size": size}} for size in sizes]
    wanted = [f"--memory={size}" for size in limits.values()] + [f"--disk-capacity={size}" for size in sizes.values()]
    nodes = [chart.Rendered(answer["files"]).node["args"] for answer in chart.render_all(memory + disk)]
    assert [want for want, args in zip(wanted, nodes, strict=True) if want not in args] == []


def print_config(name):
    """What the server takes from the command line and the environment of a node."""
    node = rendered(name).node
    environment = {"PATH": os.environ["PATH"]}
    for variable in node.get("env", []):
        environment[variable["name"]] = variable.get("value", "of-a-secret")
    done = subprocess.run([BINARY, *node["args"], "--print-config"], env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^([a-z0-9-]+) = (.*)  # from command line$", done.stdout, re.MULTILINE)
    return {option: yaml.safe_load(value) for option, value in lines}


@pytest.mark.parametrize("name", SETS)
def test_the_server_takes_every_argument(name):
    taken = print_config(name)
    assert set(taken) == set(arguments(name))


def test_the_server_takes_the_values_of_the_fleet():
    taken = print_config("fleet")
    assert taken["memory"] == "13926MiB"
    assert taken["disk-capacity"] == "440GiB"
    assert taken["listen"] == ["0.0.0.0"] and taken["admin-listen"] == ["0.0.0.0:9090"]
    assert taken["kind"] == ["logs=logs-prod", "media=media-eu,media-us"] and taken["kinds"] == "declared"
    assert taken["s3api-listen"] == ["0.0.0.0:9000"] and taken["s3api-revalidate"] == ["lake/static/*=never", "*=30"]
    assert taken["read-ahead"] == 2 and taken["fetch-any-range"] is True
    assert print_config("monitored")["admin-listen"] == ["[::]:9090"]


def test_the_server_takes_the_mounted_files(tmp_path):
    values = {"auth": {"tokensSecret": "t"}, "tls": {"secretName": "n"}, "s3": {"enabled": True, "keysSecret": "k"},
              "disk": {"enabled": True, "size": "1Gi"}, "memory": "64MiB"}
    for name, text in (("tokens/tokens", "0123456789abcdef\n"), ("s3-keys/keys", "ACCESS0123456789 secret0123456789\n"),
                       ("cache/lost+found", "")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    (tmp_path / "tls").mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x",
                    "-keyout", tmp_path / "tls/tls.key", "-out", tmp_path / "tls/tls.crt"], check=True)
    arguments = [one.replace("/etc/cachey", str(tmp_path)).replace("/var/cache/cachey", str(tmp_path / "cache"))
                 for one in chart.render(values).node["args"]]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run([BINARY, *arguments, "--check-config"], env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "tokens" / "tokens").unlink()
    done = subprocess.run([BINARY, *arguments, "--check-config"], env=environment, text=True, capture_output=True)
    assert done.returncode == 2 and "--auth-tokens" in done.stdout + done.stderr


@pytest.mark.parametrize("name", SETS)
def test_files_that_the_arguments_name_are_mounted(name):
    mounted = {mount["mountPath"] for mount in rendered(name).node.get("volumeMounts", [])}
    mounted |= {device["devicePath"] for device in rendered(name).node.get("volumeDevices", [])}
    for option, value in arguments(name).items():
        if value.startswith("/"):
            assert {value, str(pathlib.Path(value).parent)} & mounted, option


def test_probes_and_scrapes_need_no_tls_if_metrics_do_not():
    values = {"tls": {"secretName": "n", "clientCaSecret": "c"}, "haproxy": {"clientCertSecret": "h"},
              "metrics": {"serviceMonitor": {"enabled": True}}}
    asked = chart.render({**values, "metrics": {}})
    assert "tcpSocket" in asked.node["livenessProbe"] and "--admin-tls=false" not in asked.node["args"]
    plain = chart.render({**values, "metrics": {"tls": False, **values["metrics"]}})
    assert "--admin-tls=false" in plain.node["args"]
    for probe in ("livenessProbe", "readinessProbe"):
        assert plain.node[probe]["httpGet"]["scheme"] == "HTTP" and plain.node[probe]["httpGet"]["port"] == "metrics"
    endpoint = plain.find("ServiceMonitor")["spec"]["endpoints"][0]
    assert "scheme" not in endpoint and "tlsConfig" not in endpoint


@pytest.mark.parametrize("name", SETS)
def test_pods_meet_the_restricted_profile(name):
    for document in rendered(name).documents:
        if document["kind"] not in ("StatefulSet", "Deployment", "DaemonSet"):
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False and pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 65532
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]


@pytest.mark.parametrize("name", SETS)
def test_a_pod_gets_the_time_that_its_drain_takes(name):
    pod = rendered(name).find("StatefulSet")["spec"]["template"]["spec"]
    drain = int(arguments(name).get("drain-delay", 0)) + int(arguments(name)["drain-timeout"])
    assert pod["terminationGracePeriodSeconds"] >= drain + 10


@pytest.mark.parametrize("name", SETS)
def test_services_and_policies_select_the_pods(name):
    pods = [document["spec"]["template"]["metadata"]["labels"] for document in rendered(name).documents
            if "template" in document.get("spec", {})]
    selectors = []
    for document in rendered(name).documents:
        spec = document.get("spec", {})
        if document["kind"] == "Service":
            selectors.append(spec["selector"])
        elif document["kind"] in ("PodDisruptionBudget", "ServiceMonitor", "PodMonitor"):
            selectors.append(spec["selector"]["matchLabels"])
        elif document["kind"] == "NetworkPolicy":
            selectors.append(spec["podSelector"]["matchLabels"])
    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in pods) == 1, selector


def test_another_zones_haproxy_may_pass_the_network_policy():
    other = {"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "cachey-b"}}}
    policy = chart.render({"networkPolicy": {"enabled": True, "nodeClients": [other]}}).find("NetworkPolicy")
    assert len(policy["spec"]["ingress"][0]["from"]) == 2 and other in policy["spec"]["ingress"][0]["from"]


def test_the_version_is_the_servers():
    told = subprocess.run([BINARY, "--version"], text=True, capture_output=True, check=True).stdout
    metadata = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert metadata["appVersion"] in told
    assert metadata["version"] == metadata["appVersion"]


def test_notes_have_a_first_request_and_say_what_is_open():
    notes = {name: rendered(name).files["NOTES.txt"] for name in SETS}
    request = {"default": "http://127.0.0.1:8080/fetch/", "sidecar": "http://127.0.0.1:8080/fetch/",
               "fleet": "https://127.0.0.1:8080/fetch/", "zone": "http://127.0.0.1:8080/fetch/",
               "monitored": "http://127.0.0.1:8080/fetch/"}
    for name, url in request.items():
        assert f"-H 'Range: bytes=0-1023' {url}BUCKET/KEY" in notes[name], name
        assert ("Bearer $TOKEN" in notes[name]) == (name in ("fleet", "monitored")), name
        assert ("may read every bucket" in notes[name]) == (name in ("default", "zone")), name
        assert ("begins empty" in notes[name]) == (name in ("default", "monitored")), name
    direct = chart.render({"haproxy": {"mode": "none"}}).files["NOTES.txt"]
    assert "each node fetches every page" in direct


def leaves(values, before=""):
    for name, value in values.items():
        if isinstance(value, dict) and value and name not in ("resources", "podSecurityContext", "securityContext"):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def test_readme_lists_every_value_with_its_default():
    rows = re.findall(r"^\| `([A-Za-z0-9.]+)` \| (.*?) \|", (chart.CHART / "README.md").read_text(), re.MULTILINE)
    defaults = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    values = dict(leaves(defaults))
    documented = [(name, cell) for name, cell in rows if name.split(".")[0] in defaults]
    assert [name for name, _ in documented] == list(values)
    for name, cell in documented:
        assert cell == "see values.yaml" or json.loads(cell.strip("`")) == values[name], f"{name}: {cell}"


def test_each_option_of_the_chart_is_refused_in_extra_args():
    """The list in _checks.tpl has every option that a template writes."""
    templates = {path.name: path.read_text() for path in (chart.CHART / "templates").glob("*.tpl")}
    written = set(re.findall(r"--([a-z0-9-]+)", templates["_arguments.tpl"])) - {""}
    refused = set(re.findall(r'"([a-z0-9-]+)"', templates["_checks.tpl"]))
    assert written - refused == set()


def test_plain_manifests_are_the_rendered_chart():
    assert (chart.PLAIN / "base" / "cachey.yaml").read_text() == chart.plain_manifests()


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
def test_the_overlay_adds_to_the_plain_manifests():
    done = subprocess.run(["kubectl", "kustomize", chart.PLAIN / "example"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    documents = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
    container = documents["StatefulSet", "cachey"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"].startswith("registry.example.com/cachey:")
    assert container["args"][-2:] == ["--kind=logs=logs-prod", "--kinds=declared"]
    environment = {one["name"]: one for one in container["env"]}
    assert environment["AWS_REGION"]["value"] == "eu-central-1"
    reference = environment["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"]
    assert reference["key"] in documents["Secret", reference["name"]]["data"]
