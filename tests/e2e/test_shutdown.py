"""SIGTERM: open requests are finished, no new ones are accepted, and the exit code is 0."""

import signal
import socket
import time

import pytest

import http1
from expect import expect_206
from harness import KIB, MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_download_on_its_way_is_completed(s3_server, origin, kind, number):
    server = s3_server("--drain-timeout", "30")
    stored = origin.put(kind, "object", size=2 * PAGE)
    origin.behave(kind, "object", Behaviour(pace=8 * MIB))
    download = Task(server.fetch, kind, "object", 0, 2 * PAGE - 1)
    with server.connect() as kept:
        assert kept.exchange("GET", "/readyz").status == 200
        wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes > MIB, what="the download's start")
        server.signal(number)
        wait_until(lambda: refuses_connections(server.port), 5, "the end of the listener")
        assert server.alive() and not download.done
    expect_206(download.result(), stored, 0, 2 * PAGE - 1, kind)
    assert server.wait() == 0
    server.check_log()


def test_readyz_turns_503_on_a_connection_from_before(s3_server, origin, kind):
    """A load balancer's kept-alive probe sees the shutdown while a request still runs."""
    server = s3_server("--drain-timeout", "30")
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=6 * MIB))
    with server.connect() as probe:
        assert probe.exchange("GET", "/readyz").status == 200
        # An open request keeps the connection open after the signal; the probe is pipelined after it.
        probe.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        probe.request("GET", "/readyz")
        assert probe.read_head().status == 206
        server.signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(server.port), 5, "the end of the listener")
        probe.read_body_bytes(PAGE)
        try:
            answer = probe.read_response()
            assert answer.status == 503
        except ConnectionError:
            pass  # closed after the running request: no new request is accepted
    assert server.wait() == 0


def test_idle_connections_do_not_hold_the_end_up(s3_server):
    server = s3_server("--drain-timeout", "30")
    idle = [server.connect() for _ in range(20)]
    for connection in idle[:10]:
        assert connection.exchange("GET", "/healthz").status == 200
    started = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(10) == 0
    assert time.monotonic() - started < limit(5)
    for connection in idle:
        assert connection.is_closed_by_server()
        connection.close()


def test_what_does_not_end_is_cut_at_the_limit(s3_server, origin, kind):
    server = s3_server("--drain-timeout", "1")
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(stall_after=MIB))
    with server.connect() as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        response = connection.read_head()
        connection.read_body_bytes(MIB)
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        connection.read_body(response)
        assert not response.complete
        assert server.wait(10) == 0
        assert 0.8 <= time.monotonic() - started < limit(5)
    server.check_log()


def test_a_fill_without_readers_does_not_hold_the_end_up(s3_server, origin, kind):
    server = s3_server("--drain-timeout", "30")
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(stall_after=MIB))
    with server.connect() as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        connection.read_head()
        connection.read_body_bytes(KIB)
    wait_until(lambda: origin.requests(kind)[0].held, what="the stall")
    started = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(10) == 0
    assert time.monotonic() - started < limit(5)


def test_a_second_signal_ends_at_once(s3_server, origin, kind):
    server = s3_server("--drain-timeout", "60")
    origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(stall_after=MIB))
    with server.connect() as connection:
        connection.request("GET", fetch_target(kind, "object"), [range_header(0, PAGE - 1)])
        connection.read_head()
        connection.read_body_bytes(MIB)
        server.signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(server.port), 5, "the end of the listener")
        assert server.alive()
        started = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait(5)
        assert time.monotonic() - started < limit(2)


def test_a_restart_on_the_same_port_works_at_once(start_server, origin, kind):
    stored = origin.put(kind, "object", size=1000)
    first = start_server("--origin", "s3", environment=origin.environment())
    expect_206(first.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    first.stop()
    second = start_server("--origin", "s3", "--port", str(first.port), environment=origin.environment())
    assert second.port == first.port
    expect_206(second.fetch(kind, "object", 0, 9), stored, 0, 9, kind)


def test_the_drain_delay_lets_load_balancers_notice_first(s3_server, origin, kind):
    """For --drain-delay /readyz is 503 on every port, and requests are served on old and new connections."""
    server = s3_server("--drain-delay", "3", "--admin-listen", "127.0.0.1:0", "--s3api-listen", "127.0.0.1:0", "--s3api-open")
    stored = origin.put(kind, "object", size=1000)
    with server.connect() as kept:
        assert kept.exchange("GET", "/readyz").status == 200
        server.signal(signal.SIGTERM)
        begun = time.monotonic()
        wait_until(lambda: server.get("/readyz").status == 503, 2, "the end of readiness")
        answer = kept.exchange("GET", "/readyz")
        assert answer.status == 503
        if time.monotonic() - begun < 1.3:  # in the first half
            assert answer.header("Connection") != "close"
        assert http1.exchange(server.s3_port, "GET", "/-/readyz").status == 503
        assert server.get("/healthz").status == 200
        refused = closing = served = 0
        while time.monotonic() - begun < 2.7:
            try:
                response = server.fetch(kind, "object", 0, 9)
            except OSError:
                refused += time.monotonic() - begun < 2.7
                break
            expect_206(response, stored, 0, 9, kind)
            closing += response.header("Connection") == "close"
            served += 1
            time.sleep(0.02)
    assert refused == 0 and served > 3
    assert closing > 0  # in the second half
    assert server.wait() == 0
    assert time.monotonic() - begun >= 3
    server.check_log()


def test_a_reload_works_during_the_drain_delay(start_server, directory, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("first-token-of-16-bytes\n")
    server = start_server("--origin", f"dir:{directory.path}", "--auth-tokens", str(tokens), "--drain-delay", "3")
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.get("/readyz").status == 503, 2, "the end of readiness")
    new = tmp_path / "new"
    new.write_text("second-token-of-16-bytes\n")
    new.rename(tokens)
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.get("/stats", [("Authorization", "Bearer second-token-of-16-bytes")]).status == 200, 2, "the reload")
    assert server.wait() == 0


def test_a_second_signal_ends_the_drain_delay_at_once(s3_server):
    server = s3_server("--drain-delay", "60")
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.get("/readyz").status == 503, 2, "the end of readiness")
    server.signal(signal.SIGTERM)
    assert server.wait(5) == 1
