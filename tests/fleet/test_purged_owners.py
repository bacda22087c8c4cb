"""A purge of a fleet reaches former owners, too."""

from load import read_lists
from nodes import Fleet
from ways import ByClient

_TOKEN = "a-token-for-purges-of-this-fleet"


def test_a_purge_reaches_former_owners(tmp_path, stack):
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"{_TOKEN}\n")
    fleet = Fleet(tmp_path, stack, 3, options=["--admin-tokens", tokens])
    client = ByClient(fleet.folder, fleet.nodes, hedge_budget=0, admin_token=_TOKEN)
    keys = fleet.put_many("lake", 30, [100], "purged")
    for nodes in (fleet.nodes, fleet.nodes[1:]):  # one node leaves, and keeps what it has
        way = ByClient(fleet.folder, nodes, hedge_budget=0)
        assert [one for one in read_lists(fleet.store, way, [fleet.whole("lake", keys)]) if one.fault] == []
    assert any(len(fleet.holders("lake", key)) == 2 for key in keys)
    answers = client.client.purge("lake", prefix="purged")
    assert sorted(answers) == sorted(f"{node.address}:{node.port}" for node in fleet.nodes)
    assert sum(answer.pages for answer in answers.values()) > len(keys)
    assert [fleet.holders("lake", key) for key in keys] == [[]] * len(keys)
