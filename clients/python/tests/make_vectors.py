"""Prints vectors.json: examples of placement for implementations in other languages."""

import json

from cachey_client.placement import Ring, hash64, key_hash, mix64, text_bytes

FLEETS = {
    "four addresses": [f"10.0.0.{i}:8080" for i in range(1, 5)],
    "names": [f"cachey-{i}.cachey-nodes:8080" for i in range(3)],
    "one": ["127.0.0.1:80"],
    "IPv6": ["[2001:db8::1]:8080", "[2001:db8::2]:8080"],
    "ten": [f"node-{i:02}.example.org:443" for i in range(10)],
}
KEYS = [
    ("logs", "part-000000.parquet", 0),
    ("big", "one-tb", 999),
    ("k", "a b/ü", 0),
    ("k", "a//b/../c", 0),
    ("k", "a%2Fb", 1),
    ("k", "日本語/🙂", 12),
    ("k", "new\nline\x00", 0),
    ("a", "b", 1023),
    ("lake", "x" * 1024, 4611686018427387903 >> 30),
]


def vectors():
    keys = [
        {
            "kind": kind,
            "object_hex": text_bytes(key).hex(),
            "group": group,
            "hash": f"{key_hash(kind, key, group):016x}",
        }
        for kind, key, group in KEYS
    ]
    fleets = []
    for name, nodes in FLEETS.items():
        ring = Ring(nodes)
        fleets.append(
            {
                "name": name,
                "nodes": [{"name": node, "hash": f"{hash64(node.encode()):016x}"} for node in nodes],
                "ranks": [[nodes.index(node) for node in ring.rank(*key)] for key in KEYS],
            }
        )
    mixed = [{"in": f"{x:016x}", "out": f"{mix64(x):016x}"} for x in (0, 1, 0xC04D55CF0D2450B6, (1 << 64) - 1)]
    return {
        "hash": "first 8 bytes, big-endian, of BLAKE2b with digest_size 8, of: kind 00 object 00 decimal(group)",
        "score": "mix64(hash(key) xor hash(node)), the highest first; equal scores in the order of names",
        "mix64": mixed,
        "keys": keys,
        "fleets": fleets,
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
