"""--admin-listen: /metrics and /stats apart from /fetch; health on both."""

import re
import signal

import pytest

import http1
from expect import expect_206, expect_error
from harness import MIB, PAGE, Task, limit, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

_ADMIN = re.compile(r"admin_address=127\.0\.0\.1:(\d+)")


def admin_ports(server):
    return [int(port) for port in _ADMIN.findall(server.log())]


def get_admin(server, target, headers=()):
    return http1.exchange(admin_ports(server)[0], "GET", target, headers)


@pytest.fixture
def server(s3_server):
    return s3_server("--admin-listen", "127.0.0.1:0")


def test_each_port_has_its_own_routes(server, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    for target in ("/metrics", "/stats"):
        expect_error(server.get(target), 404)
        assert get_admin(server, target).status == 200
    for target in ("/healthz", "/readyz"):
        assert server.get(target).status == get_admin(server, target).status == 200
    before = len(origin.requests(kind))
    expect_error(get_admin(server, fetch_target(kind, "object"), [range_header(0, 9)]), 404)
    assert len(origin.requests(kind)) == before


def test_without_an_admin_address_all_is_on_one_port(s3_server):
    server = s3_server()
    assert admin_ports(server) == []
    for target in ("/metrics", "/stats", "/healthz", "/readyz"):
        assert server.get(target).status == 200


def test_there_may_be_several(s3_server):
    server = s3_server("--admin-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
    ports = admin_ports(server)
    assert len(set(ports)) == 2
    for port in ports:
        assert http1.exchange(port, "GET", "/stats").status == 200


def test_a_full_server_can_still_be_looked_at(s3_server, origin, kind):
    origin.put(kind, "object", size=4 * MIB)
    server = s3_server("--admin-listen", "127.0.0.1:0", "--max-connections", "2")
    held = server.busy_connections(kind, "object", 2)
    assert server.get("/healthz").status == 503
    assert "cachey_connections 2" in get_admin(server, "/metrics").text
    for connection in held:
        connection.close()


def test_tokens_are_asked_for_on_both(s3_server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text("a-token-0123456789\n")
    server = s3_server("--admin-listen", "127.0.0.1:0", "--auth-tokens", str(tokens))
    for target in ("/metrics", "/stats"):
        expect_error(get_admin(server, target), 401)
        assert get_admin(server, target, [("Authorization", "Bearer a-token-0123456789")]).status == 200
    assert get_admin(server, "/readyz").status == 200
    expect_error(server.get("/fetch/kind/object"), 401)


def test_the_admin_port_is_the_last_to_close(s3_server, origin, kind):
    """An observer sees the shutdown in progress: not ready, metrics still served."""
    server = s3_server("--admin-listen", "127.0.0.1:0", "--drain-timeout", str(limit(20)))
    stored = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=8 * MIB))
    download = Task(server.fetch, kind, "object", 0, PAGE - 1)
    wait_until(lambda: origin.requests(kind) and origin.requests(kind)[0].body_bytes, what="the download's start")
    server.signal(signal.SIGTERM)
    expect_error(wait_until(lambda: not_ready(server), what="/readyz"), 503)
    assert not download.done and get_admin(server, "/stats").status == 200
    expect_206(download.result(), stored, 0, PAGE - 1, kind)
    assert server.wait() == 0


def not_ready(server):
    response = get_admin(server, "/readyz")
    return response if response.status != 200 else None
