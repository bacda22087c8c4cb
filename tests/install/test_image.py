"""The image of ./dev image, unpacked and run as a container runtime does: contents, config, the server in it."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import stat
import subprocess
import tempfile
import threading

import container
import pytest
from container import USER
from harness import BINARY, MIB, ROOT, limit, wait_until

SOURCES = ROOT / "deploy" / "container"
TOOLS = ROOT / "build" / "tools" / "install" / "bin"
SIZE = 40 * MIB
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
NAME = "docker.io/library/cachey:{}"
LIMITS = ("--network", "none", "--read-only", "--cap-drop", "ALL", "--ulimit", "nofile=4096:4096", "--ulimit",
          "nproc=4096:4096")  # this user's own may be less than podman's defaults
CHECK_BILL = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to run the image under its own user id")


def output_of(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.fixture(scope="module")
def folder():
    """A folder for other users too, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="cachey-image-") as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        (path / "data" / "demo").mkdir(parents=True)
        with open(path / "data" / "demo" / "large", "wb") as large:
            large.write(b"0123456789abcdef" * (SIZE // 16))
        yield path


@pytest.fixture(scope="module")
def builds(folder):
    """The same binary, built twice, in different folders and with different umasks."""
    made = []
    for name, umask in (("first", 0o022), ("second/deeper", 0o077)):
        out = folder / name
        out.mkdir(parents=True)
        (out / f"cachey-0.0.1-{ARCHITECTURE}.oci.tar").touch()  # an older image, which must go
        done = subprocess.run([SOURCES / "build", "--binary", BINARY, "--out", out], text=True, umask=umask,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        made.append(out)
    return made


@pytest.fixture(scope="module")
def image(builds, folder):
    (archive,) = builds[0].glob("*.oci.tar")
    (folder / "unpacked").mkdir()
    return container.Image(archive, folder / "unpacked")


@pytest.fixture
def cache(folder):
    """A volume for the cache."""
    path = folder / "cache"
    path.mkdir()
    shutil.chown(path, USER, USER)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(image, folder, tmp_path):
    """Starts containers with the folder `data` as their origin; ends them after the test."""
    with contextlib.ExitStack() as ends:
        def start_one(*arguments, memory="64MiB", mounts=(), **named):
            started = container.Container(image, tmp_path / f"log-{id(arguments)}", "--origin", "dir:/run/data",
                                          "--memory", memory, *arguments,
                                          mounts=[(folder / "data", "/run/data"), *mounts], **named)
            ends.callback(started.kill)
            return started.wait_for("listening")
        yield start_one


def test_two_builds_are_the_same(builds):
    first, second = ({path.name: path.read_bytes() for path in out.iterdir()} for out in builds)
    assert sorted(path.split(".")[-1] for path in first) == ["SHA256SUMS", "json", "tar"]
    assert first == second


def test_the_sums_are_right(builds):
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=builds[0], check=True)


def test_one_archive_serves_oci_and_docker(image):
    as_oci = json.loads(output_of("skopeo", "inspect", f"oci-archive:{image.archive}"))
    as_docker = json.loads(output_of("skopeo", "inspect", f"docker-archive:{image.archive}"))
    assert as_oci["Digest"] == image.digest
    assert as_oci["Labels"] == as_docker["Labels"] and as_oci["Created"] == as_docker["Created"]
    loaded = output_of("skopeo", "list-tags", f"docker-archive:{image.archive}")
    assert json.loads(loaded)["Tags"] == [f"cachey:{image.tag}"]


def test_config(image):
    config = image.config["config"]
    assert config["User"] == f"{USER}:{USER}"  # numbers: runAsNonRoot of Kubernetes refuses names
    assert config["Entrypoint"] == ["/usr/bin/cachey"] and "Cmd" not in config
    assert "CACHEY_PORT=8080" in config["Env"]
    assert set(config["ExposedPorts"]) == {"8080/tcp", "9000/tcp", "9090/tcp"}
    assert set(config["Volumes"]) == {"/var/cache/cachey"} and config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/cachey", "--probe"]
    assert image.config["architecture"] == output_of("dpkg", "--print-architecture").strip()


def test_labels(image):
    labels = image.config["config"]["Labels"]
    assert all(name.startswith("org.opencontainers.image.") for name in labels)
    named = {name.rsplit(".", 1)[1]: value for name, value in labels.items()}
    assert named["version"] == image.tag == output_of("deploy/version", "--semver").strip()
    assert named["revision"].startswith(output_of("git", "rev-parse", "HEAD").strip())
    assert named["licenses"] == "MIT" and named["title"] == "Cachey"
    assert named["created"] == image.config["created"] != "1970-01-01T00:00:00Z"


def test_the_root_has_nothing_but_what_the_server_needs(image):
    paths = [path for path in image.root.rglob("*") if not path.is_symlink()]
    modes = {f"/{path.relative_to(image.root)}": path.stat() for path in paths}
    programs = [name for name, status in modes.items() if stat.S_ISREG(status.st_mode) and status.st_mode & 0o111]
    programs = [name for name in programs if not re.search(r"/ld-linux|\.so\.", name)]
    assert programs == ["/usr/bin/cachey"], "a shell, or another program"
    assert [name for name, status in modes.items() if status.st_mode & (stat.S_ISUID | stat.S_ISGID)] == []
    assert [name for name, status in modes.items() if status.st_mode & 0o002] == ["/tmp"]
    owned = sorted(name for name, status in modes.items() if (status.st_uid, status.st_gid) != (0, 0))
    assert owned == ["/home/nonroot", "/var/cache/cachey"]
    assert {modes[name].st_uid for name in owned} == {USER}
    volume = modes["/var/cache/cachey"]
    assert (volume.st_gid, stat.S_IMODE(volume.st_mode)) == (0, 0o770), "OpenShift's users are in group 0"
    size = sum(status.st_size for status in modes.values() if stat.S_ISREG(status.st_mode))
    assert size < 25 * MIB and sum(layer["size"] for layer in image.manifest["layers"]) < 10 * MIB


def test_people_and_programs_find_the_user_and_the_system(image):
    assert f"nonroot:x:{USER}:{USER}:" in (image.root / "etc/passwd").read_text()
    assert 'VERSION_ID="12"' in (image.root / "etc/os-release").read_text()
    bundle = (image.root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") > 100


def test_scanners_find_the_packages(image, builds, tmp_path):
    records = [path.read_text() for path in sorted((image.root / "var/lib/dpkg/status.d").iterdir())]
    (tmp_path / "status").write_text("\n".join(record.rstrip("\n") + "\n" for record in records))
    lines = output_of("dpkg-query", "--admindir", tmp_path, "-W", "-f=${Package} ${Version}\n").splitlines()
    listed = dict(line.split(" ") for line in lines)
    assert {"libc6", "libssl3", "libnghttp2-14", "libstdc++6", "base-files", "ca-certificates"} <= set(listed)
    assert listed["libssl3"] == output_of("dpkg-query", "-W", "-f=${Version}", "libssl3")
    for name in listed:
        assert (image.root / "usr/share/doc" / name / "copyright").stat().st_size > 500
    (bill,) = builds[0].glob("*.cdx.json")
    subprocess.run([TOOLS / "python", "-c", CHECK_BILL, bill], check=True)
    components = {part["name"]: part["version"] for part in json.loads(bill.read_text())["components"]}
    assert listed.items() <= components.items() and "libcli11-dev" in components
    assert components["uplot"] == "1.6.32" and "Leon Sorokin" in (image.root / "usr/share/doc/cachey/built-in/uplot").read_text()


def test_the_containerfile_is_clean():
    done = subprocess.run([TOOLS / "hadolint", SOURCES / "Containerfile"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_a_container_with_the_defaults(start, cache):
    """Read-only root, no capabilities, no network but loopback, no HOME: the image's own port, probe and volume."""
    server = start("--disk-path", "/var/cache/cachey", "--disk-capacity", "64MiB", "--admin-listen", "127.0.0.1:9090",
                   "--s3api-listen", "0.0.0.0:9000", "--s3api-open", writable=[(cache, "/var/cache/cachey")])
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    assert re.search(rf"^Uid:\t{USER}\t{USER}\t{USER}\t{USER}$", status, re.MULTILINE)
    assert set(re.findall(r"^Cap\w+:\t(\w+)$", status, re.MULTILINE)) == {"0" * 16}
    assert re.search(r"^NSpid:.*\t1$", status, re.MULTILINE)
    mounts = [line.split() for line in pathlib.Path(f"/proc/{server.pid}/mountinfo").read_text().splitlines()]
    assert ["ro" in options.split(",") for _, _, _, _, path, options, *_ in mounts if path == "/"] == [True]
    url = "http://127.0.0.1"
    assert server.beside("curl", "-sf", "-r", "1-4", f"{url}:8080/fetch/demo/large").stdout == b"1234"
    assert server.beside("curl", "-sf", "-r", "0-3", f"{url}:9000/demo/large").stdout == b"0123"
    assert b"cachey_build_info" in server.beside("curl", "-sf", f"{url}:9090/metrics").stdout
    assert os.stat(cache / "cachey.disk").st_uid == USER
    server.terminate()
    assert server.wait() == 0, server.log()
    assert "disk written" in server.log()


PORTS = {"the image's": (), "another": ("--port", "8081"), "IPv6": ("--listen", "[::]:8082"), "TLS": ("--tls-self",),
         "one address": ("--listen", "127.0.0.1:8083"), "with clients' certificates": ("--tls-self", "--tls-client-ca", "/run/tls/tls.crt")}


@pytest.mark.parametrize("which", PORTS)
def test_the_health_check_asks_the_servers_port(image, start, certificate, which):
    check = image.config["config"]["Healthcheck"]["Test"][1:]
    server = start(*PORTS[which], mounts=[(certificate, "/run/tls")])
    done = server.inside(*check)
    assert done.returncode == 0, done.stderr


def test_a_server_that_drains_is_not_healthy(image, start):
    server = start("--drain-delay", "20")
    server.terminate()
    done = server.inside(*image.config["config"]["Healthcheck"]["Test"][1:])
    assert done.returncode == 1 and "http://127.0.0.1:8080/readyz" in done.stderr and "503" in done.stderr


def test_a_stop_completes_the_answers(start, tmp_path):
    server = start("--drain-timeout", "15")
    with open(tmp_path / "body", "wb") as body, subprocess.Popen(
            ["nsenter", "-t", str(server.pid), "-n", "curl", "-sf", "--limit-rate", "20M", "-r", f"0-{SIZE - 1}",
             "http://127.0.0.1:8080/fetch/demo/large"], stdout=body) as download:
        wait_until(lambda: os.stat(tmp_path / "body").st_size > 0, 10, "the first bytes")
        server.terminate()
        assert download.wait(20) == 0
    assert os.stat(tmp_path / "body").st_size == SIZE
    assert server.wait() == 0, server.log()


def test_a_mounted_key(start, certificate):
    server = start("--tls-cert", "/run/tls/tls.crt", "--tls-key", "/run/tls/tls.key",
                   mounts=[(certificate, "/run/tls")])
    done = server.beside("curl", "-sf", "--cacert", certificate / "tls.crt", "-r", "0-3",
                         "https://localhost:8080/fetch/demo/large")
    assert done.stdout == b"0123"
    assert server.inside("/usr/bin/cachey", "--probe", "https://127.0.0.1:8080/readyz").returncode == 0


@pytest.fixture
def certificate(folder):
    """A certificate for localhost, its own authority; the server's user may read the key."""
    path = folder / "tls"
    path.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout",
                    path / "tls.key", "-out", path / "tls.crt"], check=True, capture_output=True)
    shutil.chown(path / "tls.key", USER, USER)
    yield path
    shutil.rmtree(path)


class OneByteStore(http.server.BaseHTTPRequestHandler):
    """A store in which every object is one byte long."""

    def do_GET(self):
        self.send_response(206)
        for name, value in (("Content-Range", "bytes 0-0/1"), ("Content-Length", "1"), ("ETag", '"x"')):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_):
        pass


def test_the_bundle_of_certificates_is_the_one_that_counts(image, certificate):
    """A bundle mounted over the image's own makes the server trust a store of that authority, and nothing else does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneByteStore) as store:
        store.socket = context.wrap_socket(store.socket, server_side=True)
        threading.Thread(target=store.serve_forever, daemon=True).start()
        environment = {"AWS_ENDPOINT_URL_S3": f"https://127.0.0.1:{store.server_port}", "AWS_ACCESS_KEY_ID": "a",
                       "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        ask = ("--check-origin", "bucket/key", "--s3-force-path-style")
        refused = container.run(image, *ask, environment=environment, network="host")
        assert refused.returncode != 0 and "certificate" in refused.stdout + refused.stderr
        bundle = [(certificate / "tls.crt", "/etc/ssl/certs/ca-certificates.crt")]
        trusted = container.run(image, *ask, environment=environment, network="host", mounts=bundle)
        assert trusted.returncode == 0, trusted.stdout + trusted.stderr
        store.shutdown()


def test_another_architecture_has_its_own_libraries(builds, tmp_path):
    """A program for 64-bit ARM gets ARM's libraries; after that, this machine's programs still get theirs."""
    del builds  # comes first, because both keep packages in build/image
    link = ["clang-19", "--target=aarch64-linux-gnu", "-fuse-ld=lld-19", "-nostdlib", "-x", "c", "/dev/null"]
    library, program = tmp_path / "libssl.so.3", tmp_path / "program"
    subprocess.run([*link, "-shared", "-Wl,-soname,libssl.so.3", "-o", library], check=True)
    subprocess.run([*link, "-Wl,-e,0", "-Wl,--no-as-needed", "-x", "none", library, "-o", program], check=True)
    for binary, triplet in ((program, "aarch64-linux-gnu"), (BINARY, f"{os.uname().machine}-linux-gnu")):
        output_of(SOURCES / "build", "--binary", binary, "--root", tmp_path / triplet)
        (path,) = (tmp_path / triplet).glob("usr/lib/*/libssl.so.3")
        assert path.parent.name == triplet
        assert f"Architecture: {'arm64' if triplet.startswith('aarch64') else 'amd64'}" in (
            tmp_path / triplet / "var/lib/dpkg/status.d/libssl3").read_text()


@pytest.fixture(scope="module")
def podman(image, folder):
    """A function that runs podman, with the image loaded from the archive and no other images."""
    options = ["--root", folder / "podman", "--runroot", folder / "podman-run", "--tmpdir", folder / "podman-tmp",
               "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc", "--events-backend", "none"]

    def run(*words, check=True):
        return subprocess.run(["podman", *map(str, [*options, *words])], capture_output=True, text=True, check=check,
                              timeout=limit(60))

    try:
        run("load", "--input", image.archive)
        started = run("run", "--rm", *LIMITS, NAME.format(image.tag), "--version", check=False)
        if started.returncode != 0:
            pytest.skip(f"podman cannot run containers on this machine: {started.stderr}")
        yield run
    finally:
        run("rm", "--all", "--force")


@pytest.fixture
def start_by_podman(image, podman, folder, cache):
    """Starts a container with the folder `data` as origin and a disk; removes it after the test."""
    mounts = ["--volume", f"{folder}/data:/run/data:ro", "--volume", f"{cache}:/var/cache/cachey"]

    def start(*options):
        podman("run", "--detach", "--name", "cachey", *LIMITS, *mounts, *options, NAME.format(image.tag), "--origin",
               "dir:/run/data", "--disk-path", "/var/cache/cachey", "--disk-capacity", "64MiB")
        return wait_until(lambda: "listening" in (text := podman("logs", "cachey").stderr) and text, 15, "the server")

    yield start
    podman("rm", "--force", "cachey")


def test_podman_gives_memory_health_and_a_stop(image, podman, start_by_podman):
    log = start_by_podman("--memory", "400m")
    assert f"memory={400 * MIB * 7 // 10} " in log, "not 70 % of the limit"
    pid = podman("inspect", "--format", "{{.State.Pid}}", "cachey").stdout.strip()
    assert output_of("nsenter", "-t", pid, "-n", "curl", "-sf", "-r", "1-4",
                     "http://127.0.0.1:8080/fetch/demo/large") == "1234"
    podman("exec", "cachey", *image.config["config"]["Healthcheck"]["Test"][1:])
    podman("stop", "--time", "20", "cachey")
    assert podman("inspect", "--format", "{{.State.ExitCode}}", "cachey").stdout == "0\n"
    assert "disk written" in podman("logs", "cachey").stderr


def test_io_uring_needs_the_profile(podman, start_by_podman, cache):
    """Podman's own profile refuses io_uring, as Docker's does; with ours the disk is read by io_uring."""
    assert "io=threads" in start_by_podman()
    podman("rm", "--force", "cachey")
    assert "io=io_uring" in start_by_podman("--security-opt", f"seccomp={SOURCES / 'seccomp-io_uring.json'}")


def test_the_profile_does_for_a_runtime_that_knows_no_default_errno(start_by_podman, tmp_path):
    """As Docker 20.10: what the profile does not name is EPERM then, and glibc needs ENOSYS of clone3."""
    profile = json.loads((SOURCES / "seccomp-io_uring.json").read_text())
    del profile["defaultErrnoRet"]
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    assert "io=io_uring" in start_by_podman("--security-opt", f"seccomp={tmp_path / 'profile.json'}")


@pytest.mark.alone
@pytest.mark.skipif(os.environ.get("CACHEY_TEST_CONTAINERFILE") != "1", reason="compiles the server in a container")
def test_the_containerfile_builds_the_same_root(image, folder):
    """The Containerfile from its first line, by buildah, over a base that mmdebstrap makes; no registry is asked."""
    buildah = ["buildah", "--root", folder / "store", "--runroot", folder / "run", "--storage-driver", "vfs"]
    base = folder / "base.tar"
    subprocess.run(["mmdebstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", base], check=True)
    try:
        name = output_of(*buildah, "from", "scratch").strip()
        subprocess.run([*buildah, "add", "--quiet", name, base, "/"], check=True)
        subprocess.run([*buildah, "commit", "--quiet", name, "docker.io/library/debian:bookworm-slim"], check=True)
        subprocess.run([*buildah, "build", "--isolation", "chroot", "--pull-never", "--file", SOURCES / "Containerfile",
                        "--tag", "cachey", ROOT], check=True)
        subprocess.run([*buildah, "push", "cachey", f"oci-archive:{folder}/compiled.tar:compiled"], check=True)
    finally:
        subprocess.run([*buildah, "rmi", "--all", "--force"], check=False)
    (folder / "compiled").mkdir()
    compiled = container.Image(folder / "compiled.tar", folder / "compiled")
    names = [{str(path.relative_to(root)) for path in root.rglob("*")} for root in (image.root, compiled.root)]
    assert names[0] == names[1]
    differ = [name for name in names[0] if name != "usr/bin/cachey" and (image.root / name).is_file()
              and (image.root / name).read_bytes() != (compiled.root / name).read_bytes()]
    assert differ == []
    ours, theirs = (one.config["config"] for one in (image, compiled))
    assert {**ours, "Labels": None, "Healthcheck": None} == {**theirs, "Labels": None, "Healthcheck": None}
    done = container.run(compiled, "--version", network="host")
    assert done.returncode == 0 and done.stdout.startswith("cachey ")
