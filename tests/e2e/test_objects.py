"""GET /admin/objects: what the cache has."""

import json
import re
import urllib.parse

import pytest

import http1
from disk import kill
from expect import expect_206
from harness import KIB, wait_until

TOKEN = "a-token-of-the-admin"
_ADMIN = re.compile(r"admin_address=127\.0\.0\.1:(\d+)")


@pytest.fixture
def options(tmp_path):
    path = tmp_path / "admin-tokens"
    path.touch(mode=0o600)
    path.write_text(TOKEN + "\n")
    return ["--admin-listen", "127.0.0.1:0", "--admin-tokens", str(path)]


def ask(server, token=TOKEN, **query):
    port = int(_ADMIN.findall(server.log())[0])
    headers = [("Authorization", f"Bearer {token}")] if token else []
    return http1.exchange(port, "GET", "/admin/objects?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "/admin/objects", headers)


def objects(server, **query):
    answer = ask(server, **query)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_listings_over_a_restart(disk_server, origin, kind, options):
    server = disk_server(*options)
    names = [f"a b/{i:02}" for i in range(10)] + ["zü"]
    for name in names:
        stored = origin.put(kind, name, size=100 * KIB)
        expect_206(http1.fetch(server.port, kind, name, 0, 100 * KIB - 1), stored, 0, 100 * KIB - 1, kind)
    wait_until(lambda: sum(one["disk"]["pages"] for one in objects(server)["objects"]) == len(names), 10, "all are on the disk")
    listing = objects(server)
    assert [one["key"] for one in listing["objects"]] == names and listing["next"] is None and listing["complete"]
    for one in listing["objects"]:
        assert one["kind"] == kind and one["size"] == 100 * KIB and one["etag"] and not one["pinned"]
        assert one["memory"] == one["disk"] == {"pages": 1, "bytes": 100 * KIB}
        assert one["idle_seconds"] is not None
    assert len(objects(server, kind=kind, prefix="a b/")["objects"]) == 10
    assert objects(server, kind="another")["objects"] == []
    kill(server)

    server = disk_server(*options)
    found, after = [], {}
    while after is not None:
        some = objects(server, limit=3, **after)
        found += [one["key"] for one in some["objects"]]
        assert all(one["memory"]["pages"] == 0 and one["disk"]["pages"] == 1 for one in some["objects"])
        after = {"after": some["next"]} if some["next"] else None
    assert found == names
    one = objects(server, kind=kind, object="zü")
    assert one["runs"] == [{"where": "disk", "first": 0, "last": 100 * KIB - 1, "part": False}] and not one["more"]


def test_refusals(s3_server, kind, options):
    server = s3_server(*options)
    for query in ({"limit": "0"}, {"object": "o"}, {"after": "k"}, {"other": "1"}):
        assert ask(server, **query).status == 400, query
    assert ask(server, token=None).status == 401
    assert ask(server, token="wrong-token-of-nobody").status == 401
    assert ask(server, kind=kind, object="nothing").status == 404
    assert http1.exchange(server.port, "GET", "/admin/objects", [("Authorization", f"Bearer {TOKEN}")]).status == 404
