"""What is in deploy/ and the documents agrees with the program, and the ways to install agree with each other."""

import functools
import re
import subprocess
import sys

import pytest
import yaml

from documents import ROOT, listed_files
from sandbox import BINARY

sys.path.insert(0, str(ROOT / "tools"))
import option_places  # noqa: E402  (the path above comes first)

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_OF_OTHERS = {
    # file: options of other programs
    "deploy/compose/compose.yaml": {"--port", "--region", "--health", "--sidecar", "--storage", "--config"},
    "deploy/compose/README.md": {"--volumes"},
    "deploy/systemd/block.conf.example": {"--path", "--suffix"},
    "deploy/container/Containerfile": {"--root", "--from", "--interval", "--timeout", "--start-period", "--retries"},
    "docs/clients.md": {"--cacert"},
    "deploy/container/README.md": {"--build-arg"},
    "deploy/helm/cachey/README.md": {"--cascade"},
    "deploy/helm/cachey/templates/NOTES.txt": {"--namespace"},
    "docs/dependencies.md": {"--preset"},
    "docs/operations.md": {"--tls-"},
    "docs/configuration.md": {"--s3api-"},
    "docs/scale-out.md": {"--socket"},  # of deploy/haproxy/rolling-restart
    "deploy/haproxy/README.md": {"--node"},
}
_CONFIGURATION = r"\.(yaml|yml|cfg|toml|service|example|conf|default|sysusers|tpl|txt)$|/Containerfile$"
_DEVELOPERS = {"docs/benchmarks.md", "docs/performance.md", "docs/testing.md", "docs/migrating.md"}
_VARIABLES_OF_OTHERS = (r"CACHEY_(TEST_\w+|BIN|REFERENCE|SERVICE_HOST|PORT_80_TCP_ADDR|HOLD_TIMES|IMAGE|AWS_TEST_DATA"
                        r"|(DISK|PIN|PURGE)_MODEL_\w+|CONFIG|NODES|VIA|TOKEN|ADMIN_TOKEN|)$")  # NODES to ADMIN_TOKEN: the Python client
FILES = [name for name in listed_files("deploy") if re.search(_CONFIGURATION, name)]
DOCUMENTS = [name for name in listed_files("README.md", "docs/*.md", "deploy/*README.md") if name not in _DEVELOPERS]


@functools.cache
def known():
    said = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return set(_OPTION.findall(said))


def options_of_cacheyctl():
    sources = (ROOT / "clients" / "python" / "src" / "cachey_client" / "cli").glob("*.py")
    return {option for source in sources for option in re.findall(r'"(--[a-z][a-z0-9-]*)"', source.read_text())}


def options_of(name, text):
    """Options in a configuration; in a document those of a code span that begins with an option or with `cachey`."""
    spans = re.findall(r"`((?:--|cachey )[^`]*)`", text)
    found = set(_OPTION.findall(" ".join(spans) if name.endswith(".md") else text))
    return {option for option in found if option not in _OF_OTHERS.get(name, ())}


@pytest.mark.parametrize("name", FILES + DOCUMENTS)
def test_the_program_has_every_option(name):
    others = options_of_cacheyctl() if name == "docs/cacheyctl.md" else set()
    assert options_of(name, (ROOT / name).read_text()) - known() - others == set()


def test_options_of_others_are_in_use():
    for name, others in _OF_OTHERS.items():
        if (ROOT / name).exists():
            assert others <= set(_OPTION.findall((ROOT / name).read_text())), name


def test_an_unknown_option_is_noticed():
    assert options_of("deploy/x.yaml", "command: [--memroy=1GiB, --memory=1GiB]") - known() == {"--memroy"}
    assert options_of("docs/x.md", "`--no-such SIZE`, `cachey --nor-this` and `curl --retry`") - known() == {"--no-such", "--nor-this"}


@pytest.mark.parametrize("name", FILES + listed_files("*README.md", "docs/*.md", "AGENTS.md"))
def test_variables_are_options(name):
    variables = set(re.findall(r"\bCACHEY_[A-Z0-9_]*", (ROOT / name).read_text(errors="replace")))
    options = {f"--{variable[7:].lower().replace('_', '-')}" for variable in variables if not re.match(_VARIABLES_OF_OTHERS, variable)}
    assert options - known() == set()


def test_the_table_is_up_to_date():
    subprocess.run([sys.executable, ROOT / "tools" / "option_places.py", "--check"], check=True)


def test_the_table_names_options_only():
    options = set(option_places.options())
    for place, cells in option_places.places().items():
        assert set(cells) <= options, f"{place} has {set(cells) - options}"


def place(file):
    """The text of a file of deploy; the test is skipped if this way to install does not exist."""
    if not (ROOT / file).exists():
        pytest.skip(f"there is no {file}")
    return (ROOT / file).read_text()


def test_each_value_of_the_chart_is_used():
    values = yaml.safe_load(place("deploy/helm/cachey/values.yaml"))
    templates = "".join((ROOT / name).read_text() for name in listed_files("deploy/helm/cachey/templates"))
    names = {name for key, value in values.items() for name in ([f"{key}.{inner}" for inner in value] if isinstance(value, dict) else [key])}
    unused = {name for name in names if not re.search(rf"\.{re.escape(name.split('.')[-1])}\b", templates)
              and not re.search(rf"\.{re.escape(name.split('.')[0])}\b(?!\.)", templates)}
    assert unused == set()


def test_the_chart_refuses_its_own_options_in_extra_arguments():
    checks = place("deploy/helm/cachey/templates/_checks.tpl")
    own = {name for line in checks.splitlines() if re.search(r"\$own :?= ", line) for name in re.findall(r'"([a-z0-9-]+)"', line)}
    assert own == set(option_places.chart_arguments())


def ports_and_paths():
    """{place: {what: value}}, for what each way to install must have alike."""
    said = {}
    if (ROOT / "deploy/container/Containerfile").exists():
        text = place("deploy/container/Containerfile")
        said["image"] = {"data": re.search(r"CACHEY_PORT=(\d+)", text)[1], "exposed": re.search(r"^EXPOSE (.*)", text, re.MULTILINE)[1],
                         "user": re.search(r"^USER (\d+):\1$", text, re.MULTILINE)[1], "disk": re.search(r"^VOLUME (\S+)", text, re.MULTILINE)[1]}
    if (ROOT / "deploy/helm/cachey/values.yaml").exists():
        values = yaml.safe_load(place("deploy/helm/cachey/values.yaml"))
        said["chart"] = {"data": str(values["port"]), "exposed": f"{values['port']} {values['s3']['port']} {values['metrics']['port']}",
                         "user": str(values["podSecurityContext"]["runAsUser"]),
                         "disk": re.search(r"--disk-path=(/var\S+)", place("deploy/helm/cachey/templates/_arguments.tpl"))[1]}
    if (ROOT / "deploy/systemd/cachey.toml").exists():
        text = place("deploy/systemd/cachey.toml")
        ports = [re.search(pattern, text, re.MULTILINE)[1] for pattern in (
            r"^port = (\d+)", r's3api-listen = \["[\d.]+:(\d+)', r'^admin-listen = \["127.0.0.1:(\d+)')]
        said["package"] = {"data": ports[0], "disk": re.search(r'disk-path = "(\S+)"', text)[1], "exposed": " ".join(ports)}
    nodes = {option: value.strip("`") for option, value in option_places.compose().items()}
    check = re.search(r'--probe, "http://127.0.0.1:(\d+)/readyz', place("deploy/compose/compose.yaml"))[1]
    ports = [check, *(nodes[option].split(":")[1] for option in ("s3api-listen", "admin-listen"))]
    said["compose"] = {"data": check, "exposed": " ".join(ports), "disk": nodes["disk-path"]}
    return said


def test_ports_paths_and_users_are_the_same():
    wanted = {"data": "8080", "exposed": "8080 9000 9090", "user": "65532", "disk": "/var/cache/cachey"}
    for name, said in ports_and_paths().items():
        assert said == {key: wanted[key] for key in said}, name


def test_the_package_uses_the_directory_of_the_unit():
    unit = place("deploy/systemd/cachey.service")
    assert re.search(r"^CacheDirectory=cachey$", unit, re.MULTILINE) and "--config /etc/cachey/cachey.toml" in unit
    done = subprocess.run([BINARY, "--config", ROOT / "deploy/systemd/cachey.toml", "--print-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "kind" in done.stderr, done.stderr


def test_the_image_of_haproxy_is_the_same():
    chart = yaml.safe_load(place("deploy/helm/cachey/values.yaml"))["haproxy"]["image"]
    assert f"image: {chart['repository']}:{chart['tag']}\n" in place("deploy/compose/compose.yaml")
