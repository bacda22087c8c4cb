"""One client interface for the four protocols of the server."""

import contextlib
import dataclasses
import ssl

import http1
import http2
from http1 import fetch_target, range_header

NAMES = ("h1", "h2c", "h1+tls", "h2+tls")


def client_context(alpn, **options):
    """A TLS context that accepts any certificate; test_tls.py checks certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    for name, value in options.items():
        setattr(context, name, value)
    return context


@dataclasses.dataclass
class Client:
    """Requests to one server in one of the protocols."""

    name: str
    port: int

    @property
    def is_http2(self):
        return self.name.startswith("h2")

    @property
    def is_tls(self):
        return self.name.endswith("+tls")

    def connect(self, **options):
        if self.is_tls:
            options["tls"] = client_context("h2" if self.is_http2 else "http/1.1")
        return (http2 if self.is_http2 else http1).Connection(self.port, **options)

    def exchange(self, method, target, headers=(), **options):
        with self.connect(**options) as connection:
            return connection.exchange(method, target, headers)

    def fetch(self, kind, key, first, last, headers=(), method="GET", **options):
        return self.exchange(method, fetch_target(kind, key), [range_header(first, last), *headers], **options)

    @contextlib.contextmanager
    def begun(self, kind, key, first, last, headers=(), **options):
        """Sends a request. Returns (connection, argument for its read_response())."""
        with self.connect(**options) as connection:
            sent = connection.request("GET", fetch_target(kind, key), [range_header(first, last), *headers])
            yield connection, (sent,) if self.is_http2 else ()

    def curl(self):
        """Arguments that make curl use this protocol."""
        version = "--http2" if self.is_tls else "--http2-prior-knowledge"
        return ["-k" if self.is_tls else "-s", version if self.is_http2 else "--http1.1"]

    def url(self, target):
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}{target}"
