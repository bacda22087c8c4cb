"""Limits of a client: past its misses it gets cached bytes only, past its bandwidth it waits; others notice nothing."""

import time

import prometheus_text
import pytest

from expect import expect_206, expect_bytes
from harness import MIB, PAGE, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate

ONE, OTHER, FREE = (f"a-token-of-client-{name}" for name in ("one", "other", "free"))


def bearer(token):
    return ("Authorization", f"Bearer {token}")


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"{ONE} name=one\n{OTHER} name=other\n{FREE} name=free misses=0\n")
    path.chmod(0o600)
    return path


def refusals(server, limit):
    text = server.get("/metrics", [bearer(ONE)]).text
    return prometheus_text.value(prometheus_text.parse(text), "cachey_client_limited_total", limit=limit)


def waiting(server):
    text = server.get("/metrics", [bearer(ONE)]).text
    return prometheus_text.value(prometheus_text.parse(text), "cachey_fills_in_flight")


def test_past_its_misses_a_client_gets_what_is_cached(s3_server, origin, kind, tokens):
    cached = origin.put(kind, "cached", size=MIB)
    store = Gate()
    for number in range(5):
        origin.put(kind, f"held-{number}", size=MIB)
        origin.behave(kind, f"held-{number}", Behaviour(gate=store))
    server = s3_server("--auth-tokens", str(tokens), "--client-misses", "2")
    assert server.fetch(kind, "cached", 0, 9, [bearer(OTHER)]).status == 206
    held = [server.connect() for _ in range(2)]
    for number, client in enumerate(held):
        client.request("GET", fetch_target(kind, f"held-{number}"), [range_header(0, 9), bearer(ONE)])
    wait_until(lambda: waiting(server) == 2, what="the client's misses")
    refused = server.fetch(kind, "held-2", 0, 9, [bearer(ONE)])
    assert refused.status == 429 and refused.header("Retry-After") == "1" and "misses" in refused.text
    assert refusals(server, "misses") == 1
    expect_206(server.fetch(kind, "cached", 0, 9, [bearer(ONE)]), cached, 0, 9, kind)
    cached_only = [bearer(ONE), ("Cache-Control", "only-if-cached")]
    assert server.fetch(kind, "held-2", 0, 9, cached_only).status == 504, "the client's own wish"
    more = [(server.connect(), token) for token in (OTHER, FREE, FREE, FREE)]
    for number, (client, token) in enumerate(more):
        client.request("GET", fetch_target(kind, f"held-{1 + number % 4}"), [range_header(0, 9), bearer(token)])
    store.release()
    for client in (*held, *(client for client, _ in more)):
        assert client.read_response().status == 206
        client.close()
    assert server.fetch(kind, "held-2", 0, 9, [bearer(ONE)]).status == 206
    assert "held" in {record.key.partition("-")[0] for record in origin.requests(kind)}


def test_a_reload_changes_the_limits(s3_server, origin, kind, tokens):
    origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens))
    for _ in range(3):
        assert server.fetch(kind, "object", 0, MIB - 1, [bearer(ONE)]).status == 206
    tokens.write_text(f"{ONE} name=one bandwidth=1KiB\n{OTHER} name=other\n")
    server.signal(1)
    server.expect_log("reloaded", "tokens=2")
    assert server.fetch(kind, "object", 0, 199_999, [bearer(ONE)]).status == 206

    def is_refused():
        return server.fetch(kind, "object", 0, 9, [bearer(ONE)]).status == 429

    wait_until(is_refused, what="the client has had its bandwidth")
    refused = server.fetch(kind, "object", 0, 9, [bearer(ONE)])
    assert int(refused.header("Retry-After")) > 150 and "bandwidth" in refused.text
    assert server.fetch(kind, "object", 0, 9, [bearer(OTHER)]).status == 206
    assert refusals(server, "bandwidth") >= 2


def test_a_response_under_way_is_slowed_to_the_bandwidth(s3_server, origin, kind, tokens):
    size = 12 * MIB
    stored = origin.put(kind, "object", size=size)
    tokens.write_text(f"{ONE} name=one bandwidth=4MiB\n{OTHER} name=other\n")
    server = s3_server("--auth-tokens", str(tokens))
    took = {}
    for token in (OTHER, ONE):
        began = time.monotonic()
        response = server.fetch(kind, "object", 0, size - 1, [bearer(token)])
        took[token] = time.monotonic() - began
        expect_bytes(response, stored.seed, 0, size - 1)
    # A second's bytes are saved up, and the socket's buffer may be ahead.
    assert took[ONE] > 0.8 and took[ONE] > 4 * took[OTHER], took


def test_a_cached_first_page_does_not_hide_later_misses(s3_server, origin, kind, tokens):
    origin.put(kind, "large", size=PAGE + MIB)
    origin.put(kind, "other", size=MIB)
    store = Gate()
    server = s3_server("--auth-tokens", str(tokens), "--client-misses", "1")
    assert server.fetch(kind, "large", 0, 9, [bearer(OTHER)]).status == 206
    wait_until(lambda: waiting(server) == 0, what="all of the first page")
    for name in ("large", "other"):
        origin.behave(kind, name, Behaviour(gate=store))
    misses_later = server.connect()
    misses_later.request("GET", fetch_target(kind, "large"), [range_header(PAGE - 5, PAGE + 4), bearer(ONE)])
    wait_until(lambda: waiting(server) == 1, what="the miss of the second page")
    refused = server.fetch(kind, "other", 0, 9, [bearer(ONE)])
    store.release()
    assert refused.status == 429
    assert misses_later.read_response().status == 206
    misses_later.close()
