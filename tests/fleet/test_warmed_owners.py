"""Pages that are warmed by each way are at the owners that reads ask."""

import http.client

import pytest
from load import read_lists
from nodes import KIB, Fleet
from ways import WAYS, make_way


@pytest.fixture(scope="module")
def fleet(stack, tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("warm"), stack, 3)


def warm(way, kind, key, size):
    """Warms an object of at most 64 pages; the number of pages that the store was asked for."""
    if way.name != "haproxy":
        return way.client.warm(kind, key, 0, size).fetched
    connection = http.client.HTTPConnection("127.0.0.1", way.haproxy.port, timeout=30)
    connection.request("HEAD", f"/fetch/{kind}/{key}", headers={"Range": f"bytes=0-{size - 1}", "C0-Config": "warm=1"})
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 206
    return int(dict(part.strip().split("=") for part in answer.getheader("C0-Warm").split(";"))["fetched"])


@pytest.mark.parametrize("name", WAYS)
def test_warm_fills_the_owners_that_reads_ask(name, fleet, stack):
    way = make_way(name, fleet.folder, fleet.nodes, stack, **{} if name == "haproxy" else {"hedge_budget": 0})
    keys = fleet.put_many("lake", 30, [100, 64 * KIB, 1000 * KIB], f"warm-{name}")
    pages = [warm(way, "lake", key, fleet.store.stored("lake", key).size) for key in keys]
    assert pages == [1, 1, 16] * 10
    fleet.owners("lake", keys)
    fetched = fleet.store.downloads("lake")
    assert [warm(way, "lake", key, fleet.store.stored("lake", key).size) for key in keys] == [0] * 30
    assert [one for one in read_lists(fleet.store, way, [fleet.whole("lake", keys)]) if one.fault] == []
    assert fleet.store.downloads("lake") == fetched
