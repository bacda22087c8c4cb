"""The server's limits towards its clients: slow heads, idle and stuck connections, too many of them."""

import socket
import struct
import time

import pytest

import http1
from expect import expect_206, expect_retry_after
from harness import KIB, MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header, request_head
from origin_model import Behaviour

HEAD = request_head("GET", "/healthz")


def seconds_until_closed(connection):
    started = time.monotonic()
    assert connection.is_closed_by_server(20)
    return time.monotonic() - started


@pytest.mark.parametrize("sent", [1, 10, len(HEAD) - 1])
def test_a_head_that_does_not_come_ends_the_connection(s3_server, sent):
    server = s3_server("--header-timeout", "1", "--idle-timeout", "600")
    with server.connect() as connection:
        connection.send(HEAD[:sent])
        assert 0.8 <= seconds_until_closed(connection) < limit(5)
        assert connection.leftover() == b"" or connection.leftover().startswith(b"HTTP/1.1 408 ")


def test_a_head_that_drips_is_not_helped_by_dripping(s3_server):
    """The limit applies to the whole head: single bytes do not extend it."""
    server = s3_server("--header-timeout", "1", "--idle-timeout", "600")
    with server.connect() as connection:
        started = time.monotonic()
        try:
            for byte in HEAD[:-1] * 20:
                connection.send(bytes([byte]))
                time.sleep(0.1)
                if time.monotonic() - started > limit(6):
                    break
        except OSError:
            pass
        assert time.monotonic() - started < limit(5)


def test_an_idle_connection_ends(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    server = s3_server("--idle-timeout", "1", "--header-timeout", "600")
    with server.connect() as unused, server.connect() as used:
        expect_206(used.exchange("GET", fetch_target(kind, "object"), [range_header(0, 9)]), stored, 0, 9, kind)
        assert 0.5 <= seconds_until_closed(used) < limit(5)
        assert unused.is_closed_by_server(5)
        assert used.leftover() == b"" and unused.leftover() == b""


def test_a_busy_connection_outlives_the_idle_and_head_limits(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=4 * MIB)
    server = s3_server("--idle-timeout", "1", "--header-timeout", "1")
    origin.behave(kind, "object", Behaviour(pace=1.5 * MIB))
    with server.connect() as connection:
        response = connection.exchange("GET", fetch_target(kind, "object"), [range_header(0, 4 * MIB - 1)])
        expect_206(response, stored, 0, 4 * MIB - 1, kind, hit=False)


def test_a_client_that_takes_nothing_is_cut_off(s3_server, origin, kind):
    origin.put(kind, "object", size=2 * PAGE)
    server = s3_server("--write-timeout", "1")
    with server.connect(receive_buffer=4 * KIB) as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, 2 * PAGE - 1)])
        wait_until(lambda: origin.requests(kind), what="the request")
        wait_until(lambda: open_connections(server) == 1, 10, "the server cutting the connection off")
        response = connection.read_response()
        assert response.status == 206 and not response.complete


def open_connections(server):
    """The number of open connections that the server reports, including this request's."""
    lines = server.get("/metrics").text.splitlines()
    (value,) = [line.split()[-1] for line in lines if line.startswith("cachey_connections ")]
    return int(float(value))


def test_a_slow_client_that_takes_something_is_not(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=2 * PAGE)
    server = s3_server("--write-timeout", "1")
    with server.connect(receive_buffer=64 * KIB) as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, 2 * PAGE - 1)])
        response = connection.read_head()
        pieces = [connection.read_body_bytes(512 * KIB)]
        while sum(map(len, pieces)) < 8 * MIB:
            pieces.append(connection.read_body_bytes(512 * KIB))
            time.sleep(0.2)
        left = 2 * PAGE - sum(map(len, pieces))
        pieces.append(connection.read_body_bytes(left))
        response.body, response.complete = b"".join(pieces), True
    expect_206(response, stored, 0, 2 * PAGE - 1, kind)


def test_too_many_connections_get_503(s3_server, origin, kind):
    origin.put(kind, "object", size=PAGE)
    server = s3_server("--max-connections", "22")
    held = server.busy_connections(kind, "object", 20)  # nine tenths
    try:
        for _ in range(5):
            with server.connect() as refused:
                try:
                    refused.request("GET", "/healthz")
                except OSError:
                    pass  # the server refuses before the client sends
                expect_retry_after(refused.read_response())
                assert refused.is_closed_by_server()
        held.pop().close()

        def admitted():
            with server.connect() as connection:
                return connection.exchange("GET", "/healthz").status == 200

        wait_until(admitted, 5, "a place for a new connection")
    finally:
        for connection in held:
            connection.close()


def test_clients_that_owe_a_request_give_way(s3_server, origin, kind):
    """The longest wait first; a client that is being answered stays."""
    stored = origin.put(kind, "object", size=2 * PAGE)
    server = s3_server("--max-connections", "22", "--threads", "1")
    with server.connect(receive_buffer=4 * KIB) as busy:
        busy.request("GET", fetch_target(kind, "object"), [range_header(0, 2 * PAGE - 1)])
        head = busy.read_head()
        held = [server.connect() for _ in range(19)]
        for number, connection in enumerate(held):
            connection.send(HEAD[:10] if number % 2 else HEAD)
        time.sleep(0.5)
        for _ in range(5):
            expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
        assert [one for one in held if one.is_closed_by_server(0.1)] == [held[1]]  # held[0] came first, but got an answer
        head.body, head.complete = busy.read_body_bytes(2 * PAGE), True
        expect_206(head, stored, 0, 2 * PAGE - 1, kind, hit=False)
        for connection in held:
            connection.close()


def test_a_thousand_idle_connections_cost_the_others_nothing(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    server = s3_server("--max-connections", "2000")
    idle = [server.connect() for _ in range(1000)]
    try:
        assert wait_until(lambda: open_connections(server) >= 1001, 5, "a thousand connections")
        started = time.monotonic()
        for _ in range(100):
            expect_206(server.fetch(kind, "object", 0, 999), stored, 0, 999, kind)
        assert time.monotonic() - started < limit(3)
    finally:
        for connection in idle:
            connection.close()
    wait_until(lambda: open_connections(server) == 1, 5, "all connections ended")


def test_clients_that_reset_in_the_middle_leave_nothing_behind(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=3 * PAGE)
    server = s3_server()

    def reset_after(count):
        connection = server.connect()
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, 3 * PAGE - 1)])
        connection.read_head()
        connection.read_body_bytes(count)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    for task in [Task(reset_after, 1 + at * 700 * KIB) for at in range(30)]:
        task.result()
    expect_206(server.fetch(kind, "object", 0, 3 * PAGE - 1), stored, 0, 3 * PAGE - 1, kind)
    wait_until(lambda: open_connections(server) == 1, 5, "all connections ended")


def idle_connections(server, count):
    return [socket.create_connection(("127.0.0.1", server.port), limit(10)) for _ in range(count)]


def test_the_limit_of_open_files_is_raised(s3_server, origin, kind):
    """The usual limit at start is 1,024 files; the hard limit is higher."""
    stored = origin.put(kind, "object", size=1000)
    server = s3_server(under=("prlimit", "--nofile=100:4000", "--"))
    idle = idle_connections(server, 300)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    for connection in idle:
        connection.close()


def test_where_files_are_few_clients_leave_some_to_the_rest(s3_server, origin, kind):
    """Past the reduced limit idle clients give way, and the admin address works."""
    stored = origin.put(kind, "object", size=1000)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        admin_port = probe.getsockname()[1]
    server = s3_server("--admin-listen", f"127.0.0.1:{admin_port}", under=("prlimit", "--nofile=300:300", "--"))
    server.expect_log("max_connections=150 open_files_max=300")
    idle = idle_connections(server, 135)  # nine tenths: all that one address has
    try:
        wait_until(lambda: b"\ncachey_connections 135\n" in http1.exchange(admin_port, "GET", "/metrics").body,
                   what="all connections to be accepted")
        time.sleep(0.3)
        for _ in range(10):
            expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    finally:
        for connection in idle:
            connection.close()
