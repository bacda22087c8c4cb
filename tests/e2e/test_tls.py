"""TLS towards clients: versions, client certificates, faulty files, replacing a certificate under load."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import http1
from expect import expect_206
from harness import MIB, limit, wait_until
from http1 import fetch_target, range_header
from protocols import client_context
from start_up import expect_bad, run


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=limit(30))


class Certificates:
    """Makes keys and certificates for a test, in a directory."""

    def __init__(self, path):
        self.path = path

    def make(self, name, signer=None):
        """Makes (certificate, key), signed by `signer`, or self-signed."""
        certificate, key = self.path / f"{name}.pem", self.path / f"{name}.key"
        by = ["-CA", self.path / f"{signer}.pem", "-CAkey", self.path / f"{signer}.key"] if signer else []
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", *by,
                "-out", certificate, "-keyout", key)
        return certificate, key


@pytest.fixture
def certificates(tmp_path):
    path = tmp_path / "certificates"
    path.mkdir()
    return Certificates(path)


def with_files(files):
    return "--tls-cert", str(files[0]), "--tls-key", str(files[1])


def fingerprint(port, context=None):
    """The fingerprint of the server's current certificate."""
    with socket.create_connection(("127.0.0.1", port), limit(10)) as plain:
        with (context or client_context("http/1.1")).wrap_socket(plain) as secured:
            return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True))


def admin_port(server):
    return int(server.log().split("admin_address=127.0.0.1:")[1].split()[0])


def refused(port, context):
    """True if a client with this context gets no response. With TLS 1.3 the refusal shows only after the handshake."""
    try:
        with http1.Connection(port, tls=context) as connection:
            connection.exchange("GET", "/healthz")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_taken(s3_server, origin, kind, version):
    server = s3_server("--tls-self")
    stored = origin.put(kind, "object", size=MIB)
    context = client_context("http/1.1", minimum_version=version, maximum_version=version)
    with http1.Connection(server.port, tls=context) as connection:
        assert connection.socket.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        response = connection.exchange("GET", fetch_target(kind, "object"), [range_header(0, MIB - 1)])
    expect_206(response, stored, 0, MIB - 1, kind)


def test_tls_1_1_is_refused(s3_server):
    server = s3_server("--tls-self")
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=limit(20))
    assert done.returncode != 0 and "protocol version" in done.stderr
    assert http1.exchange(server.port, "GET", "/healthz", tls=client_context("http/1.1")).status == 200


def test_clients_must_show_a_certificate_where_they_are_asked_for_one(s3_server, certificates):
    authority, _ = certificates.make("authority")
    certificates.make("other-authority")
    server = s3_server("--tls-self", "--tls-client-ca", str(authority))

    def client(*signers):
        context = client_context("http/1.1")
        for signer in signers:
            context.load_cert_chain(*certificates.make(f"client-of-{signer}", signer))
        return context

    assert not refused(server.port, client("authority"))
    assert refused(server.port, client())
    assert refused(server.port, client("other-authority"))
    assert not refused(server.port, client("authority"))


def test_a_session_is_resumed(s3_server):
    server = s3_server("--tls-self")
    context = client_context("http/1.1", maximum_version=ssl.TLSVersion.TLSv1_2)
    session = None
    for resumed in (False, True, True):
        with socket.create_connection(("127.0.0.1", server.port), limit(10)) as plain:
            with context.wrap_socket(plain, session=session) as secured:
                assert secured.session_reused == resumed
                session = secured.session


@pytest.mark.parametrize("fault", ["no such file", "no certificate", "another key"])
def test_files_that_cannot_be_used_are_named_and_nothing_starts(certificates, tmp_path, fault):
    certificate, key = certificates.make("server")
    if fault == "no such file":
        key = certificates.path / "missing.key"
    elif fault == "no certificate":
        certificate.write_text("this is no certificate\n")
    else:
        key = certificates.make("another")[1]
    wrong = certificate if fault == "no certificate" else key
    expect_bad(run("--origin", f"dir:{tmp_path}", "--port", "0", "--listen", "127.0.0.1", *with_files((certificate, key))), str(wrong))


def test_hangup_replaces_the_certificate_under_load_and_no_request_fails(s3_server, origin, kind, certificates):
    server = s3_server(*with_files(certificates.make("server")))
    stored = origin.put(kind, "object", size=MIB)
    first = fingerprint(server.port)
    stop = threading.Event()
    done, failures = [], []

    def client(reconnects):
        try:
            while not stop.is_set():
                with http1.Connection(server.port, tls=client_context("http/1.1")) as connection:
                    for _ in range(1 if reconnects else 50):
                        response = connection.exchange("GET", fetch_target(kind, "object"), [range_header(0, 99_999)])
                        expect_206(response, stored, 0, 99_999, kind)
                        done.append(1)
        except Exception as failure:  # set by the test
            failures.append(failure)

    clients = [threading.Thread(target=client, args=(i % 2 == 0,)) for i in range(6)]
    for thread in clients:
        thread.start()
    shown = {first}
    for turn in range(5):
        before = len(done)
        for source, target in zip(certificates.make(f"server-{turn}"), ("server.pem", "server.key")):
            shutil.copy(source, certificates.path / target)
        server.signal(signal.SIGHUP)
        wait_until(lambda: fingerprint(server.port) not in shown, what="the new certificate")
        shown.add(fingerprint(server.port))
        wait_until(lambda: len(done) > before + 20 or failures, what="twenty more requests")
    (certificates.path / "server.pem").write_text("broken")
    server.signal(signal.SIGHUP)
    server.expect_log("reload failed")
    assert fingerprint(server.port) in shown, "what was there before does not stay"
    stop.set()
    for thread in clients:
        thread.join(limit(30))
    assert failures == [] and len(shown) == 6


def test_all_addresses_have_one_certificate_and_change_it_together(s3_server):
    server = s3_server("--tls-self", "--admin-listen", "127.0.0.1:0")
    admin = admin_port(server)
    shown = fingerprint(server.port)
    assert fingerprint(admin) == shown
    server.signal(signal.SIGHUP)
    wait_until(lambda: fingerprint(server.port) != shown, what="the new certificate")
    assert fingerprint(admin) == fingerprint(server.port)


def test_plain_http_on_a_port_with_tls_is_told_so(s3_server):
    server = s3_server("--tls-self")
    response = http1.exchange(server.port, "GET", "/healthz")
    assert response.status == 400 and "TLS" in response.text


def test_the_counts_of_handshakes(s3_server):
    server = s3_server("--tls-self", "--admin-listen", "127.0.0.1:0")
    for _ in range(3):
        assert http1.exchange(server.port, "GET", "/healthz", tls=client_context("http/1.1")).status == 200
    assert http1.exchange(server.port, "GET", "/healthz").status == 400
    admin = admin_port(server)
    metrics = http1.exchange(admin, "GET", "/metrics", tls=client_context("http/1.1")).text
    assert "cachey_tls_handshakes_total 3" in metrics and "cachey_tls_handshake_failures_total 1" in metrics
    stats = http1.exchange(admin, "GET", "/stats", tls=client_context("http/1.1"))
    assert json.loads(stats.body)["uptime_seconds"] >= 0
