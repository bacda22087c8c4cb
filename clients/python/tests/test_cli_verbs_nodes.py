"""cacheyctl warm and purge against real nodes: what is fetched, kept, and gone."""

import contextlib
import json
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "fleet")]

from fleet import PORT, get  # noqa: E402
from nodes import MIB, Fleet  # noqa: E402

from cachey_client import Client  # noqa: E402


@pytest.fixture
def fleet(tmp_path):
    with contextlib.ExitStack() as own:
        yield Fleet(tmp_path, own, 3, disk="1GiB")


def names(fleet):
    return ",".join(f"{node.address}:{node.port}" for node in fleet.nodes)


def test_a_warmed_manifest_is_on_the_owners_disks_and_is_fetched_once(fleet, run, tmp_path):
    """Pages of 16 MiB and of 64 KiB; a second run fetches nothing; readers cost the store nothing."""
    sizes = {("k", "large"): 300 * MIB, ("k", "small/ü b"): 1000, ("k", "empty"): 0, ("lake", "table"): 10 * MIB}
    for (kind, key), size in sizes.items():
        fleet.store.put(kind, key, size=size)
    manifest = tmp_path / "manifest"
    manifest.write_text("".join(f"{kind}/{key}\n" for kind, key in sizes))
    first = run("--nodes", names(fleet), "warm", manifest, "--check")
    assert first[0] == 0, first[2]
    assert "4 objects warmed, 1 of them were there, 0 failed" in first[2]
    again = run("--nodes", names(fleet), "warm", manifest, "--json")
    end = json.loads(again[1].splitlines()[-1])
    assert again[0] == 0 and (end["there"], end["fetched_bytes"]) == (4, 0)
    assert end["bytes"] == sum(sizes.values())
    with Client(names(fleet).split(",")) as client:
        for (kind, key), size in sizes.items():
            assert fleet.store.is_right(kind, key, 0, client.read(kind, key).data) and size >= 0
    for kind in ("k", "lake"):
        counts = {page: count for page, count in fleet.store.downloads(kind).items() if page[0] != "empty"}
        assert set(counts.values()) == {1}, counts
        assert len(counts) == (19 + 1 if kind == "k" else 160)


def test_what_does_not_fit_is_no_success(tmp_path, run):
    """Caches of 64 MiB without disks: a warm of 1 GiB says so."""
    with contextlib.ExitStack() as own:
        small = Fleet(tmp_path, own, 2, memory="64MiB")
        small.store.put("k", "large", size=1 << 30)
        (tmp_path / "manifest").write_text("k/large\n")
        code, _, err = run("--nodes", names(small), "warm", tmp_path / "manifest", "--tries", 2)
    assert code == 1 and "failed: k/large: " in err and "stopped early, a cache has no room for more" in err, err


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
        code, out, err = run("--nodes", names(fleet), "objects", "lake", "--json")
        assert code == 0 and [json.loads(line)["key"] for line in out.splitlines()] == 2 * ["a/1", "a/2", "b/1"], err
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
