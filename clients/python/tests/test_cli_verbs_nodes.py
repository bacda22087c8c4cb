"""cacheyctl purge against real nodes: what is gone."""

import contextlib
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "fleet")]

from fleet import PORT, get  # noqa: E402
from nodes import Fleet  # noqa: E402


def names(fleet):
    return ",".join(f"{node.address}:{node.port}" for node in fleet.nodes)


def test_a_purge_holds_on_all_nodes(tmp_path, run, monkeypatch):
    monkeypatch.setenv("CACHEY_ADMIN_TOKEN", "a-token-of-the-admin-0123456789")
    (tmp_path / "tokens").write_text("a-token-of-the-admin-0123456789\n")
    (tmp_path / "tokens").chmod(0o600)
    with contextlib.ExitStack() as own:
        fleet = Fleet(tmp_path, own, 2, options=("--admin-tokens", tmp_path / "tokens"))
        for key in ("a/1", "a/2", "b/1"):
            fleet.store.put("lake", key, size=100_000)
            for node in fleet.nodes:  # each node has a copy: it was an owner once
                assert get(node.address, PORT, f"/fetch/lake/{key}", {"Range": "bytes=0-99999"})[0] == 206
        code, out, err = run("--nodes", names(fleet), "purge", "lake/a/1")
        assert code == 0, err
        assert [row.split()[1] for row in out.splitlines()[1:]] == ["2", "2"]  # pages of 64 KiB
        assert fleet.holders("lake", "a/1") == [] and len(fleet.holders("lake", "a/2")) == 2
        assert run("--nodes", names(fleet), "purge", "--kind", "lake", "--prefix", "a/")[0] == 0
        assert fleet.holders("lake", "a/2") == [] and len(fleet.holders("lake", "b/1")) == 2
        assert run("--nodes", names(fleet), "purge", "--all", "--yes")[0] == 0
        assert fleet.holders("lake", "b/1") == []
        monkeypatch.setenv("CACHEY_ADMIN_TOKEN", "another-token-of-nobody-0123456789")
        code, out, err = run("--nodes", names(fleet), "purge", "lake/a/1")
        assert code == 1 and "may still be cached" in err
        assert "another-token" not in out + err
