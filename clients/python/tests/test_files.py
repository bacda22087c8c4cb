"""open: a file object of one version of an object, and the requests that its reads make."""

import io
import pickle
import random
import zipfile

import pytest

from cachey_client import files
from cachey_client.errors import Changed, NotFound, Unavailable
from scripted_client import ScriptedClient

KIB, MIB = 1 << 10, 1 << 20
DATA = random.Random(1).randbytes(9 * MIB + 7)


@pytest.fixture
def client():
    return ScriptedClient(o=DATA, empty=b"", text=b"one\ntwo\n\nthree", small=DATA[: 100 * KIB])


def opened(client, key="o", **named):
    return files.open_file(client, "k", key, **named)


def test_a_whole_file(client):
    with opened(client) as file:
        assert (file.read(), file.read(), file.tell(), file.size, file.etag) == (DATA, b"", len(DATA), len(DATA), '"1"')
    assert client.reads == [(0, len(DATA))]


def test_an_empty_object_needs_no_read(client):
    with opened(client, "empty") as file:
        assert (file.read(), file.read(5), file.readline(), list(file), file.readinto(bytearray(3))) == (
            b"",
            b"",
            b"",
            [],
            0,
        )
        assert file.seek(0, io.SEEK_END) == 0
    assert client.reads == []


def test_a_missing_object_fails_at_open(client):
    with pytest.raises(FileNotFoundError) as caught:
        opened(client, "other")
    assert isinstance(caught.value, NotFound)


def test_it_is_a_binary_file(client):
    file = opened(client)
    assert isinstance(file, io.BufferedIOBase) and repr(file) == "<ObjectFile cachey://k/o>"
    assert (file.readable(), file.seekable(), file.writable(), file.closed) == (True, True, False, False)
    with pytest.raises(io.UnsupportedOperation):
        file.write(b"x")
    file.close()
    for call in (
        file.read,
        file.tell,
        lambda: file.readinto(bytearray(8 * MIB)),
        file.readline,
        lambda: pickle.dumps(file),
    ):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_random_reads_give_the_bytes_of_the_place(client):
    dice = random.Random(3)
    for block_size in (1, 100, 64 * KIB, MIB, files.BLOCK_SIZE):
        file, place = opened(client, block_size=block_size), 0
        for _ in range(150):
            if dice.random() < 0.4:
                place = dice.randrange(len(DATA) + 100)
                whence = dice.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
                assert file.seek(place - {0: 0, 1: file.tell(), 2: len(DATA)}[whence], whence) == place
            count = dice.choice([0, 1, 100, 64 * KIB, 64 * KIB + 1, MIB, 5 * MIB])
            call = dice.choice(["read", "readinto", "read1", "peek"])
            wanted = DATA[place : place + count]
            if call == "read":
                got = file.read(count)
            elif call == "readinto":
                room = bytearray(count)
                got = bytes(room[: file.readinto(room)])
            elif call == "peek":
                assert wanted.startswith(file.peek(count)[:count]) and file.tell() == place
                continue
            else:
                got = file.read1(count)
                assert got or not wanted
                wanted = wanted[: len(got)]
            assert got == wanted
            place += len(got)
            assert file.tell() == place


def test_a_seek_before_the_start_is_an_error(client):
    with opened(client) as file, pytest.raises(ValueError, match="before"):
        file.seek(-1)


def test_lines(client):
    assert list(opened(client, "text")) == [b"one\n", b"two\n", b"\n", b"three"]
    with io.TextIOWrapper(opened(client, "text"), "ascii") as text:
        assert (text.readline(), text.read()) == ("one\n", "two\n\nthree")


def test_sequential_reads_get_longer_and_longer_read_ahead(client):
    file = opened(client)
    while file.read(8 * KIB):
        pass
    lengths = [end - start for start, end in client.reads]
    assert len(lengths) < 12 and lengths[0] <= 128 * KIB and max(lengths) <= files.BLOCK_SIZE + 64 * KIB
    assert lengths[:-1] == sorted(lengths[:-1])


def test_bytes_are_asked_for_once(client):
    file = opened(client)
    for size in (100, 8 * KIB, 200 * KIB, MIB):
        client.reads.clear()
        file.seek(0)
        while file.read(size):
            pass
        asked = sum(end - start for start, end in client.reads)
        assert asked <= len(DATA) + 64 * KIB + 256 * KIB


def test_a_long_read_is_one_request_of_its_own_bytes(client):
    file = opened(client)
    file.seek(MIB)
    assert file.read(5 * MIB) == DATA[MIB : 6 * MIB]
    room = memoryview(bytearray(5 * MIB))
    file.seek(2 * MIB)
    assert file.readinto(room) == 5 * MIB and room == DATA[2 * MIB : 7 * MIB]
    assert client.reads == [(MIB, 6 * MIB), (2 * MIB, 7 * MIB)]


def test_a_very_long_read_has_a_deadline_for_each_piece(client, monkeypatch):
    monkeypatch.setattr(files, "_PIECE", 5 * MIB)
    assert opened(client).read() == DATA
    assert client.reads == [(0, 5 * MIB), (5 * MIB, len(DATA))]


def test_a_read_of_middling_length_is_one_request(client):
    file = opened(client)
    file.seek(3 * MIB)
    assert file.read(MIB + 1) == DATA[3 * MIB : 4 * MIB + 1]
    assert client.reads == [(3 * MIB, 4 * MIB + 1)]
    room = bytearray(70_000)
    file.seek(5 * MIB)
    assert file.readinto(room) == 70_000 and room == DATA[5 * MIB : 5 * MIB + 70_000]
    assert client.reads[1:] == [(5 * MIB, 5 * MIB + 70_000)]


def test_a_small_read_at_random_is_one_short_request(client):
    file = opened(client)
    for place in (5 * MIB, MIB, 3 * MIB):
        file.seek(place)
        file.read(100)
    assert client.reads == [(place, place + 64 * KIB) for place in (5 * MIB, MIB, 3 * MIB)]


def test_a_footer_is_one_request_and_stays(client):
    """As readers of Parquet do: the last 8 bytes, the footer before them, columns, the footer again."""
    file = opened(client)
    file.seek(-8, io.SEEK_END)
    assert file.read(8) == DATA[-8:]
    file.seek(-20_000, io.SEEK_END)
    assert file.read(20_000) == DATA[-20_000:]
    file.seek(MIB)
    file.read(100)
    file.seek(-50_000, io.SEEK_END)
    assert file.read() == DATA[-50_000:]
    assert len(client.reads) == 2


def test_a_small_object_is_one_request(client):
    file = opened(client, "small")
    for place in (50_000, 0, 99 * KIB, 10):
        file.seek(place)
        assert file.read(100) == DATA[place : place + 100]
    assert client.reads == [(0, 100 * KIB)]


def test_a_zip_archive(client):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for at in range(20):
            writer.writestr(f"{at}.bin", DATA[at * 100_000 : at * 100_000 + 90_000])
    client.put("zip", archive.getvalue())
    with zipfile.ZipFile(opened(client, "zip")) as reader:
        assert reader.read("7.bin") == DATA[700_000:790_000]
    assert len(client.reads) == 3


@pytest.mark.parametrize("call", ["read", "readinto"])
@pytest.mark.parametrize("size,fails", [(200_000, 1), (8 * MIB, 1), (8 * MIB, 2)])
def test_after_an_error_the_same_bytes_can_be_read(client, monkeypatch, call, size, fails):
    """Of a short read some bytes are in memory, of a long one the first piece comes."""
    monkeypatch.setattr(files, "_PIECE", 5 * MIB)
    file, room = opened(client), bytearray(size)
    file.seek(1000)
    file.read(100)
    requests = len(client.reads)

    def before(*_):
        if len(client.reads) == requests + fails:
            raise Unavailable("no node answers")

    client.before = before
    read = {"read": lambda: file.read(size), "readinto": lambda: bytes(room[: file.readinto(room)])}[call]
    with pytest.raises(Unavailable):
        read()
    assert file.tell() == 1100
    assert read() == DATA[1100 : 1100 + size]


class TestVersions:
    def test_a_changed_object_is_an_error_not_a_mixture(self, client):
        file = opened(client)
        assert file.read(10) == DATA[:10]
        client.put("o", DATA[::-1])
        file.seek(5 * MIB)
        with pytest.raises(Changed):
            file.read(10)
        with pytest.raises(Changed):
            file.read(5 * MIB)

    def test_an_object_that_became_shorter_is_changed(self, client):
        file = opened(client)
        client.read = lambda *arguments, if_match, **named: ScriptedClient(o=DATA[:100]).read(*arguments, **named)
        with pytest.raises(Changed):
            file.read(10)
        file.seek(MIB)
        with pytest.raises(Changed, match="shorter"):
            file.read(10)

    def test_a_store_without_tags_pins_nothing_but_the_size(self, client):
        client.etag = lambda *_: None
        assert opened(client).read() == DATA

    def test_open_can_ask_for_a_version(self, client):
        assert opened(client, if_match='"1"').read(3) == DATA[:3]
        with pytest.raises(Changed, match="k/o"):
            opened(client, if_match='"9"')


class TestPickle:
    def test_the_copy_is_at_the_same_place_of_the_same_version(self, client):
        file = opened(client)
        file.seek(MIB)
        file.read(1000)
        client._lock = None  # locks do not pickle; Client does
        facts = file.__reduce__()
        client._lock = ScriptedClient()._lock
        copy = facts[0](*facts[1])
        assert (copy.tell(), copy.read(50)) == (MIB + 1000, DATA[MIB + 1000 : MIB + 1050])
        client.put("o", DATA[::-1])
        copy.seek(3 * MIB)
        with pytest.raises(Changed):
            copy.read(1)


def test_options_go_with_each_read(client):
    seen = []
    read = client.read
    client.read = lambda *arguments, deadline, **named: (seen.append(deadline), read(*arguments, **named))[1]
    file = opened(client, deadline=3)
    file.read(100)
    file.read(6 * MIB)
    assert seen == [3, 3]


def test_exact_reads_fetch_nothing_else(client):
    file = opened(client, exact=True)
    file.seek(-8, io.SEEK_END)
    file.read(8)
    file.seek(MIB)
    file.read(MIB)
    assert all(end - start <= MIB for start, end in client.reads)
    assert sum(end - start for start, end in client.reads) <= MIB + 64 * KIB + 8
    client.put("big", bytes(40 * MIB))
    client.reads.clear()
    assert len(opened(client, "big", exact=True).read()) == 40 * MIB
    assert max(end - start for start, end in client.reads) <= 16 * MIB


@pytest.mark.parametrize("name", ["into", "object_size"])
def test_options_of_a_single_read_are_refused(client, name):
    with pytest.raises(TypeError, match=name):
        opened(client, **{name: 1})


def test_a_block_of_no_bytes_is_refused(client):
    with pytest.raises(ValueError, match="block_size"):
        opened(client, block_size=0)
