"""Clients that time out and leave while the store hangs: their places are free at once, and their fills go on."""

import signal
import time

import pytest

from expect import expect_206
from harness import SLOW, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate
from protocols import NAMES, Client

CONNECTIONS = 55
PLACES = 50  # of one address: the others are for other addresses


def hang(origin, kind, count):
    gate = Gate()
    for at in range(count):
        origin.put(kind, f"slow-{at}", size=1000)
        origin.behave(kind, f"slow-{at}", Behaviour(gate=gate))
    return gate


def ask(client, kind, at):
    connection = client.connect()
    connection.request("GET", fetch_target(kind, f"slow-{at}"), [range_header(0, 9)])
    return connection


@pytest.mark.parametrize("protocol", NAMES)
def test_their_places_are_free_at_once(s3_server, origin, kind, protocol):
    stored = origin.put(kind, "hit", size=1000)
    server = s3_server("--max-connections", str(CONNECTIONS), *(["--tls-self"] if protocol.endswith("+tls") else []))
    client = Client(protocol, server.port)
    expect_206(client.fetch(kind, "hit", 0, 9), stored, 0, 9, kind)
    gate = hang(origin, kind, PLACES)
    for connection in [ask(client, kind, at) for at in range(PLACES)]:
        connection.close()
    time.sleep(0.4 * SLOW)  # for the server to see their ends, and to wait whether they only ended their side
    for _ in range(PLACES):
        expect_206(client.fetch(kind, "hit", 0, 9), stored, 0, 9, kind)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait()
    assert time.monotonic() - began < limit(3)
    gate.release()


@pytest.mark.parametrize("behind", [b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n"], ids=["a request", "a line"])
def test_bytes_behind_the_request_change_little(s3_server, origin, kind, behind):
    stored = origin.put(kind, "hit", size=1000)
    server = s3_server("--max-connections", str(CONNECTIONS))
    client = Client("h1", server.port)
    gate = hang(origin, kind, PLACES)
    connections = [ask(client, kind, at) for at in range(PLACES)]
    for connection in connections:
        connection.send(behind)
        connection.close()
    time.sleep(0.5 * SLOW)  # for the server to see their ends
    expect_206(client.fetch(kind, "hit", 0, 9), stored, 0, 9, kind)
    gate.release()


@pytest.mark.parametrize("protocol", ["h2c", "h2+tls"])
def test_streams_that_are_taken_back_leave_their_connection_usable(s3_server, origin, kind, protocol):
    stored = origin.put(kind, "hit", size=1000)
    server = s3_server(*(["--tls-self"] if protocol.endswith("+tls") else []))
    client = Client(protocol, server.port)
    streams = 128
    gate = hang(origin, kind, streams)
    with client.connect() as connection:
        expect_206(connection.exchange("GET", fetch_target(kind, "hit"), [range_header(0, 9)]), stored, 0, 9, kind)
        for _ in range(3):
            asked = [connection.request("GET", fetch_target(kind, f"slow-{at}"), [range_header(0, 9)])
                     for at in range(streams)]
            for stream in asked:
                connection.h2.reset_stream(stream, 8)
            connection.flush()
            hit = connection.exchange("GET", fetch_target(kind, "hit"), [range_header(0, 9)])
            expect_206(hit, stored, 0, 9, kind)
        assert connection.goaway is None
    gate.release()


def test_the_log_and_the_metrics_say_so(s3_server, origin, kind, tmp_path):
    log = tmp_path / "access.log"
    server = s3_server("--access-log", str(log))
    gate = hang(origin, kind, 1)
    ask(Client("h1", server.port), kind, 0).close()
    wait_until(lambda: "status=499 bytes=0 " in log.read_text(encoding="utf-8"), 5, "the line of the request")
    line = f'cachey_fetch_requests_total{{kind="{kind}",method="GET",status="failed:init:client_gone"}} 1'
    assert line in server.get("/metrics").text.splitlines()
    gate.release()
