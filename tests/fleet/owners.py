"""The node that HAProxy gives a request to: the name stands in a field that the test adds to each answer."""

import http.client
import re
import socket

_FIELD = "x-owner"
_BATCH = 200
_HEAD = "HEAD {} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\nCache-Control: only-if-cached\r\n\r\n"
_END = b"\r\n\r\n"


def told(text):
    """A configuration of HAProxy whose answers say which server made them."""
    return text.replace("    balance hash", f"    http-response set-header {_FIELD} %s\n    balance hash")


def ask(port, target, headers=None, method="GET", connection=None):
    """(owner, status, body) of one request. A field that is None is left out; Range is `bytes=0-9` if not given."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        fields = {"Range": "bytes=0-9"} | (headers or {})
        own.request(method, target, headers={name: value for name, value in fields.items() if value is not None})
        answer = own.getresponse()
        body = answer.read()
        return answer.getheader(_FIELD), answer.status, body
    finally:
        if connection is None:
            own.close()


def owners(port, targets):
    """The owner of each target; nothing is fetched. Many requests share a packet: HEAD has no body, so answers are
    easily told apart."""
    found = {}
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for at in range(0, len(targets), _BATCH):
            batch = targets[at:at + _BATCH]
            connection.sendall("".join(_HEAD.format(target) for target in batch).encode())
            received = b""
            while received.count(_END) < len(batch):
                piece = connection.recv(1 << 16)
                assert piece, "the connection has ended"
                received += piece
            for target, head in zip(batch, received.split(_END)):
                assert head.startswith(b"HTTP/1.1 504 "), (target, head)
                found[target] = re.search(rb"(?m)^x-owner: (\S+)", head)[1].decode()
    return found
