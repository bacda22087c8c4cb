"""The real S3 store starts, serves, dies and comes back, and leaves no process behind."""

import pathlib

import botocore.exceptions
import pytest

from content import content
from radosgw import RadosGateway


def processes_of(directory):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{directory}/ceph.conf".encode() in entry.read_bytes():
                found.append(entry.parent.name)
        except OSError:
            pass
    return found


def test_put_get_kill_restart_stop(tmp_path):
    directory = tmp_path / "store"
    with RadosGateway(directory) as store:
        assert len(processes_of(directory)) == 3
        store.add_bucket("bucket")
        stored = store.put("bucket", "a//b/../ü +%2F", size=3_000_000, seed=1)

        def read():
            return store.client.get_object(Bucket="bucket", Key="a//b/../ü +%2F", Range="bytes=70000-2999999")

        answer = read()
        assert answer["Body"].read() == content(1, 70_000, 2_930_000)
        assert answer["ETag"] == stored.etag
        store.kill_gateway()
        assert len(processes_of(directory)) == 2
        with pytest.raises(botocore.exceptions.EndpointConnectionError):
            read()
        store.restart_gateway()
        assert read()["ETag"] == stored.etag
    assert processes_of(directory) == []


def test_two_stores_side_by_side(tmp_path):
    with RadosGateway(tmp_path / "one") as one, RadosGateway(tmp_path / "two") as two:
        one.add_bucket("bucket")
        two.add_bucket("bucket")
        one.put("bucket", "key", size=100, seed=1)
        two.put("bucket", "key", size=100, seed=2)
        assert one.client.get_object(Bucket="bucket", Key="key")["Body"].read() == content(1, 0, 100)
        assert two.client.get_object(Bucket="bucket", Key="key")["Body"].read() == content(2, 0, 100)
