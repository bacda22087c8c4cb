"""GET /admin/objects: what the cache has."""

import json
import urllib.parse

import http1
from cachey_server import ADMIN_TOKEN
from disk import kill, wait_for_pages
from expect import expect_206, expect_bytes
from harness import KIB, wait_until


def ask(server, token=ADMIN_TOKEN, **query):
    port = server.admin_port
    headers = [("Authorization", f"Bearer {token}")] if token else []
    return http1.exchange(port, "GET", "/admin/objects?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "/admin/objects", headers)


def objects(server, **query):
    answer = ask(server, **query)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_listings_over_a_restart(disk_server, origin, kind, admin_options):
    server = disk_server(*admin_options)
    names = [f"a b/{i:02}" for i in range(10)] + ["zü"]
    for name in names:
        stored = origin.put(kind, name, size=100 * KIB)
        expect_206(http1.fetch(server.port, kind, name, 0, 100 * KIB - 1), stored, 0, 100 * KIB - 1, kind)
    wait_until(lambda: sum(one["disk"]["pages"] for one in objects(server)["objects"]) == len(names), 10, "all are on the disk")
    listing = objects(server)
    lines = ask(server).text.splitlines()  # one for each object, so that clients need not keep the whole answer
    assert [json.loads(line.rstrip(","))["key"] for line in lines[1:-1]] == names
    assert [one["key"] for one in listing["objects"]] == names and listing["next"] is None and listing["complete"]
    for one in listing["objects"]:
        assert one["kind"] == kind and one["size"] == 100 * KIB and one["etag"] and not one["pinned"]
        assert one["memory"] == one["disk"] == {"pages": 1, "bytes": 100 * KIB}
        assert one["idle_seconds"] is not None
    assert len(objects(server, kind=kind, prefix="a b/")["objects"]) == 10
    assert objects(server, kind="another")["objects"] == []
    kill(server)

    server = disk_server(*admin_options)
    found, after = [], {}
    while after is not None:
        some = objects(server, limit=3, **after)
        found += [one["key"] for one in some["objects"]]
        assert all(one["memory"]["pages"] == 0 and one["disk"]["pages"] == 1 for one in some["objects"])
        after = {"after": some["next"]} if some["next"] else None
    assert found == names
    one = objects(server, kind=kind, object="zü")
    assert one["runs"] == [{"where": "disk", "first": 0, "last": 100 * KIB - 1, "part": False}] and not one["more"]


def test_one_listing_is_sent_at_a_time(s3_server, origin, kind, admin_options):
    """A client that takes nothing holds one listing, and no second client gets another one to hold."""
    server = s3_server(*admin_options)
    names = ["\x01" * 1000 + str(i) for i in range(300)]  # 6 bytes of JSON each
    for name in names:
        origin.put(kind, name, size=9)
        assert server.fetch(kind, name, 0, 8).status == 206
    with http1.Connection(server.admin_port, receive_buffer=4 * KIB) as slow:
        slow.request("GET", "/admin/objects", [("Authorization", f"Bearer {ADMIN_TOKEN}")])
        assert slow.read_head().status == 200
        busy = ask(server)
        assert busy.status == 409 and busy.header("Retry-After") == "1"
        assert ask(server, kind=kind, object=names[0]).status == 200, "a look is no listing"
    listing = wait_until(lambda: (answer := ask(server)).status == 200 and answer, what="the turn of the client that left is free")
    assert [one["key"] for one in json.loads(listing.text)["objects"]] == sorted(names)


def test_small_pages_that_only_the_disk_has_are_runs(disk_server, origin, kind, admin_options):
    """After a restart nothing in memory tells the size of the pages."""
    admin_options += ["--kind", f"{kind}={kind}", "--page-size", f"{kind}=64KiB"]
    server = disk_server(*admin_options)
    stored = origin.put(kind, "object", size=200 * KIB)
    expect_bytes(server.fetch(kind, "object", 0, 200 * KIB - 1), stored.seed, 0, 200 * KIB - 1)
    wait_for_pages(server, 4)
    kill(server)
    server = disk_server(*admin_options)
    wait_until(lambda: objects(server)["complete"], what="the index is read")
    one = objects(server, kind=kind, object="object")
    assert one["disk"] == {"pages": 4, "bytes": 200 * KIB}
    assert one["runs"] == [{"where": "disk", "first": 0, "last": 200 * KIB - 1, "part": False}]


def test_refusals(s3_server, kind, admin_options):
    server = s3_server(*admin_options)
    for query in ({"limit": "0"}, {"object": "o"}, {"after": "k"}, {"other": "1"}):
        assert ask(server, **query).status == 400, query
    assert ask(server, token=None).status == 401
    assert ask(server, token="wrong-token-of-nobody").status == 401
    assert ask(server, kind=kind, object="nothing").status == 404
    assert http1.exchange(server.port, "GET", "/admin/objects", [("Authorization", f"Bearer {ADMIN_TOKEN}")]).status == 404
