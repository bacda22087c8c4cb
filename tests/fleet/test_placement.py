"""One owner a page: pages fetched once by fleets of 3, 4 and 5 nodes, and how evenly they are spread."""

import collections
import http.client
import random

import pytest
from fleet import LONG
from load import Wanted, read_lists
from nodes import GIB, KIB, TIB, Fleet, page_bytes
from ways import WAYS, make_way

_OBJECTS = 500
_CLIENTS = 8
_GROUPS = 1024 if LONG else 256  # of the large object
_SIZES = [1, 4096, 64 * KIB, 100_000, 300_000]
_PAGE = page_bytes("lake")


@pytest.fixture(scope="module")
def fleet(stack, tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("placement"), stack, 5, memory="512MiB")


@pytest.fixture(scope="module")
def ways(fleet, stack):
    """The ways to the first 3, 4 and 5 nodes. Without hedges, which ask a second node."""
    return {(name, count): make_way(name, fleet.folder, fleet.nodes[:count], stack,
                                    **{"name": f"haproxy-{count}"} if name == "haproxy" else {"hedge_budget": 0})
            for name in WAYS for count in (3, 4, 5)}


def lists_of_reads(fleet, prefix):
    """A list a client. Each object is wanted by some clients, each GiB of a TB by half of them, at the same time."""
    chance = random.Random(prefix)
    keys = fleet.put_many("lake", _OBJECTS, _SIZES, prefix)
    fleet.store.put("lake", f"{prefix}-tb", size=TIB)
    groups = [group * (TIB // GIB // _GROUPS) for group in range(_GROUPS)]
    lists = []
    for number in range(_CLIENTS):
        wanted = [Wanted("lake", key, 0, fleet.store.stored("lake", key).size)
                  for at, key in enumerate(keys) if at % _CLIENTS == number or chance.random() < 0.3]
        for group in chance.sample(groups, _GROUPS // 2):
            wanted.append(Wanted("lake", f"{prefix}-tb", group * GIB + chance.randrange(4 * _PAGE), 3000))
        chance.shuffle(wanted)
        lists.append(wanted)
    return lists


@pytest.mark.parametrize("way, count", [(way, count) for way in WAYS for count in (3, 4, 5)
                                        if LONG or count == 4 or way != "redirect"])
def test_each_page_is_fetched_once(way, count, fleet, ways, figure):
    prefix = f"{way}-{count}"
    done = read_lists(fleet.store, ways[way, count], lists_of_reads(fleet, prefix))
    assert [one for one in done if one.fault] == []
    fetched = {at: times for at, times in fleet.store.downloads("lake").items() if at[0].startswith(prefix)}
    figure(f"F1 {way}, {count} nodes", f"{sum(fetched.values())} GETs for {len(fetched)} pages, {len(done)} reads")
    assert set(fetched.values()) == {1}


@pytest.mark.parametrize("way", WAYS)
def test_a_read_across_a_border_of_a_gib_costs_at_most_one_page_more(way, fleet, ways, figure):
    key, count = f"{way}-border", 24
    fleet.store.put("lake", key, size=TIB)
    before = [Wanted("lake", key, group * GIB + 10, 100) for group in range(1, count + 1)]
    across = [Wanted("lake", key, group * GIB - 100, 200) for group in range(1, count + 1)]
    through = ways[way, 4]
    assert [one for one in read_lists(fleet.store, through, [before]) + read_lists(fleet.store, through, [across]) if one.fault] == []
    fetched = {at: times for at, times in fleet.store.downloads("lake").items() if at[0] == key}
    more = sum(fetched.values()) - len(fetched)
    figure(f"F1 {way}, reads across borders", f"{len(across)} such reads fetched {more} pages anew")
    assert len(fetched) == 2 * count and (more == 0 if through.splits else 0 < more <= count)


def asked(way, wanted):
    """How many of these bytes, which no node has, each node was asked for: {node: count}."""
    return asked_by_haproxy(way, wanted) if way.name == "haproxy" else asked_by_client(way, wanted)


def asked_by_haproxy(way, wanted):
    before = way.haproxy.counts("http_responses_total", code="5xx")
    connection = http.client.HTTPConnection("127.0.0.1", way.haproxy.port, timeout=30)
    for one in wanted:
        fields = {"Range": f"bytes={one.first}-{one.first}", "Cache-Control": "only-if-cached"}
        connection.request("GET", f"/fetch/{one.kind}/{one.key}", headers=fields)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 504
    connection.close()
    after = way.haproxy.counts("http_responses_total", code="5xx")
    return {name: after[name] - before[name] for name in after}


def asked_by_client(way, wanted):
    nodes = collections.Counter()
    for one in wanted:
        with pytest.raises(way.errors.NotCached) as missing:
            way.client.read(one.kind, one.key, one.first, one.first + 1, only_if_cached=True)
        nodes[missing.value.node] += 1
    return nodes


@pytest.mark.parametrize("count", (3, 4, 5))
@pytest.mark.parametrize("what", ("objects", "GiB of a TB"))
@pytest.mark.parametrize("way", WAYS[:2])  # HAProxy redirects to where HAProxy sends
def test_keys_are_spread_evenly(way, what, count, ways, figure):
    wanted = ([Wanted("lake", f"spread/{at}", 0, 1) for at in range(3000)] if what == "objects" else
              [Wanted("lake", "spread-tb", at * GIB, 1) for at in range(1024)])
    owned = asked(ways[way, count], wanted)
    uneven = max(owned.values()) / (len(wanted) / count)
    figure(f"F3 {way}, {what}, {count} nodes", f"max/mean {uneven:.3f} of {len(wanted)}")
    assert sum(owned.values()) == len(wanted) and len(owned) == count and uneven <= 1.25
