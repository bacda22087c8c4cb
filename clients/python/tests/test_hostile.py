"""Servers that mean no good: an error within the deadline and bounded memory, never wrong bytes."""

import itertools
import resource
import time
import tracemalloc

import pytest

from cachey_client import CacheyError, DeadlineExceeded, Invalid, NotFound, Unavailable
from conftest import key_of
from scripted import content, healthy

OK = b"HTTP/1.1 206 Partial Content\r\n"
RANGE = b"Content-Range: bytes 0-999/1000\r\n"

pytestmark = pytest.mark.usefixtures("hasty")


def raw(*pieces, hold=False):
    """Sends these bytes and closes, or holds the connection."""

    def script(peer, request):
        for piece in pieces:
            peer.send(piece)
        if hold:
            peer.hang()
        return False

    return script


WRONG = {
    "garbage": raw(b"\x00\xff\x13garbage\r\n\r\n" * 10),
    "nothing": raw(b""),
    "half a head": raw(OK + b"Content-Le"),
    "HTTP/0.9": raw(b"<html>hello</html>"),
    "no length": raw(OK + RANGE + b"\r\n" + content(0, 1000)),
    "a wrong length": raw(OK + RANGE + b"Content-Length: 999\r\n\r\n" + content(0, 999)),
    "a negative length": raw(OK + RANGE + b"Content-Length: -1\r\n\r\n"),
    "a length that is no number": raw(OK + RANGE + b"Content-Length: 1e3\r\n\r\n" + content(0, 1000)),
    "a long length": raw(OK + RANGE + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n"),
    "chunks": raw(OK + RANGE + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + content(0, 1000) + b"\r\n0\r\n\r\n"),
    "chunks and a length": raw(
        OK + RANGE + b"Content-Length: 1000\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + content(0, 1000)
    ),
    "no Content-Range": raw(OK + b"Content-Length: 1000\r\n\r\n" + content(0, 1000)),
    "another range": raw(OK + b"Content-Range: bytes 1-1000/1001\r\nContent-Length: 1000\r\n\r\n" + content(1, 1000)),
    "a short range": raw(OK + b"Content-Range: bytes 0-499/1000\r\nContent-Length: 500\r\n\r\n" + content(0, 500)),
    "a range past the size": raw(OK + b"Content-Range: bytes 0-999/500\r\nContent-Length: 1000\r\n\r\n"),
    "a size that is no number": raw(OK + b"Content-Range: bytes 0-999/*\r\nContent-Length: 1000\r\n\r\n"),
    "multipart": raw(OK + b"Content-Type: multipart/byteranges; boundary=x\r\nContent-Length: 9\r\n\r\n--x\r\n\r\n--"),
    "the whole object": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + content(0, 1000)),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "status 999": raw(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
    "status -1": raw(b"HTTP/1.1 -1 What\r\nContent-Length: 0\r\n\r\n"),
    "101": raw(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
    "a redirect": raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "a long line": raw(OK + b"X: " + b"x" * (1 << 20)),
    "many lines": raw(OK + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n"),
    "NUL in the head": raw(OK + RANGE + b"Content-Length: 10\x0000\r\n\r\n" + content(0, 1000)),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_an_error(nodes, client_of, what):
    (node,) = nodes(WRONG[what])
    began = time.monotonic()
    with pytest.raises(CacheyError) as caught:
        client_of([node]).read("k", "x", 0, 1000, deadline=6)
    assert time.monotonic() - began < 7
    assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize("what", ["garbage", "chunks", "another range", "a long line", "no length"])
def test_another_node_answers_instead(nodes, client_of, what):
    wrong, good = nodes(WRONG[what], healthy())
    assert client_of([wrong, good]).read("k", key_of(wrong, [good])).data == content(0, 1000)


def endless(begin, piece):
    def script(peer, request):
        peer.send(begin)
        for _ in itertools.count():
            peer.send(piece)

    return script


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (OK, b"X: " + b"y" * 1000 + b"\r\n"),
        (OK + b"X: ", b"y" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 100),
        (b"", b"\r\n" * 500),
    ],
)
def test_a_head_without_an_end_takes_little_memory_and_time(nodes, client_of, begin, piece):
    (node,) = nodes(endless(begin, piece))
    client = client_of([node])
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(CacheyError):
            client.read("k", "x", deadline=3)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 3


def test_a_head_is_ended_by_its_size_not_only_by_the_deadline(nodes, client_of):
    (node,) = nodes(endless(b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000))
    with pytest.raises(Unavailable, match="without an end"):
        client_of([node]).read("k", "x", deadline=60)


def test_a_body_that_goes_on_past_its_length_is_cut_and_its_connection_is_not_used_again(nodes, client_of):
    def more(peer, request):
        peer.right(request)
        peer.send(b"HTTP/1.1 206 Smuggled\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/4\r\n\r\nevil")

    (node,) = nodes(more)
    client = client_of([node])
    for at in range(5):
        assert client.read("k", "x", at, at + 10).data == content(at, 10)


def test_a_second_answer_in_the_same_packet_is_not_taken_for_the_next_one(nodes, client_of):
    head = b"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/4\r\n\r\n"
    (node,) = nodes(lambda peer, request: peer.send(head + b"good" + head + b"evil"))
    client = client_of([node])
    for _ in range(5):
        assert client.read("k", "x").data == b"good"
    assert node.connections == 5


@pytest.mark.parametrize("size", [1 << 62, 10**18, (1 << 63) - 1, 10**19 - 1])
def test_a_size_past_all_memory_is_an_error(nodes, client_of, size):
    def huge(peer, request):
        last = min(request.last, size - 1)
        peer.send(OK + b"Content-Range: bytes %d-%d/%d\r\n" % (request.first, last, size))
        peer.send(b"Content-Length: %d\r\n\r\n" % (last + 1 - request.first))

    (node,) = nodes(huge)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Invalid, match="do not fit into memory"):
        client_of([node]).read("k", "x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert client_of([node]).stat("k", "x").size == size


def test_a_large_size_takes_memory_only_for_what_comes(nodes, client_of):
    size = 8 << 30

    def breaks(peer, request):
        peer.right(request, size=size, only=1000)
        return False

    (node,) = nodes(breaks)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((Unavailable, Invalid, DeadlineExceeded)):
        client_of([node]).read("k", "x", deadline=1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_the_text_of_an_error_is_cut_and_has_no_control_characters(nodes, client_of):
    body = b"\x1b[31mred\x07\r\n\x00" + "\u202eü".encode() + b"x" * 100_000
    (node,) = nodes(lambda peer, _: peer.answer(404, body))
    with pytest.raises(NotFound) as caught:
        client_of([node]).read("k", "x")
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_an_error_text_without_an_end_is_no_hang(nodes, client_of):
    (node,) = nodes(endless(b"HTTP/1.1 404 Not Found\r\n\r\n", b"x" * 1000))
    with pytest.raises(NotFound):
        client_of([node]).read("k", "x", deadline=3)


def test_an_error_text_that_hangs_is_no_hang(nodes, client_of):
    (node,) = nodes(raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nabc", hold=True))
    began = time.monotonic()
    with pytest.raises(CacheyError):
        client_of([node]).read("k", "x", deadline=1)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("status", ["0-999; b; 0", "", "x" * 60_000, "1-2; \x1b; 3", "0-9; b; 1, 10-19; c; 2"])
def test_odd_statuses_of_pages_are_harmless(nodes, client_of, status):
    (node,) = nodes(lambda peer, request: peer.right(request, C0_Status=status))
    pages = client_of([node]).read("k", "x").pages
    assert all(page.bucket.isprintable() for page in pages)
    if status.startswith("0-9; b"):
        assert [tuple(page) for page in pages] == [(0, 9, "b", 1), (10, 19, "c", 2)]


@pytest.mark.parametrize("after", ["-1", "soon", "nan", "inf", "1e9", "9" * 40, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_an_odd_retry_after_is_no_hang(nodes, client_of, after):
    (node,) = nodes(lambda peer, _: peer.answer(503, b"busy", Retry_After=after))
    with pytest.raises(Unavailable):
        client_of([node]).read("k", "x", deadline=1)


def test_arguments_cannot_smuggle_a_field(nodes, client_of):
    (node,) = nodes(healthy())
    client = client_of([node])
    for options in (
        {"buckets": ["a\r\nX: y"]},
        {"config": "rt=1\r\nX: y"},
        {"config": {"rt": "1\nX"}},
        {"if_match": '"x"\r\nX: y'},
        {"buckets": "abc"},
        {"buckets": ["a,b"]},
        {"buckets": ["ü"]},
    ):
        with pytest.raises(Invalid):
            client.read("k", "x", **options)
    with pytest.raises(Invalid):
        client.read("", "x")
    with pytest.raises(Invalid):
        client.read("k", "")
    with pytest.raises(Invalid):
        client.read("k", "\udcff")
    assert not node.requests
    client.read("k d/\r\n", "x\r\nX: y?a#b%41//../ü")
    assert node.requests[0].target == "/fetch/k%20d%2F%0D%0A/x%0D%0AX%3A%20y%3Fa%23b%2541//../%C3%BC"
