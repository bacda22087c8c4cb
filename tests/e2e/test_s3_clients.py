"""S3 clients read the same from the S3 endpoint as from the store itself: the scripts of tests/s3/clients."""

import shutil

import pytest

import bucket
import client_runs
from harness import limit
from s3_face import FACE, endpoint

_SECONDS = 60


@pytest.fixture(scope="module")
def store(radosgw, tmp_path_factory):
    bucket.fill(radosgw, client_runs.make_table(tmp_path_factory.mktemp("table") / "table.parquet"))
    return radosgw


@pytest.fixture(scope="module")
def cache(start_session_server, store):
    """With the usual policy."""
    return start_session_server("--origin", "s3", "--memory", "256MiB", *FACE, environment=store.environment())


@pytest.fixture(scope="module")
def lasting_cache(start_session_server, store):
    """Objects count as immutable, so that the cache can answer alone."""
    return start_session_server("--origin", "s3", "--memory", "256MiB", *FACE, "--s3api-revalidate", "*=never",
                                environment=store.environment())


@pytest.fixture
def report(client, tmp_path):
    """A function from an endpoint's settings to what the client's script prints."""
    if client == "rclone" and not shutil.which("rclone"):
        pytest.skip("rclone is not installed")

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
def test_the_same_as_from_the_store(store, cache, lasting_cache, report, client):
    del client
    wanted = report(store.settings)
    assert differences(report(endpoint(cache)), wanted) == {}
    assert differences(report(endpoint(lasting_cache)), wanted) == {}
    store.kill_gateway()
    try:
        alone = report(endpoint(lasting_cache), store_is_down=True)
        assert differences(alone, {"read": wanted["read"], "asked": {}}) == {}
    finally:
        store.restart_gateway()
