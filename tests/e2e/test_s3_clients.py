"""S3 clients see the same at the S3 endpoint as at the store itself, with keys and without: the scripts of tests/s3."""

import shutil

import pytest

import bucket
import client_runs
from harness import limit
from s3_face import FACE, endpoint

_SECONDS = 60
_READER = ("READERKEY", "the-secret/of+the-reader")
_LIMITED = ("LIMITEDKEY", "the-secret-of-the-limited-one")
_OBJECTS = ("big.bin", "table.parquet", "empty", "small.txt")


@pytest.fixture(scope="module")
def store(radosgw, tmp_path_factory):
    bucket.fill(radosgw, client_runs.make_tables(tmp_path_factory.mktemp("tables")))
    return radosgw


@pytest.fixture(scope="module")
def open_cache(start_session_server, store):
    """Any credentials will do; the usual policy."""
    return start_session_server("--origin", "s3", "--memory", "256MiB", *FACE, environment=store.environment())


@pytest.fixture(scope="module")
def cache(start_session_server, store, tmp_path_factory):
    """For clients with keys. Objects count as immutable, so that the cache can answer alone."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("\n".join([
        f"{store.settings['AWS_ACCESS_KEY_ID']} {store.settings['AWS_SECRET_ACCESS_KEY']}", " ".join(_READER),
        f"{' '.join(_LIMITED)} buckets=client-* prefix=dir/"]) + "\n", encoding="utf-8")
    keys.chmod(0o600)
    return start_session_server("--origin", "s3", "--memory", "256MiB", "--s3api-listen", "127.0.0.1:0", "--s3api-keys", str(keys),
                                "--s3api-domain", "localhost", "--s3api-revalidate", "*=never", environment=store.environment())


def settings_of(server, key):
    return endpoint(server) | {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]}


@pytest.fixture
def report(client, tmp_path):
    """A function from an endpoint's settings to what the client's script prints."""
    if client in ("rclone", "java") and not shutil.which(client):
        pytest.skip(f"{client} is not installed")

    def run(settings, **flags):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        found, said = client_runs.report_of(client, bucket.BUCKET, folder, settings, limit(_SECONDS), **flags)
        print(said)  # the words of the errors, if the test fails
        shutil.rmtree(folder)
        return found

    return run


@pytest.fixture
def from_store(store, report, client, reports_of_store):
    """What the client's script prints for the store."""
    if client not in reports_of_store:
        reports_of_store[client] = report(store.settings)
    return reports_of_store[client]


@pytest.fixture(scope="module")
def reports_of_store():
    return {}


def differences(found, wanted):
    """The steps that are not equal: {step: (found, wanted)}."""
    steps = {(kind, step) for report in (found, wanted) for kind in report for step in report[kind]}
    both = {step: tuple(report[step[0]].get(step[1]) for report in (found, wanted)) for step in steps}
    return {step: results for step, results in both.items() if results[0] != results[1]}


@pytest.mark.parametrize("client", client_runs.CLIENTS)
def test_the_same_as_from_the_store(store, from_store, open_cache, cache, report, client):
    del client
    assert differences(report(endpoint(open_cache)), from_store) == {}
    assert differences(report(settings_of(cache, _READER)), from_store) == {}
    store.kill_gateway()
    try:
        alone = report(endpoint(cache) | keys_of(store), store_is_down=True)
        assert differences(alone, {"read": from_store["read"], "asked": {}}) == {}
    finally:
        store.restart_gateway()


def keys_of(store):
    """A client may have the same keys for the cache as for the store."""
    return {name: store.settings[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


@pytest.mark.parametrize("client", client_runs.CLIENTS)
def test_a_wrong_secret_fails_as_at_the_store(store, cache, report, client):
    del client
    wrong = {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    wanted = report(store.settings | wrong)
    assert differences(report(endpoint(cache) | keys_of(store) | wrong), wanted) == {}


@pytest.mark.parametrize("client", client_runs.CLIENTS)
def test_a_key_for_a_folder_reads_nothing_else(from_store, cache, report, client):
    del client
    found = report(settings_of(cache, _LIMITED))
    for kind, step, result in [(kind, *pair) for kind in found for pair in found[kind].items()]:
        if bucket.ODD in step:
            assert result == from_store[kind][step], step
        if any(step.endswith(key) for key in _OBJECTS):
            assert is_error(result), (step, result)


def is_error(result):
    return "error" in result if isinstance(result, dict) else str(result).startswith("error: ")


_EMPTY = """import os, sys
from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client
client = MountpointS3Client(region="us-east-1", endpoint=os.environ["AWS_ENDPOINT_URL"], force_path_style=True)
print([bytes(piece) for piece in client.get_object(sys.argv[1], "empty")])
"""


def test_the_crt_reads_an_empty_object(cache, tmp_path):
    """From radosgw it cannot: its 416 does not tell the size."""
    words = [client_runs.python("s3-data"), "-c", _EMPTY, bucket.BUCKET]
    done = client_runs.run(words, tmp_path, settings_of(cache, _READER), limit(_SECONDS), "s3-data")
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize("client", ["go", "node"])
def test_the_bucket_in_the_name_of_the_host(from_store, cache, report, client):
    del client
    where = settings_of(cache, _READER)
    where["AWS_ENDPOINT_URL"] = where["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    assert differences(report(where, virtual=True), from_store) == {}
