"""Heads of answers: what is accepted is read as others read it, and what can be read in two ways is refused."""

import random
import socket
import threading
import time

import h11
import pytest

from cachey_client.deadline import Deadline
from cachey_client.heads import FIELDS_MAX, HEAD_MAX, NotHttp, parse_head
from cachey_client.wire import TOGETHER_MAX, Wire

OK = b"HTTP/1.1 206 Partial Content\r\n"

ACCEPTED = {
    "of Cachey": (OK + b"Content-Length: 10\r\nETag: \"a\"\r\n\r\n", (206, 10, True)),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", (200, 0, True)),
    "an empty reason": (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", (200, 0, True)),
    "a reason in UTF-8": (b"HTTP/1.1 404 \xc3\xa9t\xc3\xa9\r\nContent-Length: 1\r\n\r\n", (404, 1, True)),
    "no fields": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", (502, None, False)),
    "chunks": (b"HTTP/1.1 404 N\r\nTransfer-Encoding: chunked\r\n\r\n", (404, None, False)),
    "HTTP/1.0": (b"HTTP/1.0 503 S\r\nContent-Length: 3\r\n\r\n", (503, 3, False)),
    "a connection that ends": (OK + b"content-length:3\r\nconnection: Keep-Alive, Close\r\n\r\n", (206, 3, False)),
    "blanks": (OK + b"Content-Length: \t 7 \t\r\nX:\r\n\r\n", (206, 7, True)),
    "204": (b"HTTP/1.1 204 N\r\n\r\n", (204, 0, True)),
}  # fmt: skip

REFUSED = {
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a length twice": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "lengths with a comma": OK + b"Content-Length: 5, 5\r\n\r\n",
    "a length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a length of another base": OK + b"Content-Length: 0x5\r\n\r\n",
    "a length with a sign": OK + b"Content-Length: +5\r\n\r\n",
    "a length of superscripts": OK + b"Content-Length: \xb2\r\n\r\n",
    "an empty length": OK + b"Content-Length:\r\n\r\n",
    "a long length": OK + b"Content-Length: " + b"1" * 20 + b"\r\n\r\n",
    "a coding twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "two ranges": OK + b"Content-Range: bytes 0-1/2\r\nContent-Range: bytes 0-1/3\r\n\r\n",
    "a folded line": OK + b"X: a\r\n b\r\n\r\n",
    "a line without a colon": OK + b"Content-Length 5\r\n\r\n",
    "a blank before the colon": OK + b"Content-Length : 5\r\n\r\n",
    "a blank before the name": OK + b" Content-Length: 5\r\n\r\n",
    "no name": OK + b": 5\r\n\r\n",
    "a name that is no token": OK + b"X(y): 5\r\n\r\n",
    "a bare CR": OK + b"X: a\rContent-Length: 5\r\n\r\n",
    "a bare LF": OK + b"X: a\nContent-Length: 5\r\n\r\n",
    "NUL": OK + b"X: a\0b\r\n\r\n",
    "line ends without CR": b"HTTP/1.1 200 OK\nContent-Length: 5\n\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a status of 999": b"HTTP/1.1 999 OK\r\n\r\n",
    "two blanks": b"HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    "more after the end": b"HTTP/1.1 200 OK\r\n\r\nX: y\r\n\r\n",
    "many fields": OK + b"X: y\r\n" * (FIELDS_MAX + 1) + b"\r\n",
    "a long head": OK + b"X: " + b"y" * HEAD_MAX + b"\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("what", ACCEPTED)
def test_heads_that_are_accepted(what):
    head, (status, length, keeps) = ACCEPTED[what]
    found = parse_head(head, "GET")
    assert (found.status, found.length, found.keeps) == (status, length, keeps)


@pytest.mark.parametrize("what", REFUSED)
def test_heads_that_are_refused(what):
    with pytest.raises(NotHttp):
        parse_head(REFUSED[what], "GET")


def test_names_are_in_lower_case_and_values_of_a_list_are_joined():
    head = parse_head(OK + b"VARY: a\r\nX-a: 1:2\r\nvary: b , c \r\n\r\n", "GET")
    assert head.fields == {"vary": "a, b , c", "x-a": "1:2"}


def test_answers_to_head_have_no_body():
    assert parse_head(OK + b"Content-Length: 10\r\n\r\n", "HEAD").length == 0


@pytest.mark.parametrize("piece", [b"a:\r\n", b"a", b"a:", b":", b"a: \r", b"\r\n", b"HTTP/1.1 200 "])
def test_a_long_wrong_head_is_refused_soon(piece):
    began = time.process_time()
    for begin in (b"", b"HTTP/1.1 200 ", OK, OK + b"X:"):
        with pytest.raises(NotHttp):
            parse_head((begin + piece * HEAD_MAX)[: HEAD_MAX - 9] + b"\0\r\n\r\n", "GET")
    assert time.process_time() - began < 2


FIELDS = [
    b"Content-Length: 5",
    b"content-length:7",
    b'ETag: "x"',
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"X: y",
    b"Content-Range: bytes 0-4/9",
    b"Vary: a",
]
ODD = [b"\r\n", b"\r", b"\n", b":", b" ", b"\t", b"\0", b"\xff", b",", b"0", b"\x1b", b"(", b"HTTP/1.1 200 OK"]


def mutated(chance):
    """A right head, mostly with some faults."""
    lines = [b"HTTP/1.%d %d OK" % (chance.choice([0, 1, 1, 1]), chance.choice([200, 206, 404, 502]))]
    lines += chance.sample(FIELDS, chance.randrange(6))
    head = bytearray(b"\r\n".join(lines) + b"\r\n\r\n")
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        at = chance.randrange(len(head))
        what = chance.randrange(3)
        if what == 0:
            head[at:at] = chance.choice(FIELDS + ODD)
        elif what == 1:
            del head[at : at + chance.randrange(1, 4)]
        else:
            head[at] = chance.randrange(256)
    return bytes(head)


def by_h11(data):
    """(status, fields) as h11 reads an answer to GET."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    event = connection.next_event()
    while isinstance(event, h11.InformationalResponse):
        event = connection.next_event()
    assert isinstance(event, h11.Response), event
    fields = {}
    for name, value in event.headers:
        name, value = name.decode(), value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return event.status_code, fields


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_is_read_as_h11_reads_it(seed):
    chance = random.Random(seed)
    accepted = 0
    for _ in range(1000):
        data = mutated(chance)
        head = data[: data.find(b"\r\n\r\n") + 4]
        try:
            found = parse_head(head, "GET")
        except NotHttp:
            continue
        if found.status < 200:
            continue
        accepted += 1
        status, fields = by_h11(data)
        assert (found.status, found.fields) == (status, fields), data
    assert 200 < accepted < 900


def in_pieces(sock, data, cuts):
    for begin, end in zip([0, *cuts], cuts):
        sock.sendall(data[begin:end])
        time.sleep(0.001)


@pytest.mark.parametrize("length", [5, TOGETHER_MAX + 5])
@pytest.mark.parametrize("before", ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 E\r\nLink: x\r\n\r\n"])
@pytest.mark.parametrize("times", [1, 200])
def test_an_answer_in_pieces_is_read_as_a_whole_one(before, times, length):
    """However the bytes come, and whether the body is read with the head or by itself."""
    chance = random.Random(length)
    body = chance.randbytes(length)
    answer = before.encode() * times + OK + b"X: " + b"y" * 5000 + b"\r\nContent-Length: %d\r\n\r\n" % length + body
    for turn in range(30):
        near, far = socket.socketpair()
        wire = Wire("a:80", near)
        with near, far:
            wire.send(b"x", Deadline(20))
            cuts = sorted(chance.randrange(len(answer)) for _ in range(turn % 4)) + [len(answer)]
            thread = threading.Thread(target=in_pieces, args=(far, answer, cuts))
            thread.start()
            head = wire.head("GET", length)
            assert (head.status, head.length) == (206, length)
            begun = wire.body_bytes(length)
            view = bytearray(length - len(begun))
            assert wire.body_into(memoryview(view)) == len(view)
            assert begun + view == body
            assert wire.reusable() and wire.idle_is_alive()
            thread.join()
