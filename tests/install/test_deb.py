"""The Debian package on a machine that systemd has booted: install, configure, run, fail, upgrade, remove, purge.

The tests follow the life of one installation, so their order counts.
"""

import contextlib
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import time

import documents
import machine
import pytest

ROOT = machine.ROOT
BUILD = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey")).parent
CACHE = "var/cache/cachey/cachey.disk"
CONFIG = "etc/cachey/cachey.toml"
ENVIRONMENT = "etc/default/cachey"
CHECK = re.search(r"^systemd-run .*\n.* --check-config$", (ROOT / "deploy/debian/README.md").read_text(), re.M)[0]
OPERATIONS = [block.text for block in documents.blocks_of("operations.md", (ROOT / "docs/operations.md").read_text())]
EDIT = """
kind = ["logs=logs"]
origin = "dir:/srv/objects"
disk-path = "/var/cache/cachey"
disk-capacity = "256MiB"
access-log = "/var/log/cachey/access.log"
"""
NET_BIND_SERVICE = 1 << 10

# In CI a computer that cannot boot machines is a failure.
pytestmark = pytest.mark.skipif(bool(machine.needs()) and not os.environ.get("CI"), reason=machine.needs())


def build_packages():
    subprocess.run([ROOT / "deploy" / "debian" / "build", BUILD], check=True, stdout=subprocess.DEVNULL)
    return {path.name.split("_")[0]: path for path in (ROOT / "build" / "deb").glob("*.deb")}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The packages by name, in a folder of this test run."""
    folder = tmp_path_factory.mktemp("deb")
    return {name: pathlib.Path(shutil.copy(path, folder)) for name, path in build_packages().items()}


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], check=True, text=True, capture_output=True).stdout.strip()


@pytest.fixture(scope="module")
def host(packages, tmp_path_factory):
    needed = re.findall(r"(?:^|, )([a-z0-9.+-]+)", field(packages["cachey"], "Depends"))
    with machine.Machine(needed, tmp_path_factory.mktemp("machine")) as booted:
        logs = booted.files / "srv" / "objects" / "logs"
        logs.mkdir(parents=True)
        for name in ("one", "two", "three"):
            (logs / name).write_text(f"object {name}")
        yield booted


def install(host, package):
    shutil.copy(package, host.files / "root" / "cachey.deb")
    return host.run("apt-get", "install", "-y", "-o", "Dpkg::Options::=--force-confold", "/root/cachey.deb",
                    DEBIAN_FRONTEND="noninteractive").stdout


def show(host, *names):
    lines = host.run("systemctl", "show", "cachey", *(f"--property={name}" for name in names)).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return [values[name] for name in names] if len(names) > 1 else values[names[0]]


def status(host):
    return host.run("systemctl", "status", "--no-pager", "--full", "cachey", check=False).stdout


def fetch(host, name, port=8080):
    done = subprocess.run(host.in_network("curl", "-sS", "-m", "20", "-r", "0-99", f"http://127.0.0.1:{port}/fetch/logs/{name}"),
                          text=True, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def wait_until_served(host, port=8080):
    host.wait_for(lambda: fetch(host, "one", port) == "object one", 30, lambda: status(host))


def test_lintian_finds_nothing(packages):
    subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                    *packages.values()], check=True)


def test_a_second_package_is_equal(packages):
    for name, again in build_packages().items():
        assert again.read_bytes() == packages[name].read_bytes(), f"{name} differs"


def test_the_debug_symbols_are_those_of_the_server(packages, tmp_path):
    for package in packages.values():
        subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    notes = subprocess.run(["readelf", "-n", tmp_path / "usr/bin/cachey"], check=True, text=True, capture_output=True)
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes.stdout)[1]
    assert (tmp_path / f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug").exists()


def test_the_server_does_not_depend_on_the_folder_of_the_build():
    assert str(ROOT).encode() not in (BUILD / "cachey").read_bytes()


def test_it_is_enabled_but_not_started(host, packages):
    output = install(host, packages["cachey"])
    assert "not started, because no bucket is named yet" in output
    assert show(host, "UnitFileState", "ActiveState") == ["enabled", "inactive"]
    assert host.run("stat", "-c", "%a %U:%G", "/etc/default/cachey").stdout == "640 root:cachey\n"
    assert host.run("getent", "passwd", "cachey").stdout.strip().endswith(":/usr/sbin/nologin")
    assert host.run("cachey", "--version").stdout.startswith("cachey ")


def test_systemd_finds_no_fault_in_unit_and_examples(host):
    folder = host.files / "etc/systemd/system/cachey.service.d"
    folder.mkdir(exist_ok=True)
    assert host.run("systemd-analyze", "--man=no", "verify", "cachey.service").stdout == ""
    examples = host.files / "usr/share/doc/cachey/examples"
    for example in sorted(examples.glob("*.conf.example")):
        shutil.copy(example, folder / example.stem)
        assert host.run("systemd-analyze", "--man=no", "verify", "cachey.service").stdout == "", example.name
    assert len(list(folder.iterdir())) == 3
    shutil.rmtree(folder)
    exposure = host.run("systemd-analyze", "security", "--no-pager", "cachey.service").stdout
    assert float(re.search(r"exposure level for cachey.service: ([0-9.]+)", exposure)[1]) <= 1.6


def test_the_documented_check_works_before_the_first_start(host):
    config, environment = host.files / CONFIG, host.files / ENVIRONMENT
    texts = config.read_text(), environment.read_text()
    config.write_text(texts[0] + EDIT)
    done = host.run("sh", "-c", CHECK)
    assert "no fault" in done.stdout
    with environment.open("a") as lines:
        lines.write("CACHEY_DRAIN_DELAY=long\n")
    done = host.run("sh", "-c", CHECK, check=False)
    assert done.returncode == 2 and "CACHEY_DRAIN_DELAY" in done.stdout
    config.write_text(texts[0])
    environment.write_text(texts[1])


def test_a_wrong_configuration_is_told_and_not_tried_again(host):
    host.run("systemctl", "start", "cachey", check=False)
    host.wait_for(lambda: show(host, "ActiveState") == "failed", 20, lambda: status(host))
    assert show(host, "ExecMainStatus", "NRestarts") == ["2", "0"]
    assert "kinds" in status(host) and "--kind" in status(host)


def test_it_serves_after_one_edit(host):
    config = host.files / CONFIG
    config.write_text(config.read_text().removesuffix(EDIT) + EDIT)  # once, also if the test runs again
    host.run("systemctl", "start", "cachey")
    wait_until_served(host)
    process = host.run("cat", f"/proc/{show(host, 'MainPID')}/status").stdout
    words = {line.split(":")[0]: line.split()[1] for line in process.splitlines() if len(line.split()) > 1}
    assert words["Uid"] == host.run("id", "-u", "cachey").stdout.strip() != "0"
    assert [int(words[name], 16) for name in ("CapEff", "CapBnd", "CapPrm")] == [NET_BIND_SERVICE] * 3
    assert (words["NoNewPrivs"], words["Seccomp"]) == ("1", "2")
    assert host.run("stat", "-c", "%a %U", f"/{CACHE}", "/var/cache/cachey").stdout.split() == ["600", "cachey", "700", "cachey"]


def test_the_status_says_where_it_listens(host):
    assert "0.0.0.0:8080" in show(host, "StatusText")


def test_it_listens_for_clients_and_for_loopback_alone(host):
    listening = subprocess.run(host.in_network("ss", "-Hltn"), check=True, text=True, capture_output=True).stdout
    assert sorted({line.split()[3] for line in listening.splitlines()}) == ["0.0.0.0:8080", "127.0.0.1:9090"]


def test_the_sandbox_leaves_io_uring_and_prints_no_warning(host):
    log = host.run("journalctl", "-u", "cachey", "--no-pager", "-o", "cat").stdout
    assert "io=io_uring" in log, log
    assert not [line for line in log.splitlines() if " warning " in line or " error " in line], log


def test_reload_keeps_the_process(host):
    before = show(host, "MainPID")
    host.run("systemctl", "reload", "cachey")
    host.wait_for(lambda: "reloaded" in host.run("journalctl", "-u", "cachey", "--no-pager").stdout, 20, "a reload")
    assert show(host, "MainPID", "ActiveState") == [before, "active"]


def test_a_killed_server_is_started_again(host):
    before, restarts = show(host, "MainPID", "NRestarts")
    host.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "cachey")
    host.wait_for(lambda: show(host, "MainPID") not in ("0", before), 30, "a new process")
    wait_until_served(host)
    assert int(show(host, "NRestarts")) == int(restarts) + 1


def test_a_port_in_use_is_tried_until_it_is_free(host):
    host.run("systemctl", "stop", "cachey")
    assert show(host, "Result", "ExecMainStatus") == ["success", "0"]
    holds = "import socket, time; s = socket.create_server(('', 8080)); print('held', flush=True); time.sleep(600)"
    with subprocess.Popen(host.in_network("/usr/bin/python3", "-c", holds), stdout=subprocess.PIPE) as holder:
        try:
            holder.stdout.readline()
            host.run("systemctl", "start", "cachey", check=False)
            host.wait_for(lambda: int(show(host, "NRestarts")) >= 2, 30, "two more starts")
        finally:
            holder.kill()
    wait_until_served(host)


@contextlib.contextmanager
def drop_in(host, text):
    """Changes the unit, and starts the service again, before and after."""
    folder = host.files / "etc/systemd/system/cachey.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text(f"[Service]\n{text}")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "cachey")
    try:
        yield
    finally:
        shutil.rmtree(folder)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "restart", "cachey")
    wait_until_served(host)


def test_a_port_below_1024(host):
    with drop_in(host, "ExecStart=\nExecStart=/usr/bin/cachey --config /etc/cachey/cachey.toml --port 80\n"):
        wait_until_served(host, 80)


def test_a_drain_takes_longer_than_the_timeout_of_the_unit(host):
    with drop_in(host, "TimeoutStopSec=1\nEnvironment=CACHEY_DRAIN_DELAY=3\n"):
        wait_until_served(host)
        began = time.monotonic()
        host.run("systemctl", "stop", "cachey")
        assert time.monotonic() - began > 3
        assert show(host, "Result", "ExecMainStatus") == ["success", "0"]


def test_logs_are_rotated(host):
    log = host.files / "var/log/cachey/access.log"
    host.wait_for(lambda: log.exists() and log.stat().st_size > 0, 20, "a line of the access log")
    host.run("logrotate", "--force", "/etc/logrotate.d/cachey")
    assert log.with_suffix(".log.1").stat().st_size > 0
    wait_until_served(host)
    host.wait_for(lambda: log.stat().st_size > 0, 20, "a line of the new access log")


def run_block(host, begin, edit):
    """The commands of a block of operations.md that begins so; `edit` instead of the editor."""
    before, file, after = re.split(r"^editor /(\S+).*$", next(text for text in OPERATIONS if text.startswith(begin)), flags=re.M)
    host.run("sh", "-ec", before.removeprefix("cmake --install build/release --prefix /usr/local"))
    (host.files / file).write_text(edit)
    host.run("sh", "-ec", after)


def test_a_second_server_on_the_machine(host):
    paths = ("/var/cache/cachey", "/var/log/cachey")
    edit = (host.files / CONFIG).read_text().replace("8080", "8081").replace("9090", "9091")
    for path in paths:
        edit = edit.replace(path, f"{path}-second")
    run_block(host, "sed ", edit)
    wait_until_served(host, 8081)
    wait_until_served(host)
    host.run("systemctl", "disable", "--now", "cachey-second")
    host.run("sh", "-c", "rm -r /etc/systemd/system/cachey-second.service /etc/cachey/second.toml /etc/default/cachey-second "
             + " ".join(f"{path}-second" for path in paths))


def newer(package, folder):
    """The same package in a higher version, with a changed configuration file."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*", "Version: 99.0.0-1", control.read_text(), flags=re.M))
    config = tree / CONFIG
    config.write_text(config.read_text() + "# of a new version\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, folder / "newer.deb"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / "newer.deb"


def test_an_upgrade_keeps_the_pages_and_the_edits(host, packages, tmp_path):
    assert fetch(host, "two") == "object two"
    host.run("systemctl", "restart", "cachey")
    wait_until_served(host)
    (host.files / "srv/objects/logs/two").unlink()
    before = show(host, "MainPID")
    config = (host.files / CONFIG).read_text()
    install(host, newer(packages["cachey"], tmp_path))
    assert show(host, "MainPID") != before and show(host, "ActiveState") == "active"
    assert (host.files / CONFIG).read_text() == config
    assert host.run("stat", "-c", "%a %U:%G", "/etc/default/cachey").stdout == "640 root:cachey\n"
    wait_until_served(host)
    assert fetch(host, "two") == "object two", "the page is not served from the disk"


def test_the_file_for_secrets_comes_back_for_the_group_alone(host, packages):
    host.run("rm", f"/{ENVIRONMENT}")
    shutil.copy(packages["cachey"], host.files / "root" / "cachey.deb")
    host.run("dpkg", "-i", "--force-confold,confmiss,downgrade", "/root/cachey.deb")
    assert host.run("stat", "-c", "%a %U:%G", f"/{ENVIRONMENT}").stdout == "640 root:cachey\n"
    wait_until_served(host)


def test_the_package_has_the_licenses_of_code_that_is_built_in(host):
    built_in = runpy.run_path(str(ROOT / "deploy/container/make_root.py"))["BUILT_IN"]
    assert sorted(path.name for path in (host.files / "usr/share/doc/cachey/built-in").iterdir()) == sorted([*built_in, "uplot"])


def test_removal_keeps_the_pages(host):
    output = host.run("apt-get", "remove", "-y", "cachey", DEBIAN_FRONTEND="noninteractive").stdout
    assert "stay in /var/cache/cachey/cachey.disk" in output
    assert (host.files / CACHE).exists() and (host.files / CONFIG).exists()
    assert subprocess.run(host.in_network("ss", "-Hltn"), check=True, capture_output=True).stdout == b""


def test_purge_deletes_the_pages(host):
    output = host.run("apt-get", "purge", "-y", "cachey", DEBIAN_FRONTEND="noninteractive").stdout
    assert "deleting the pages in /var/cache/cachey/cachey.disk" in output
    left = host.run("find", "/etc", "/var", "/lib/systemd", "-name", "*cachey*", "!", "-path", "/var/lib/systemd/*", "!",
                    "-path", "/var/log/journal/*").stdout.split()
    assert left == [], left


def test_a_purge_leaves_places_of_others(host, packages):
    """A file system of its own for the pages, a link to another place, an administrator's key."""
    host.run("mkdir", "/var/cache/cachey")
    host.run("mount", "-t", "tmpfs", "tmpfs", "/var/cache/cachey")
    host.run("ln", "-s", "/srv", "/var/log/cachey")
    install(host, packages["cachey"])
    (host.files / "etc/cachey/tls.key").touch()
    host.run("apt-get", "purge", "-y", "cachey", DEBIAN_FRONTEND="noninteractive")
    assert host.run("dpkg-query", "--show", "cachey", check=False).returncode == 1
    assert (host.files / "etc/cachey/tls.key").exists() and (host.files / "srv/objects").exists()


def test_a_service_from_source(host):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr/local"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": str(host.files)})
    example = (ROOT / "deploy/systemd/cachey.toml").read_text()
    host.run("umount", "/var/cache/cachey")
    run_block(host, "cmake --install", example + EDIT)
    wait_until_served(host)
    assert show(host, "FragmentPath") == "/usr/local/lib/systemd/system/cachey.service"
