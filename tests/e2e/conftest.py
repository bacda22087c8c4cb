"""Fixtures: origins and servers; adds the servers' logs to the report of each failed test."""

import contextlib
import functools
import itertools
import pathlib
import shutil
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / name) for name in ("origin", "s3")]

import cachey_server  # noqa: E402  (the path above comes first)
import protocols  # noqa: E402
from cachey_server import ADMIN_TOKEN, CacheyServer  # noqa: E402
from content import content  # noqa: E402
from crowd import raise_file_limit  # noqa: E402
from faulty_disk import FaultyDisk, build_library  # noqa: E402
from harness import MIB, PAGE  # noqa: E402
from radosgw import RadosGateway  # noqa: E402
from s3_face import FACE  # noqa: E402
from scripted_origin import ScriptedOrigin  # noqa: E402
from small_stores import SmallStore  # noqa: E402

_LOG_LINES_SHOWN = 150
_OPEN_FILES = 6000  # two crowds of a thousand clients, in this process and in the servers that it starts
# Files that run in one process, so that real S3 stores are started once.
_REAL_STORES = {"test_fetch_keys", "test_real_stores", "test_s3_freshness_radosgw", "test_s3_split_proxy",
                "test_s3_stores", "test_unequal_tags"}
_numbers = itertools.count(1)
_log_marks = {}


def pytest_configure(config):
    del config
    raise_file_limit(_OPEN_FILES)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Groups for `-n 3 --dist loadgroup`: the tests of a file run in one process."""
    for item in items:
        file = item.path.stem
        item.add_marker(pytest.mark.xdist_group("real_stores" if file in _REAL_STORES else file))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    _log_marks.clear()
    _log_marks.update({id(server): server.log_bytes() for server in cachey_server.running})


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for server in cachey_server.running:
            lines = server.log(_log_marks.get(id(server), 0)).splitlines()
            kept = "\n".join(lines[-_LOG_LINES_SHOWN:])
            report.sections.append((f"log of {' '.join(server.command)}", kept))


@pytest.fixture(scope="session")
def origin():
    """One scripted S3 origin for the whole session. Each test uses its own keys and buckets."""
    with ScriptedOrigin() as running:
        yield running


@pytest.fixture(autouse=True)
def _every_signature_holds(request):
    """Fails a test if the scripted origin refused the signature of one of its requests."""
    if "origin" not in request.fixturenames:
        yield
        return
    running = request.getfixturevalue("origin")
    before = len(running.refused)
    yield
    assert running.refused[before:] == []


def _servers(make_log_path):
    """Yields a function that starts servers; then stops all servers that it started."""
    started = []

    def start(*arguments, environment=None, under=()):
        log = make_log_path(len(started))
        started.append(CacheyServer(log, arguments, environment or {}, under))
        return started[-1].start()

    yield start
    try:
        for server in started:
            server.stop()
    finally:
        for server in started:
            server.discard()


@pytest.fixture(scope="session")
def start_session_server(tmp_path_factory):
    yield from _servers(lambda _: tmp_path_factory.mktemp("server") / "stderr.log")


@pytest.fixture
def start_server(tmp_path):
    """Starts servers for this test only: start_server("--memory", "64MiB", environment={...})."""
    yield from _servers(lambda number: tmp_path / f"stderr-{number}.log")


@pytest.fixture
def s3_server(start_server, origin):
    """Starts servers for this test only, in front of the scripted origin."""
    def start(*arguments, under=()):
        return start_server("--origin", "s3", *arguments, environment=origin.environment(), under=under)
    return start


@pytest.fixture
def admin_options(tmp_path):
    """Options of a server that answers at an admin address, with ADMIN_TOKEN."""
    path = tmp_path / "admin-tokens"
    path.touch(mode=0o600)
    path.write_text(ADMIN_TOKEN + "\n")
    return ["--admin-listen", "127.0.0.1:0", "--admin-tokens", str(path)]


@pytest.fixture
def disk_path(tmp_path):
    """A directory for --disk-path; its files are removed after the test because they are large."""
    path = tmp_path / "disk"
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def disk_server(s3_server, disk_path):
    """Starts servers over the same disk, one after the other."""
    def start(*arguments, memory="64MiB", capacity="512MiB"):
        return s3_server("--memory", memory, "--disk-path", str(disk_path), "--disk-capacity", capacity, *arguments)
    return start


@pytest.fixture(scope="session")
def faulty_disk_library(tmp_path_factory):
    return build_library(tmp_path_factory.mktemp("faulty-disk"))


@pytest.fixture
def faulty_disk(faulty_disk_library, disk_path, tmp_path):
    """The faults of the disk of faulty_disk_server."""
    faults = FaultyDisk(faulty_disk_library, disk_path, tmp_path / "faults")
    yield faults
    faults.set()  # the servers end after this


@pytest.fixture
def faulty_disk_server(start_server, origin, faulty_disk):
    """Starts servers over a disk that has the faults of `faulty_disk`."""
    def start(*arguments, memory="64MiB", capacity="512MiB"):
        return start_server("--origin", "s3", "--memory", memory, "--disk-capacity", capacity, *faulty_disk.arguments,
                            *arguments, environment=origin.environment() | faulty_disk.environment)
    return start


@pytest.fixture(scope="session")
def cachey(start_session_server, origin):
    """One server with default settings in front of the scripted origin, for the whole session."""
    return start_session_server("--origin", "s3", "--memory", "512MiB", environment=origin.environment())


@pytest.fixture(scope="session")
def s3_face_server(start_session_server, origin):
    """One server with an S3 endpoint in front of the scripted origin."""
    return start_session_server("--origin", "s3", "--memory", "512MiB", *FACE, environment=origin.environment())


@pytest.fixture(scope="session")
def cachey_tls(start_session_server, origin):
    """One server with TLS and a self-signed certificate."""
    return start_session_server("--origin", "s3", "--memory", "512MiB", "--tls-self", environment=origin.environment())


@pytest.fixture(params=protocols.NAMES)
def client(request):
    """A client of `cachey` or `cachey_tls`, in each protocol."""
    server = request.getfixturevalue("cachey_tls" if request.param.endswith("+tls") else "cachey")
    return protocols.Client(request.param, server.port)


@pytest.fixture
def kind():
    """A kind (and so a default bucket) that no other test uses."""
    return f"kind-{next(_numbers)}"


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory):
    """A real S3 store. If it is not installed, the tests that need it fail."""
    missing = [name for name in ("radosgw", "ceph-mon", "ceph-osd") if not shutil.which(name)]
    if missing:
        pytest.fail(f"{', '.join(missing)} not found: install radosgw ceph-mon ceph-osd", pytrace=False)
    with RadosGateway(tmp_path_factory.mktemp("radosgw") / "store") as running:
        running.add_bucket("test")
        yield running


@pytest.fixture(scope="session")
def cachey_radosgw(start_session_server, radosgw):
    """One server in front of the real S3 store."""
    return start_session_server("--origin", "s3", "--memory", "512MiB", environment=radosgw.environment())


@pytest.fixture(scope="session")
def real_store(request, tmp_path_factory):
    """A function from a name of small_stores.SMALL_STORES, or "radosgw", to a store with the bucket "test"."""
    with contextlib.ExitStack() as running:
        @functools.cache
        def get(name):
            if name == "radosgw":
                return request.getfixturevalue("radosgw")
            store = running.enter_context(SmallStore(name, tmp_path_factory.mktemp(name)))
            store.add_bucket("test")
            return store

        yield get


class DirectoryOrigin:
    """Buckets and objects as directories and files."""

    def __init__(self, path):
        self.path = path

    def put(self, bucket, key, data):
        file = self.path / bucket / key
        file.parent.mkdir(parents=True, exist_ok=True)
        replacement = file.with_name(file.name + ".new")
        replacement.write_bytes(data)
        replacement.rename(file)
        return file

    def put_content(self, bucket, key, size, seed):
        assert size <= 4 * PAGE
        return self.put(bucket, key, b"".join(content(seed, at, min(MIB, size - at)) for at in range(0, size, MIB)))


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "origin"
    path.mkdir()
    return DirectoryOrigin(path)


@pytest.fixture
def directory_server(start_server, directory):
    """A server for this test only, in front of `directory`."""
    return start_server("--origin", f"dir:{directory.path}", "--memory", "256MiB")
