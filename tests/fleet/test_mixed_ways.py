"""Two ways to one fleet: two placements cost twice the GETs; a client that goes by HAProxy's placement costs none more.
In the long form also ./dev bench fleet_day, short."""

import collections
import subprocess
import sys

import pytest
from fleet import LONG, ROOT
from load import Wanted, read_lists
from nodes import KIB, Fleet
from ways import ByClient, make_way

_OBJECTS, _NODES = 300, 3


@pytest.fixture(scope="module")
def fleet(stack, tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("mixed"), stack, _NODES, memory="512MiB")


@pytest.fixture(scope="module")
def haproxy(fleet, stack):
    return make_way("haproxy", fleet.folder, fleet.nodes, stack)


def gets_a_page(fleet, prefix, ways):
    """Reads all objects by each way in turn."""
    keys = fleet.put_many("lake", _OBJECTS, [4 * KIB], prefix)
    for way in ways:
        assert [one for one in read_lists(fleet.store, way, [[Wanted("lake", key, 0, 100) for key in keys]]) if one.fault] == []
    fetched = collections.Counter({at: times for at, times in fleet.store.downloads("lake").items() if at[0].startswith(prefix)})
    return sum(fetched.values()) / len(fetched)


def test_two_placements_fetch_most_pages_twice(fleet, haproxy, figure):
    client = ByClient(fleet.folder, fleet.nodes, hedge_budget=0)
    gets = gets_a_page(fleet, "mixed", [haproxy, client])
    figure("mixed placements", f"{gets:.2f} GETs a page with {_NODES} nodes")
    assert abs(gets - (2 - 1 / _NODES)) < 0.15


def test_a_client_of_the_balancer_has_its_placement(fleet, haproxy, figure):
    class Via(ByClient):
        def __init__(self):
            super().__init__(fleet.folder, fleet.nodes)
            self.client = self.errors.Client(via=f"http://127.0.0.1:{haproxy.haproxy.port}")

    gets = gets_a_page(fleet, "via", [haproxy, Via()])
    figure("HAProxy, and the client with via=", f"{gets:.2f} GETs a page")
    assert gets == 1


@pytest.mark.alone
@pytest.mark.skipif(not LONG, reason="takes a minute: CACHEY_TEST_FLEET=long")
def test_a_short_day(figure):
    done = subprocess.run([sys.executable, ROOT / "bench/fleet_day.py", "--short"], capture_output=True, text=True, check=False)
    figure("a short day", done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
