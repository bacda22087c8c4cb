"""Rendezvous hashing: the given vectors, moves of keys, spread."""

import collections
import json
import pathlib

from cachey_client import placement
from cachey_client.placement import Ring, key_hash, rank
from make_vectors import KEYS, vectors

FOUR = [f"10.0.0.{i}:8080" for i in range(1, 5)]


def test_the_published_vectors_hold():
    published = json.loads((pathlib.Path(__file__).parent.parent / "vectors.json").read_text())
    assert published == vectors()


def test_the_vectors_of_the_specification_hold():
    given = {
        ("logs", "part-000000.parquet", 0): ("c04d55cf0d2450b6", (2, 3)),
        ("big", "one-tb", 999): ("32ef122c10a4f16a", (3, 2)),
        ("k", "a b/ü", 0): ("6db922508b9532ac", (4, 2)),
    }
    for key, (digest, first_two) in given.items():
        assert f"{key_hash(*key):016x}" == digest
        assert rank(FOUR, *key)[:2] == tuple(f"10.0.0.{i}:8080" for i in first_two)


def test_a_lost_node_moves_its_keys_alone_and_to_their_second_node():
    whole, less = Ring(FOUR), Ring(FOUR[1:])
    for i in range(2000):
        before, after = whole.rank("k", str(i)), less.rank("k", str(i))
        assert after == tuple(name for name in before if name != FOUR[0])


def test_keys_and_groups_spread_evenly():
    ring = Ring([f"n{i}:80" for i in range(5)])
    for owners in (
        collections.Counter(ring.first("k", f"part-{i:06}")[0] for i in range(5000)),
        collections.Counter(ring.first("k", "terabyte", i)[0] for i in range(5000)),
    ):
        assert max(owners.values()) / 1000 < 1.15


def test_the_order_of_the_list_does_not_matter():
    for key in KEYS:
        assert rank(FOUR, *key) == rank(reversed(FOUR), *key)


def test_the_owners_that_are_kept_are_bounded():
    ring = Ring(FOUR)
    for i in range(placement.OWNERS_MAX + 500):
        ring.first("k", str(i))
    assert ring._first.cache_info().currsize == placement.OWNERS_MAX
    assert len(Ring(f"n{i}:80" for i in range(100)).first("k", "x")) == 4
