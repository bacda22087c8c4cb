"""deploy/haproxy/haproxy.cfg and s3.cfg: each form of an object's name, at /fetch and at both styles of S3, has the same
owner and reaches the nodes unchanged."""

import contextlib

import pytest
from balancer import HAProxy
from fleet import servers_up, wait_until
from nodes import GIB, KIB, Fleet
from owners import ask, told

_SIZE = 3000
_KIND = "odd"
_DOMAIN = "s3.example.com"
_OPTIONS = ["--fetch-any-range", "--s3api-listen", "127.0.0.1:9000", "--s3api-open", "--s3api-domain", _DOMAIN,
            "--s3api-revalidate", "*=never"]
_FORMS = {  # a key: the ways to write the key in a path
    "plain": ["plain", "%70lain", "p%6Cain"],
    "a/b": ["a/b", "a%2Fb", "a%2fb", "%61/%62"],
    "x//y": ["x//y", "x%2F/y", "x%2F%2Fy"],
    "x/../y": ["x/../y", "x/%2E%2E/y", "x%2F..%2Fy"],
    "./z": ["./z", "%2E/z"],
    "a+b": ["a+b", "a%2Bb"],
    "a b": ["a%20b"],
    "100%": ["100%25"],
    "%2F": ["%252F"],
    "ü/é.bin": ["%C3%BC/%C3%A9.bin", "%c3%bc/%c3%a9.bin"],
    "a|b": ["a%7Cb", "a|b"],
    "|c": ["|c", "%7Cc"],
    "|5|0": ["|5|0", "%7C5%7C0"],
    "||": ["||"],
    "a?b#c": ["a%3Fb%23c"],
    "dir/": ["dir/", "dir%2F"],
}
_DOTS = ("x/../y", "./z")
"""Nodes with --kind refuse these; nothing on the way may make other keys of them."""


class Place:
    def __init__(self, folder, stack):
        self.fleet = Fleet(folder, stack, 4, options=_OPTIONS)
        self.haproxy = stack.enter_context(HAProxy(folder, self.fleet.nodes, ("haproxy.cfg", "s3.cfg"), change=told))
        wait_until(lambda: servers_up(self.haproxy.admin_port, "s3nodes") == 4, "the S3 addresses are up")
        for key in _FORMS:
            self.fleet.store.put(_KIND, key, size=_SIZE)

    def fetch(self, form, headers=None, kind=_KIND, **more):
        return ask(self.haproxy.port, f"/fetch/{kind}/{form}", headers, **more)

    def s3(self, form, headers=None, style="path", kind=_KIND, **more):
        """Path style, or virtual-host style with the bucket in Host."""
        if style == "path":
            return ask(self.haproxy.s3_port, f"/{kind}/{form}", headers, **more)
        return ask(self.haproxy.s3_port, f"/{form}", {"Host": style} | (headers or {}), **more)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("keys"), stack)


@pytest.mark.parametrize("key", _FORMS)
def test_all_forms_of_a_name_have_one_owner(place, key):
    found = set()
    for form in _FORMS[key]:
        host = f"{_KIND}.{_DOMAIN}"
        answers = [place.fetch(form), place.s3(form), place.s3(form, style=host), place.s3(form, style=host.title()),
                   place.s3(form, style=f"{host}:{place.haproxy.s3_port}"), place.s3(form, style=f"{host}."),
                   place.s3(form, style=f"{host}.:{place.haproxy.s3_port}")]
        for owner, status, body in answers:
            if key in _DOTS:  # the path came to the node as it was written
                assert status == 403, (form, status, body)
            else:
                assert status == 206 and len(body) == 10, (form, status, body)
                assert place.fleet.store.is_right(_KIND, key, 0, body), form
            found.add(owner)
    assert len(found) == 1, found
    assert place.fleet.store.downloads(_KIND)[key, 0] == (key not in _DOTS)


def test_ranges_of_the_first_gib_and_requests_without_one_have_one_owner(place):
    place.fleet.store.put(_KIND, "ranges", size=_SIZE)
    wanted = {"bytes=0-9": (0, 10), "bytes=5-": (5, _SIZE - 5), "bytes=-100": (_SIZE - 100, 100), "Bytes=0-9": None,
              "bytes=0-0,5-9": None, "bytes=x": None}
    found = {place.fetch("ranges?x=1")[0]}
    for text, part in wanted.items():
        owner, status, body = place.fetch("ranges", {"Range": text})
        found.add(owner)
        if part:
            assert status == 206 and len(body) == part[1]
            assert place.fleet.store.is_right(_KIND, "ranges", part[0], body)
    owner, status, body = place.fetch("ranges", {"Range": None})
    assert status == 200 and len(body) == _SIZE
    found.add(owner)
    for where in (place.fetch, place.s3):
        for method in ("GET", "HEAD"):
            owner, status, body = where("ranges", {"Range": "bytes=0-2999"}, method=method)
            assert status == 206
            found.add(owner)
    assert len(found) == 1, found


def test_each_gib_has_the_same_owner_at_both_faces(place):
    place.fleet.store.put("lake", "large", size=40 * GIB)
    found = set()
    for gib in range(40):
        at = {"Range": f"bytes={gib * GIB}-{gib * GIB + 9}"}
        last = {"Range": f"bytes={gib * GIB + GIB - 10}-{gib * GIB + GIB - 1}"}
        other = {"Range": at["Range"].replace("bytes=", "Bytes=00")}
        answers = [place.fetch("large", at, "lake"), place.fetch("large", last, "lake"), place.fetch("large", other, "lake"),
                   place.s3("large", at, kind="lake"), place.s3("large", other, kind="lake"),
                   place.s3("large", at, style=f"lake.{_DOMAIN}")]
        assert {status for _, status, _ in answers} == {206}
        assert len({owner for owner, _, _ in answers}) == 1
        found.add(answers[0][0])
    assert found == {"n1", "n2", "n3", "n4"}
    assert set(place.fleet.store.downloads("lake").values()) == {1}


@pytest.mark.parametrize("target, host", [("/lake?list-type=2", None), ("/lake/?list-type=2&prefix=a/", None),
                                          ("/lake?prefix=a", None), ("/lake?location", None), ("/", None),
                                          ("/?list-type=2", f"lake.{_DOMAIN}")])
def test_questions_about_buckets_go_to_all_nodes(place, target, host):
    found = {ask(place.haproxy.s3_port, target, {"Host": host} if host else {})[0] for _ in range(60)}
    assert found == {"n1", "n2", "n3", "n4"}


def test_a_bucket_that_is_alike_a_key_has_its_own_owner(place):
    """`bucket/key` at one bucket, and `key` at another one: the bucket is a part of the S3 key as the kind is of /fetch."""
    for at in range(20):
        place.fleet.store.put(f"b{at}", "same", size=64 * KIB)
    owners = {ask(place.haproxy.s3_port, f"/b{at}/same")[0] for at in range(20)}
    assert len(owners) > 1
    assert [ask(place.haproxy.s3_port, "/same", {"Host": f"b{at}.{_DOMAIN}"})[0] for at in range(20)] == [
        ask(place.haproxy.s3_port, f"/b{at}/same")[0] for at in range(20)]
