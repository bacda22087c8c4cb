"""Bodies that break off: the read goes on at the next byte, of the same version only."""

import gc
import time

import pytest

from cachey_client import Changed, Denied, Unavailable
from conftest import key_of
from scripted import content, healthy

pytestmark = pytest.mark.usefixtures("hasty")


def cut(only, **options):
    """Sends `only` bytes of a right body, then ends the connection."""
    return lambda peer, request: peer.right(request, only=only, **options) and False


def test_the_rest_comes_from_the_second_node_of_the_same_version(nodes, client_of):
    owner, other = nodes(cut(300), healthy())
    read = client_of([owner, other]).read("k", key_of(owner, [other]), 100, 900)
    assert read.data == content(100, 800)
    assert read.nodes == (owner.name, other.name)
    assert (other.requests[0].first, other.requests[0].last) == (400, 899)
    assert other.requests[0].fields["if-match"] == '"v1"'
    assert other.requests[0].fields["x-request-id"] == owner.requests[0].fields["x-request-id"]


def test_a_reset_in_a_body_is_resumed_too(nodes, client_of):
    def reset(peer, request):
        peer.right(request, size=1 << 20, only=1 << 19)
        peer.reset()

    owner, other = nodes(reset, healthy(size=1 << 20))
    read = client_of([owner, other]).read("k", key_of(owner, [other]))
    assert read.data == content(0, 1 << 20)


def test_a_body_that_hangs_is_resumed(nodes, client_of, impatient):
    def stall(peer, request):
        peer.right(request, only=300)
        peer.hang()

    (owner,) = nodes(stall, ready=False)
    (other,) = nodes(healthy())
    read = client_of([owner, other]).read("k", key_of(owner, [other]))
    assert (read.data, read.nodes) == (content(0, 1000), (owner.name, other.name))


def test_another_version_at_the_second_node_starts_the_read_over(nodes, client_of):
    """No byte of the first version is left."""
    owner, other = nodes(cut(300), healthy(tag='"v2"', seed=2))
    owner.script = lambda peer, request: (
        peer.right(request, only=300) and False if len(owner.requests) == 1 else peer.right(request, tag='"v2"', seed=2)
    )
    read = client_of([owner, other]).read("k", key_of(owner, [other]))
    assert (read.data, read.etag) == (content(0, 1000, seed=2), '"v2"')


def test_a_node_that_ignores_if_match_is_found_out(nodes, client_of):
    def ignores(peer, request):
        request.fields.pop("if-match", None)
        peer.right(request, tag='"v2"', seed=2)

    owner, other = nodes(cut(300), ignores)
    key = key_of(owner, [other])
    with pytest.raises(Changed):
        client_of([owner, other]).read("k", key)
    assert len(owner.requests) == 2


def test_a_size_that_changes_under_the_same_tag_is_a_change(nodes, client_of):
    owner, other = nodes(cut(300), healthy(size=999))
    with pytest.raises(Changed):
        client_of([owner, other]).read("k", key_of(owner, [other]), 0, 500)


def test_versions_that_change_all_the_time_are_an_error(nodes, client_of):
    owner, other = nodes(cut(300), healthy(tag='"v2"'))
    with pytest.raises(Changed):
        client_of([owner, other]).read("k", key_of(owner, [other]))


def test_without_a_tag_a_broken_body_is_never_resumed(nodes, client_of):
    (node,) = nodes(cut(300))
    node.script = lambda peer, request: peer.right(
        request, tag="x", ETag=None, only=300 if len(node.requests) == 1 else None
    )
    read = client_of([node]).read("k", "x")
    assert read.data == content(0, 1000)
    assert [request.first for request in node.requests] == [0, 0]


def test_a_body_that_breaks_many_times_is_put_together(nodes, client_of):
    two = nodes(cut(150), cut(170))
    read = client_of(two).read("k", "x")
    assert read.data == content(0, 1000)
    assert 6 <= sum(len(node.requests) for node in two) <= 7


def test_bodies_without_progress_end_in_an_error(nodes, client_of):
    (node,) = nodes(cut(0))
    node.script = lambda peer, request: peer.right(request, only=0 if request.first else 10) and False
    with pytest.raises(Unavailable):
        client_of([node]).read("k", "x")
    assert len(node.requests) < 20


def test_into_is_filled_in_place_over_a_break(nodes, client_of):
    owner, other = nodes(cut(300), healthy())
    into = bytearray(b"#" * 1100)
    read = client_of([owner, other]).read("k", key_of(owner, [other]), into=memoryview(into)[50:])
    assert isinstance(read.data, memoryview) and read.data == content(0, 1000)
    assert into == b"#" * 50 + content(0, 1000) + b"#" * 50


def test_409_is_asked_again_once(nodes, client_of):
    (node,) = nodes(None)
    node.script = lambda peer, request: peer.answer(409, b"changed") if len(node.requests) == 1 else peer.right(request)
    client = client_of([node])
    assert len(client.read("k", "x")) == 1000
    node.script = lambda peer, request: peer.answer(409, b"changed")
    with pytest.raises(Changed):
        client.read("k", "x")
    assert len(node.requests) == 4


def test_if_match_of_the_caller_is_sent_and_final(nodes, client_of):
    (node,) = nodes(healthy())
    client = client_of([node])
    assert len(client.read("k", "x", if_match='"v1"')) == 1000
    with pytest.raises(Changed):
        client.read("k", "x", if_match='"v0"')
    assert len(node.requests) == 2


def test_parts_of_several_groups_are_of_one_version(nodes, client_of):
    """The owner of the second group has a newer version: the read is of the newer one, or an error."""
    mib = 1 << 20
    old, new = nodes(healthy(size=4 * mib), healthy(size=4 * mib, tag='"v2"', seed=2))
    client = client_of([old, new], group_size=mib)
    with pytest.raises(Changed):
        for i in range(20):
            client.read("k", f"key-{i}")


@pytest.mark.parametrize("span", [(0, None), (5, 3 << 20), ((1 << 20) - 1, (1 << 20) + 1), (1 << 20, 2 << 20), (7, 9)])
def test_each_group_is_asked_of_its_owner(nodes, client_of, span):
    mib, size = 1 << 20, (4 << 20) + 17
    two = nodes(healthy(size=size), healthy(size=size))
    client = client_of(two, group_size=mib)
    start, end = span
    read = client.read("k", "x", start, end)
    assert read.data == content(start, (size if end is None else end) - start)
    for node in two:
        for request in node.requests:
            assert request.first // mib == request.last // mib
            key = key_of_group(two, request.first // mib)
            assert key == node.name


def key_of_group(two, group):
    from cachey_client.placement import rank

    return rank([node.name for node in two], "k", "x", group)[0]


def test_a_part_that_fails_ends_the_parts_that_are_slow(nodes, client_of):
    mib = 1 << 20

    def script(peer, request):
        if request.first >= mib:
            return peer.answer(403, b"denied")
        peer.right(request, size=2 * mib, only=100)
        return peer.hang()

    (node,) = nodes(script)
    began = time.monotonic()
    with pytest.raises(Denied):
        client_of([node], group_size=mib, deadline=30).read("k", "x")
    assert time.monotonic() - began < 10


def test_a_part_that_fails_for_good_fails_the_read(nodes, client_of):
    mib = 1 << 20

    def denied_later(peer, request):
        if request.first >= 2 * mib:
            return peer.answer(403, b"denied")
        return peer.right(request, size=4 * mib)

    (node,) = nodes(denied_later)
    with pytest.raises(Denied):
        client_of([node], group_size=mib).read("k", "x")


def test_the_buffer_of_the_caller_is_let_go_at_once(nodes, client_of):
    """Also while an error is kept: a bytearray cannot be resized while something has a view of it."""
    mib = 1 << 20
    owner, other = nodes(cut(300_000, size=3 * mib), healthy(size=3 * mib))
    client = client_of([owner, other], group_size=mib)
    gc.disable()
    try:
        into = bytearray(3 * mib)
        read = client.read("k", "x", into=into)
        assert read.data == content(0, 3 * mib)
        del read
        into.append(0)
        other.script = owner.script = lambda peer, request: (
            peer.right(request, size=3 * mib, only=300_000) and False if request.first == 0 else peer.answer(403, b"no")
        )
        with pytest.raises(Denied) as caught:
            client.read("k", "x", into=into)
        into.append(0)
        assert caught.value.status == 403
    finally:
        gc.enable()


def as_cachey(**options):
    """If-Match holds no weak tag."""

    def script(peer, request):
        if request.fields.get("if-match", "").startswith("W/"):
            return peer.answer(412, b"a weak tag never matches")
        return peer.right(request, **options)

    return script


def test_an_object_with_a_weak_tag_is_read_over_groups_breaks_and_as_a_file(nodes, client_of):
    mib = 1 << 20
    facts = {"size": 3 * mib, "tag": 'W/"v1"', "Last_Modified": "Sun, 29 Nov 2026 12:00:00 GMT"}
    owner, other = nodes(as_cachey(**facts), as_cachey(**facts))
    client = client_of([owner, other], group_size=mib)
    key = key_of(owner, [other])
    read = client.read("k", key)
    assert (read.data, read.etag) == (content(0, 3 * mib), 'W/"v1"')
    with client.open("k", key) as file:
        assert file.read() == content(0, 3 * mib)
    whole = as_cachey(**facts)

    def cut_once(peer, request):
        owner.script = whole
        return as_cachey(**facts, only=1000)(peer, request) and False

    owner.script = cut_once
    assert client.read("k", key, 0, 9000).data == content(0, 9000)


@pytest.mark.parametrize("tag", [None, 'W/"v1"'])
def test_without_a_strong_tag_the_date_tells_versions_apart(nodes, client_of, tag):
    mib = 1 << 20
    dates = iter(f"Sun, 29 Nov 2026 12:00:{second:02} GMT" for second in range(60))
    (node,) = nodes(
        lambda peer, request: peer.right(request, size=2 * mib, tag="x", ETag=tag, Last_Modified=next(dates))
    )
    with pytest.raises(Changed):
        client_of([node], group_size=mib).read("k", "x")
