"""As silent_handshakes, with a whole ClientHello, after which the client says nothing."""

import contextlib
import ssl

from attacks import silent_handshakes

TLS = True


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


def attack(victim):
    silent_handshakes.attack(victim, client_hello())
