"""CacheyFileSystem: names, bytes, lists of a target, refusals; without a fleet."""

import datetime
import json
import pickle

import pytest

fsspec = pytest.importorskip("fsspec")

from cachey_client import files, filesystem, ranges  # noqa: E402
from cachey_client.errors import Changed, NotFound, Unavailable  # noqa: E402
from cachey_client.filesystem import CacheyFileSystem  # noqa: E402
from odd_keys import ODD_KEYS  # noqa: E402
from scripted_client import ScriptedClient  # noqa: E402

MIB = 1 << 20


class Scripted(ScriptedClient):
    def open(self, kind, key, **named):
        return files.open_file(self, kind, key, **named)

    def read_ranges(self, kind, key, asked, **named):
        return ranges.read_ranges(self, kind, key, asked, **named)


@pytest.fixture
def client():
    return Scripted(o=b"0123456789", empty=b"", **{"dir/x": b"in a folder"})


@pytest.fixture
def fs(client):
    return CacheyFileSystem(client=client, skip_instance_cache=True)


@pytest.fixture
def listed(client, tmp_path):
    """Lists come from a folder, where the kind k is the folder bucket."""
    for name in ("o", "dir/x", "dir/y"):
        (tmp_path / "bucket" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bucket" / name).write_bytes(client.objects.get(("k", name), b"only listed"))
    return CacheyFileSystem(
        client=client, target_protocol="file", target_roots={"k": f"{tmp_path}/bucket"}, skip_instance_cache=True
    )


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("prefix", ["", "cachey://"])
def test_odd_keys_reach_the_client_unchanged(fs, client, key, prefix):
    client.put(key, key.encode())
    path = f"{prefix}k/{key}"
    assert fs.cat_file(path) == fs.cat(path) == fs.open(path).read() == fs.read_bytes(path) == key.encode()
    assert fs.cat_ranges([path], [1], [3]) == [key.encode()[1:3]]
    assert fs.exists(path) and fs.isfile(path) and not fs.isdir(path)
    assert fs.info(path)["name"] == f"k/{key}" and fs.glob(path) == [f"k/{key}"]
    assert fs.cat([path]) == {f"k/{key}": key.encode()}


def test_the_url_alone_is_enough(client, monkeypatch):
    fsspec.register_implementation("cachey", CacheyFileSystem, clobber=True)
    made = []
    monkeypatch.setattr(filesystem, "Client", lambda **options: (made.append(options), client)[1])
    monkeypatch.setenv("CACHEY_NODES", "n1:8080, n2:8080")
    monkeypatch.setenv("CACHEY_TOKEN", "secret")
    with fsspec.open("cachey://k/o", "rb") as file:
        assert file.read() == b"0123456789"
    with fsspec.open("cachey://k/dir/x", "r") as file:
        assert file.read() == "in a folder"
    assert made == [{"nodes": ["n1:8080", "n2:8080"], "token": "secret"}]
    CacheyFileSystem.clear_instance_cache()


def test_instances_share_a_client(client, monkeypatch):
    made = []
    monkeypatch.setattr(filesystem, "Client", lambda **options: (made.append(options), Scripted())[1])
    one, two = (CacheyFileSystem(["n1:80"], hedge_budget=0, skip_instance_cache=True) for _ in range(2))
    other = CacheyFileSystem(["n2:80"], skip_instance_cache=True)
    assert one.client is two.client is not other.client
    assert made == [{"nodes": ["n1:80"], "hedge_budget": 0}, {"nodes": ["n2:80"]}]
    CacheyFileSystem(["n1:80"], tls=object(), skip_instance_cache=True)
    assert len(made) == 3


def test_nodes_in_one_text(monkeypatch):
    """Some programs pass options as texts only."""
    made = []
    monkeypatch.setattr(filesystem, "Client", lambda nodes: (made.append(nodes), Scripted())[1])
    for nodes in ("n1:80, n2:80", "n1:80", "dns:name:80", "file:/a,b"):
        CacheyFileSystem(nodes, skip_instance_cache=True)
    assert made == [["n1:80", "n2:80"], ["n1:80"], "dns:name:80", "file:/a,b"]


def test_neither_nodes_nor_a_client(monkeypatch):
    monkeypatch.delenv("CACHEY_NODES", raising=False)
    with pytest.raises(ValueError, match="CACHEY_NODES"):
        CacheyFileSystem(skip_instance_cache=True)
    with pytest.raises(TypeError, match="nodes"):
        CacheyFileSystem(["n:1"], client=Scripted(), skip_instance_cache=True)


class TestBytes:
    @pytest.mark.parametrize(
        "start,end", [(None, None), (2, None), (None, 3), (2, 5), (-3, None), (0, -2), (-4, -2), (5, 2), (3, 3)]
    )
    def test_cat_file_counts_as_a_slice_does(self, fs, start, end):
        assert fs.cat_file("k/o", start, end) == b"0123456789"[start:end]

    def test_past_the_end_there_are_no_bytes(self, fs):
        assert fs.cat_file("k/o", 8, 20) == b"89"
        assert fs.cat_file("k/o", 10, 20) == fs.cat_file("k/o", 50, None) == fs.cat_file("k/empty", 0, 5) == b""

    def test_head_and_tail(self, fs):
        assert (fs.head("k/o", 3), fs.tail("k/o", 3)) == (b"012", b"789")

    def test_cat_ranges_of_several_objects(self, fs, client):
        paths = ["k/o", "k/dir/x", "k/o", "k/none", "k/o"]
        found = fs.cat_ranges(paths, [0, 3, 8, 0, -1], [2, 5, 99, 1, None])
        assert [bytes(one) if not isinstance(one, Exception) else type(one) for one in found] == [
            b"01",
            b"a ",
            b"89",
            NotFound,
            b"9",
        ]
        assert len(client.reads) == 3
        with pytest.raises(FileNotFoundError):
            fs.cat_ranges(paths, 0, 1, on_error="raise")
        with pytest.raises(ValueError, match="length"):
            fs.cat_ranges(paths, [0], 1)
        with pytest.raises(TypeError):
            fs.cat_ranges("k/o", 0, 1)

    def test_the_gap_is_the_callers(self, fs, client):
        client.put("long", bytes(MIB))
        fs.cat_ranges(["k/long"] * 2, [0, 1000], [10, 1010], max_gap=100)
        assert len(client.reads) == 2

    def test_cat_of_several_objects(self, fs):
        assert fs.cat(["k/o", "k/dir/x"]) == {"k/o": b"0123456789", "k/dir/x": b"in a folder"}
        assert fs.cat(["k/o", "k/none"], on_error="omit") == {"k/o": b"0123456789"}
        assert isinstance(fs.cat(["k/o", "k/none"], on_error="return")["k/none"], NotFound)
        with pytest.raises(FileNotFoundError):
            fs.cat(["k/o", "k/none"])

    def test_download(self, fs, tmp_path):
        fs.get("k/o", str(tmp_path / "o"))
        assert (tmp_path / "o").read_bytes() == b"0123456789"

    def test_read_options_go_with_each_read(self, client):
        fs = CacheyFileSystem(client=client, read_options={"deadline": 3}, skip_instance_cache=True)
        seen, read = [], client.read
        client.read = lambda *arguments, deadline, **named: (seen.append(deadline), read(*arguments, **named))[1]
        fs.cat_file("k/o")
        fs.open("k/o").read()
        assert len(seen) == 2 and all(2.5 < one <= 3 for one in seen)


class TestFiles:
    def test_a_file_is_of_one_version(self, fs, client):
        for named in ({}, {"cache_type": "readahead"}):
            client.put("big", bytes(8 * MIB))
            file = fs.open("k/big", block_size=1000, **named)
            assert file.read(10) == bytes(10)
            client.put("big", b"1" * 8 * MIB)
            file.seek(4 * MIB)
            with pytest.raises(Changed):
                file.read(10)

    @pytest.mark.parametrize(
        "cache_type", ["none", "readahead", "bytes", "blockcache", "background", "first", "all", "mmap"]
    )
    def test_the_caches_of_fsspec(self, fs, cache_type):
        with fs.open("k/o", cache_type=cache_type, block_size=4) as file:
            assert (file.read(3), file.read(), file.size) == (b"012", b"3456789", 10)

    def test_known_parts(self, fs, client):
        with fs.open("k/o", cache_type="parts", cache_options={"data": {(2, 6): b"2345"}}) as file:
            file.seek(2)
            assert file.read(4) == b"2345"
        assert client.reads == []

    def test_text_and_compression(self, fs, client):
        import gzip

        client.put("z.gz", gzip.compress("grüße\n".encode()))
        with fs.open("k/z.gz", "rt", compression="infer", encoding="utf-8") as file:
            assert file.read() == "grüße\n"

    def test_an_object_needs_kind_and_key(self, fs):
        for path in ("k", "k/", "", "cachey://"):
            with pytest.raises(IsADirectoryError):
                fs.open(path)
            with pytest.raises(IsADirectoryError):
                fs.cat_file(path)


class TestInfo:
    def test_info(self, fs):
        found = fs.info("cachey://k/o")
        assert found == {"name": "k/o", "size": 10, "type": "file", "ETag": '"1"', "LastModified": fs.modified("k/o")}
        assert fs.modified("k/o") == datetime.datetime(2026, 11, 29, 10, 0, 1, tzinfo=datetime.timezone.utc)
        assert fs.size("k/o") == 10

    def test_the_key_of_a_version(self, fs, client):
        before = fs.ukey("k/o")
        client.put("o", b"other")
        assert fs.ukey("k/o") != before

    def test_what_is_missing(self, fs):
        assert not fs.exists("k/none") and not fs.isfile("k/none") and not fs.isdir("k/none")
        with pytest.raises(FileNotFoundError):
            fs.info("k/none")

    def test_a_fleet_that_is_down_is_not_a_missing_object(self, fs, client):
        def stat(*_, **__):
            raise Unavailable("no node answers")

        client.stat = stat
        for call in (fs.exists, fs.isfile, fs.info):
            with pytest.raises(Unavailable):
                call("k/o")


class TestLists:
    def test_without_a_target_they_fail_clearly(self, fs):
        for call in (fs.ls, fs.find, lambda path: list(fs.walk(path)), fs.du, lambda path: fs.glob(f"{path}/*.bin")):
            with pytest.raises(NotImplementedError, match="target_protocol"):
                call("k/dir")

    def test_names_are_those_of_the_cache(self, listed):
        assert sorted(listed.ls("cachey://k/dir", detail=False)) == ["k/dir/x", "k/dir/y"]
        assert {one["name"]: one["type"] for one in listed.ls("k/")} == {"k/o": "file", "k/dir": "directory"}
        assert listed.find("k") == ["k/dir/x", "k/dir/y", "k/o"]
        assert listed.find("k", detail=True)["k/o"]["size"] == 10
        assert listed.glob("k/**/x") == ["k/dir/x"] and listed.glob("cachey://k/*") == ["k/dir", "k/o"]
        assert [(name, sorted(folders), sorted(files)) for name, folders, files in listed.walk("k")] == [
            ("k", ["dir"], ["o"]),
            ("k/dir", [], ["x", "y"]),
        ]
        assert listed.du("k/dir") == 22

    def test_folders(self, listed):
        assert listed.isdir("k/dir") and listed.isdir("k") and not listed.isfile("k/dir") and listed.exists("k/dir")
        assert listed.info("k/dir") | {"name": "k/dir", "type": "directory"} == listed.info("k/dir")
        assert not listed.exists("k/none") and not listed.isdir("k/o")

    def test_bytes_come_from_the_cache(self, listed, client):
        assert listed.cat("k/dir/*", on_error="omit") == {"k/dir/x": b"in a folder"}
        client.put("dir/y", b"in the cache")
        assert listed.cat("k/dir", recursive=True, on_error="omit") == {
            "k/dir/x": b"in a folder",
            "k/dir/y": b"in the cache",
        }

    def test_kinds_are_not_listed(self, listed):
        with pytest.raises(NotImplementedError, match="kinds"):
            listed.ls("")

    def test_the_folder_of_a_kind_is_its_name_if_none_is_given(self, client):
        memory = fsspec.filesystem("memory")
        memory.pipe_file("/k/o", b"0123456789")
        try:
            fs = CacheyFileSystem(client=client, target_fs=memory, skip_instance_cache=True)
            assert fs.find("k") == ["k/o"]
        finally:
            memory.rm("/k", recursive=True)


WRITES = {
    "open": lambda fs: fs.open("k/o", "wb"),
    "append": lambda fs: fs.open("k/o", "ab"),
    "text": lambda fs: fs.open("k/o", "w"),
    "pipe": lambda fs: fs.pipe("k/o", b""),
    "pipe_file": lambda fs: fs.pipe_file("k/o", b""),
    "touch": lambda fs: fs.touch("k/o"),
    "rm": lambda fs: fs.rm("k/o"),
    "rm_file": lambda fs: fs.rm_file("k/o"),
    "delete": lambda fs: fs.delete("k/o"),
    "mv": lambda fs: fs.mv("k/o", "k/p"),
    "rename": lambda fs: fs.rename("k/o", "k/p"),
    "move": lambda fs: fs.move("k/o", "k/p"),
    "cp_file": lambda fs: fs.cp_file("k/o", "k/p"),
    "copy": lambda fs: fs.copy("k/o", "k/p"),
    "mkdir": lambda fs: fs.mkdir("k/d"),
    "makedirs": lambda fs: fs.makedirs("k/d"),
    "mkdirs": lambda fs: fs.mkdirs("k/d"),
    "rmdir": lambda fs: fs.rmdir("k/d"),
    "put_file": lambda fs: fs.put_file(__file__, "k/o"),
    "put": lambda fs: fs.put(__file__, "k/o"),
    "write_text": lambda fs: fs.write_text("k/o", "x"),
    "write_bytes": lambda fs: fs.write_bytes("k/o", b"x"),
}


@pytest.mark.parametrize("write", WRITES)
def test_whatever_writes_is_refused(fs, client, write):
    before = dict(client.objects)
    with pytest.raises(OSError, match="read only"):
        WRITES[write](fs)
    assert client.objects == before


def test_an_instance_survives_pickle_and_json(monkeypatch):
    monkeypatch.setattr(filesystem, "Client", lambda **_: Scripted())
    fs = CacheyFileSystem(["n:1"], token="secret")
    assert pickle.loads(pickle.dumps(fs)) is fs
    assert json.loads(fs.to_json())["args"] == [["n:1"]]
    assert "secret" not in repr(fs)
    CacheyFileSystem.clear_instance_cache()
