"""TLS: certificates are checked, heads and bodies are read the same."""

import socket
import ssl
import subprocess
import threading

import pytest

from cachey_client import CacheyError, Client, Unavailable
from cachey_client.errors import described
from conftest import key_of
from scripted import Node, content, healthy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", folder / "key", "-out", folder / "cert"]
    subprocess.run(["openssl", "req", "-x509", *kind, *names, *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_nodes(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert", certificate / "key")

    def wrap(sock):
        return context.wrap_socket(sock, server_side=True)

    started = []

    def start(*scripts):
        started.extend(Node(script, wrap=wrap) for script in scripts)
        return started[-len(scripts) :]

    yield start
    for node in started:
        node.stop()


@pytest.fixture
def trusting(certificate):
    return ssl.create_default_context(cafile=certificate / "cert")


def test_reads_of_all_sizes_are_right(tls_nodes, trusting):
    (node,) = tls_nodes(healthy(size=5 << 20))
    with Client([node.name], tls=trusting, group_size=1 << 20, deadline=10) as client:
        for start, end in ((0, 10), (5, 70_000), (1 << 20, 2 << 20), (0, None)):
            assert client.read("k", "x", start, end).data == content(start, (end or 5 << 20) - start)
        assert client.stat("k", "x").size == 5 << 20


def test_a_broken_body_is_resumed(tls_nodes, trusting):
    owner, other = tls_nodes(lambda peer, request: peer.right(request, only=300) and False, healthy())
    with Client([owner.name, other.name], tls=trusting, deadline=10) as client:
        read = client.read("k", key_of(owner, [other]))
    assert (read.data, read.nodes) == (content(0, 1000), (owner.name, other.name))


def test_a_slow_node_is_overtaken(tls_nodes, trusting):
    slow = []

    def script(peer, request):
        if slow:
            peer.node.ended.wait(1.0)
        return peer.right(request)

    owner, other = tls_nodes(script, healthy())
    with Client([owner.name, other.name], tls=trusting, hedge_budget=1.0, deadline=10) as client:
        key = key_of(owner, [other])
        for _ in range(64):
            client.read("k", key, 0, 10)
        slow.append(True)
        assert client.read("k", key, 0, 10).nodes == (other.name,)


def test_a_certificate_that_is_not_trusted_is_an_error(tls_nodes):
    (node,) = tls_nodes(healthy())
    with (
        Client([node.name], tls=True, deadline=2) as client,
        pytest.raises(Unavailable, match="TLS: the certificate is refused: self-signed certificate|self signed"),
    ):
        client.read("k", "x")
    assert not node.requests


def test_plain_text_on_a_tls_connection_is_an_error(nodes, trusting, hasty):
    (node,) = nodes(healthy())
    with Client([node.name], tls=trusting, deadline=2) as client, pytest.raises(CacheyError):
        client.read("k", "x")


def test_a_port_of_clear_text_is_named(trusting):
    """As servers of HTTP answer what is no request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        place = "127.0.0.1", server.getsockname()[1]
        with socket.create_connection(place, 10) as sock, pytest.raises(ssl.SSLError) as fault:
            trusting.wrap_socket(sock, server_hostname="127.0.0.1")
        thread.join()
    assert described(fault.value) == "TLS: the answer is not TLS; is the port one of clear text?"


def test_a_node_that_never_shakes_hands_costs_a_bounded_time(nodes, tls_nodes, trusting, monkeypatch):
    from cachey_client import wire

    monkeypatch.setattr(wire, "TLS_SECONDS", 0.2)
    (silent,) = nodes(healthy())
    silent._wrap = lambda sock: silent.ended.wait(20) and sock
    (good,) = tls_nodes(healthy())
    with Client([silent.name, good.name], tls=trusting, deadline=10) as client:
        assert client.read("k", key_of(silent, [good])).nodes == (good.name,)


def test_bytes_past_an_answer_are_not_taken_for_the_next_one(tls_nodes, trusting):
    head = b"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 0-3/4\r\n\r\n"
    (node,) = tls_nodes(lambda peer, request: peer.send(head + b"good" + head + b"evil"))
    with Client([node.name], tls=trusting, deadline=10) as client:
        for _ in range(3):
            assert client.read("k", "x").data == b"good"
    assert node.connections == 3
