"""cacheyctl objects and purge --soft --kind, against scripted nodes; Client.objects."""

import json
import re
import threading
import tracemalloc

import pytest

import scripted_node
from cachey_client import CachedObject, CacheyError, Client, InTier, Invalid, Unavailable, inspecting
from cachey_client.cli import soft_purge
from cachey_client.cli.text import blocks
from scripted_node import Listing, ScriptedNode, cached

ODD = ["a b+c", "ü&<x>", "100%25", "\x1b[2J", "z/é?#"]


def admin(*nodes):
    words = ["--nodes", ",".join(node.name for node in nodes)]
    for node in nodes:
        words += ["--admin-node", f"{node.name}={node.name}"]
    return words


def client_of(*nodes):
    names = [node.name for node in nodes]
    return Client(names, admin_nodes=dict(zip(names, names, strict=True)), admin_token="t0ken", deadline=10)


def keys_of(out):
    return [row.split()[-1] for row in out.splitlines()[1:]]


def test_a_client_lists_the_objects_of_each_node():
    """Over the ends of answers, with odd names, in the order of kind and key."""
    here = [cached("k", key) for key in ODD] + [cached("a/b", "x", size=None, memory=(0, 0), pinned=True)]
    with ScriptedNode(objects=Listing(here, most=2)) as one, ScriptedNode(objects=Listing([])) as other:
        with client_of(one, other) as client:
            found = {node: list(listing) for node, listing in client.objects().items()}
            assert [each.key for each in client.objects("k", prefix="z/")[one.name]] == ["z/é?#"]
    assert found[other.name] == [] and one.asked[0][2]["Authorization"] == "Bearer t0ken"
    assert found[one.name][0] == CachedObject(
        one.name, "a/b", "x", None, '"v1"', InTier(0, 0), InTier(1, 100), 0, True, 7
    )
    assert [each.key for each in found[one.name][1:]] == sorted(ODD, key=str.encode)


def test_the_answers_of_a_long_listing_grow(monkeypatch):
    """A node goes through all that it has for each answer, so a listing of twice as many objects may not take twice as
    many answers."""
    monkeypatch.setattr(inspecting, "LIMIT_FIRST", 10)
    answers = []
    for count in (100, 1000, 2000):
        with ScriptedNode(objects=Listing([cached("k", f"{number:05}") for number in range(count)])) as node:
            with client_of(node) as client:
                assert [one.key for one in client.objects()[node.name]] == [f"{number:05}" for number in range(count)]
            answers.append(len(node.asked))
    assert answers == [3, 5, 5]


def test_answers_do_not_grow_on_a_slow_way(monkeypatch):
    monkeypatch.setattr(inspecting, "LIMIT_FIRST", 10)
    monkeypatch.setattr(inspecting, "QUICK_PART", 0)
    with ScriptedNode(objects=Listing([cached("k", f"{number:03}") for number in range(100)])) as node:
        with client_of(node) as client:
            assert len(list(client.objects()[node.name])) == 100
        assert len(node.asked) == 10


def test_a_node_that_refuses_larger_answers_is_listed_in_small_ones(monkeypatch):
    """As nodes of older versions do; fleets are upgraded node by node."""
    monkeypatch.setattr(inspecting, "LIMIT_FIRST", 10)
    listing = Listing([cached("k", f"{number:03}") for number in range(100)])

    def small(query):
        return listing(query) if int(query["limit"]) <= 10 else (400, b"limit is at most 10")

    with ScriptedNode(objects=small) as node, client_of(node) as client:
        assert len(list(client.objects()[node.name])) == 100
        assert len(node.asked) == 11


def test_a_node_that_refuses_the_listing_is_an_error():
    with ScriptedNode(objects=lambda query: (400, b"no")) as node, client_of(node) as client:
        with pytest.raises(Invalid):
            list(client.objects()[node.name])
        assert len(node.asked) == 1


@pytest.mark.parametrize("end", [None, "k/ü"])
@pytest.mark.parametrize("how", [{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])
def test_the_white_space_of_an_answer_does_not_matter(how, end):
    told = [{"objects": [cached("k", "a"), cached("k", "ü")][: 2 if end else 0], "next": end, "complete": True}]
    told.append({"objects": [], "next": None, "complete": True})
    with ScriptedNode(objects=lambda query: (200, json.dumps(told.pop(0), **how).encode())) as node:
        with client_of(node) as client:
            assert [one.key for one in client.objects()[node.name]] == (["a", "ü"] if end else [])


@pytest.mark.parametrize(
    "write", [scripted_node.lines, lambda told: json.dumps(told).encode()], ids=["lines", "a line"]
)
def test_a_long_answer_takes_little_memory(monkeypatch, write):
    """The answer is in a file, and an object is made when the caller asks for it."""
    monkeypatch.setattr(inspecting, "IN_MEMORY_MAX", 1 << 16)
    (_, told) = Listing([cached("k", f"{number:04}" + "x" * 900) for number in range(5000)])({"limit": "5000"})
    text = write(told)
    with ScriptedNode(objects=lambda query: (200, text)) as node, client_of(node) as client:
        tracemalloc.start()
        try:
            assert sum(1 for _ in client.objects()[node.name]) == 5000
            assert len(text) > 5 << 20 and tracemalloc.get_traced_memory()[1] < 2 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("words", [("",), ("k", ""), (None, "p")])
def test_a_listing_of_nothing_in_particular_is_refused(words):
    with Client(["a:80"]) as client, pytest.raises(Invalid):
        client.objects(words[0], prefix=words[1] if len(words) > 1 else None)


GOOD = cached("k", "a")


@pytest.mark.parametrize(
    "told",
    [
        b"{",
        {},
        {"objects": [], "next": None},
        {"objects": {"a": 1}, "next": None, "complete": True},
        {"objects": [GOOD | {"size": "7"}], "next": None, "complete": True},
        {"objects": [GOOD | {"memory": {"pages": -1, "bytes": 0}}], "next": None, "complete": True},
        {"objects": [GOOD | {"disk": None}], "next": None, "complete": True},
        {"objects": [GOOD | {"key": "\ud800"}], "next": None, "complete": True},
        {"objects": [GOOD], "next": "k/\ud800", "complete": True},
        {"objects": [GOOD], "next": 7, "complete": True},
        {"objects": [GOOD], "next": "k/a", "complete": True},  # and so on for ever
        {"objects": [], "next": "k/a", "complete": True},
        {"objects": [GOOD, GOOD], "next": None, "complete": True},
        {"objects": [GOOD], "next": None, "complete": False},
    ],
)
def test_a_wrong_answer_is_an_error_of_its_node(told):
    with ScriptedNode(objects=lambda query: (200, told)) as node, client_of(node) as client:
        with pytest.raises(Unavailable):
            list(client.objects()[node.name])
    assert len(node.asked) <= 2


@pytest.mark.parametrize(
    "text",
    [
        b'{"objects":[' + b" " * (1 << 18),
        b'{"objects":[' + b"," * (1 << 18) + b'],"next":null,"complete":true}',
        b'{"objects":[' + b"[" * (1 << 18),
        b'{"objects":["' + b"x" * (1 << 18),
        b'{"objects":[{"kind":"\xff"}],"next":null,"complete":true}',
        b'{"objects":[],"next":null,"complete":true}' + b"x" * (1 << 18),
        b'{"next":null,"complete":true,"objects":[]}',
        b"",
    ],
)
def test_an_answer_without_an_end_is_an_error_of_its_node(text):
    with ScriptedNode(objects=lambda query: (200, text)) as node, client_of(node) as client:
        with pytest.raises(Unavailable, match="a wrong answer to a listing"):
            list(client.objects()[node.name])


def test_a_longer_answer_than_any_listing_is_not_read(monkeypatch):
    monkeypatch.setattr(inspecting, "ANSWER_MAX", 1 << 16)
    with ScriptedNode(objects=lambda query: (200, b" " * (1 << 17))) as node, client_of(node) as client:
        with pytest.raises(Unavailable, match="a long one"):
            list(client.objects()[node.name])


def test_another_listing_at_the_node_is_waited_for():
    answers = [(409, b"another"), (200, {"objects": [GOOD], "next": None, "complete": True})]
    with ScriptedNode(objects=lambda query: answers.pop(0)) as node, client_of(node) as client:
        assert [one.key for one in client.objects("k")[node.name]] == ["a"]


def test_objects_are_a_table(run):
    here = Listing(
        [cached("k", "a", 10**6, (3, 2 * 10**5), (0, 0), pinned=True), cached("k", "\x1b[2J"), cached("l", "x")]
    )
    with ScriptedNode(objects=here) as one, ScriptedNode(objects=Listing([cached("k", "p/b")])) as two:
        code, out, err = run(*admin(one, two), "objects", "k")
        assert code == 0 and err == ""
        assert out.splitlines()[0].split() == ["NODE", "SIZE", "PAGES", "MEMORY", "PAGES", "DISK", "PINNED", "OBJECT"]
        (row,) = [row for row in out.splitlines() if row.endswith("k/a")]
        assert re.split(r"  +", row) == [one.name, "1.0 MB", "3", "200 kB", "-", "-", "yes", "k/a"]
        assert sorted(keys_of(out)) == [r"k/\x1b[2J", "k/a", "k/p/b"]
        assert keys_of(run(*admin(one, two), "objects", "k", "--prefix", "p/")[1]) == ["k/p/b"]
        assert "l/x" in keys_of(run(*admin(one, two), "objects")[1])


def test_objects_as_json_lines(run):
    with ScriptedNode(objects=Listing([cached("k", "ü")])) as node:
        code, out, _ = run(*admin(node), "objects", "k", "--json")
    assert code == 0 and [json.loads(line) for line in out.splitlines()] == [cached("k", "ü") | {"node": node.name}]


def test_a_node_that_tells_not_all_is_exit_code_1(run):
    """The objects of the others, and those that came, are shown."""
    part = Listing([cached("k", "a")], complete=False)
    refuses = ScriptedNode(objects=lambda query: (403, b"no \x1b[2J"))
    with ScriptedNode(objects=part) as one, refuses, ScriptedNode(objects=Listing([cached("k", "b")])) as three:
        code, out, err = run(*admin(one, refuses, three), "objects", "k")
    assert code == 1 and sorted(keys_of(out)) == ["k/a", "k/b"]
    assert "objects are missing" in err and refuses.name in err and three.name not in err and "\x1b" not in err


@pytest.mark.parametrize("arguments", [["k/a"], [""], ["--prefix", "p"], ["k", "--prefix", ""]])
def test_a_wrong_kind_asks_no_node(run, arguments):
    with ScriptedNode() as node:
        code, _, err = run(*admin(node), "objects", *arguments)
    assert code == 2 and err and node.asked == []


def test_a_table_of_any_length_comes_in_blocks():
    rows = iter([["A", "B"], ["1", "x"], ["long", "y"], ["2", "z"]])
    made = blocks(rows, frozenset({0}), size=2)
    assert next(made) == "A  B\n1  x" and next(rows) == ["long", "y"]
    assert list(made) == ["2  z"]
    assert list(blocks([["a", "b"], ["ccc", "d"], ["e", "f"]], frozenset({0}), size=2)) == ["  a  b\nccc  d", "  e  f"]


class Store:
    """Answers soft purges: of keys that contain `new` the store has another version, `bad` cannot be asked for."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, query):
        assert query["soft"] == "true"
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        threading.Event().wait(0.005)
        with self.lock:
            self.now -= 1
        if "bad" in query["object"]:
            return 503, {"error": "the store is down"}
        changed = "new" in query["object"]
        return 200, {"pages": 2 * changed, "bytes": 10 * changed, "fenced": 0, "kept": not changed}


def test_each_object_is_compared_with_the_store_at_its_node(run):
    store = Store()
    keys = [f"p/{i:03}" for i in range(60)] + ["p/new", "p/ü +%new"]
    listing = Listing([cached("k", key) for key in keys] + [cached("k", "other"), cached("l", "p/x")], most=25)
    with ScriptedNode(objects=listing, purge=store) as one, ScriptedNode(objects=Listing([]), purge=store) as two:
        code, out, err = run(*admin(one, two), "purge", "--soft", "--kind", "k", "--prefix", "p/")
        assert code == 0, err
        purges = [path for method, path, _ in one.asked if method == "POST"]
        assert len(purges) == len(set(purges)) == 62 and not [1 for method, _, _ in two.asked if method == "POST"]
        assert 1 < store.most <= soft_purge.IN_FLIGHT
        rows = {row.split()[0]: row.split()[1:] for row in out.splitlines()[1:]}
        assert rows[one.name] == ["60", "2", "0", "4", "20", "B", "0"]
        assert rows[two.name] == ["0", "0", "0", "0", "0", "B", "0"]
        code, out, _ = run(*admin(one, two), "purge", "--soft", "--kind", "k", "--json")
    told = json.loads(out)
    assert told["scope"] == {"kind": "k", "key": None, "prefix": None}
    assert (told["nodes"][one.name]["kept"], told["nodes"][one.name]["purged"]) == (61, 2) and code == 0


def test_an_object_that_fails_is_named_and_is_exit_code_1(run):
    listing = Listing([cached("k", "a"), cached("k", "bad\x1b"), cached("k", "new")])
    with ScriptedNode(objects=listing, purge=Store()) as node:
        code, out, err = run(*admin(node), "purge", "--soft", "--kind", "k")
    assert code == 1 and out.splitlines()[1].split()[1:4] == ["1", "1", "1"]
    assert rf"failed: k/bad\x1b at {node.name}: " in err and "purge again" in err


def test_a_listing_that_ends_early_is_exit_code_1(run):
    listing = Listing([cached("k", "a")], complete=False)
    with ScriptedNode(objects=listing, purge=Store()) as node:
        code, out, err = run(*admin(node), "purge", "--soft", "--kind", "k")
    assert code == 1 and "objects are missing" in out and "purge again" in err


def test_a_node_without_its_store_is_given_up():
    class Down:
        asked = 0

        def purge(self, kind, *, key, soft, node):
            Down.asked += 1
            return {node: Unavailable("down")}

        def objects(self, kind, *, prefix):
            return {
                "n": (
                    CachedObject("n", "k", str(i), 1, None, InTier(0, 0), InTier(0, 0), 0, False, None)
                    for i in range(10**6)
                )
            }

    failures = []
    found = soft_purge.sweep([Down()], "k", None, lambda *words: failures.append(words), lambda count: None)
    least = soft_purge.FAILURES_IN_A_ROW
    assert least <= found["n"].failed == len(failures) == Down.asked < least + soft_purge.IN_FLIGHT
    assert "given up" in found["n"].error


def test_a_fault_of_the_client_is_a_failure():
    class Faulty:
        def purge(self, kind, **_):
            raise KeyError("x")

        def objects(self, kind, *, prefix):
            return {"n": iter([CachedObject("n", "k", "a", 1, None, InTier(0, 0), InTier(0, 0), 0, False, None)])}

    told = []
    found = soft_purge.sweep([Faulty()], "k", None, lambda *words: None, told.append, seconds=0.001)
    assert found["n"].failed == 1 and not isinstance(found["n"].error, CacheyError)
