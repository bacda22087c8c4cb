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
def cache(start_session_server, store):
    """For clients with keys. Objects count as immutable, so that the cache can answer alone."""
    return start_session_server("--origin", "s3", "--memory", "256MiB", *FACE, "--s3api-domain", "localhost",
                                "--s3api-revalidate", "*=never", environment=store.environment())


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


def differences(found, wanted):
    """The steps that are not equal: {step: (found, wanted)}."""
    steps = {(kind, step) for report in (found, wanted) for kind in report for step in report[kind]}
    both = {step: tuple(report[step[0]].get(step[1]) for report in (found, wanted)) for step in steps}
    return {step: results for step, results in both.items() if results[0] != results[1]}


@pytest.mark.parametrize("client", client_runs.CLIENTS)
def test_the_same_as_from_the_store(store, open_cache, cache, report, client):
    del client
    wanted = report(store.settings)
    assert differences(report(endpoint(open_cache)), wanted) == {}
    assert differences(report(settings_of(cache, _READER)), wanted) == {}
    store.kill_gateway()
    try:
        alone = report(endpoint(cache) | keys_of(store), store_is_down=True)
        assert differences(alone, {"read": wanted["read"], "asked": {}}) == {}
    finally:
        store.restart_gateway()


def keys_of(store):
    """A client may have the same keys for the cache as for the store."""
    return {name: store.settings[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


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
def test_the_bucket_in_the_name_of_the_host(store, cache, report, client):
    del client
    where = settings_of(cache, _READER)
    where["AWS_ENDPOINT_URL"] = where["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    assert differences(report(where, virtual=True), report(store.settings)) == {}
