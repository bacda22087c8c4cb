"""A client with many misses waits behind itself: others take their turns at the store and their memory first."""

import prometheus_text

from harness import MIB, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour, Gate

TURNS = 4
GREEDY = 60
HONEST = 10


def waiting(server):
    text = server.get("/metrics", [("Authorization", f"Bearer {token('greedy')}")]).text
    return prometheus_text.value(prometheus_text.parse(text), "cachey_origin_requests_waiting")


def token(name):
    return f"a-token-of-client-{name}"


def ask(server, kind, key, name):
    """Sends the request and keeps its connection."""
    client = server.connect()
    client.request("GET", fetch_target(kind, key), [range_header(0, 9), ("Authorization", f"Bearer {token(name)}")])
    return client


def test_sixty_connections_of_one_client_delay_no_other(s3_server, origin, kind, tmp_path):
    names = ["greedy", *(f"honest-{number}" for number in range(HONEST))]
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(f"{token(name)} name={name}\n" for name in names))
    tokens.chmod(0o600)
    keys = [f"greedy-{number}" for number in range(GREEDY)] + names[1:]
    store = Gate()
    for key in keys:
        origin.put(kind, key, size=MIB)
        origin.behave(kind, key, Behaviour(gate=store))
    server = s3_server("--auth-tokens", str(tokens), "--bucket-requests", str(TURNS), "--kind", f"{kind}={kind}")
    clients = [ask(server, kind, key, "greedy") for key in keys[:GREEDY]]
    wait_until(lambda: waiting(server) == GREEDY - TURNS, what="the greedy client's requests that wait")
    clients += [ask(server, kind, name, name) for name in names[1:]]
    wait_until(lambda: waiting(server) == GREEDY - TURNS + HONEST, what="all requests that wait")
    store.release()
    assert [client.read_response().status for client in clients] == [206] * len(clients)
    asked = [record.key for record in origin.requests(kind)]
    last = max(asked.index(name) for name in names[1:])
    assert last < TURNS + 2 * HONEST, f"honest clients' turns came as late as number {last} of {asked}"
    for client in clients:
        client.close()
