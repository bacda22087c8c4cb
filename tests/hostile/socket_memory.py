"""Kernel memory of the sockets of a server, by the kernel's sock_diag (see man 7 sock_diag, man 3 inet_diag)."""

import socket
import struct

_SOCK_DIAG_BY_FAMILY = 20
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2
_SKMEMINFO = 7
_HEADER = struct.Struct("=IHHII")  # length, type, flags, number, process
_STATES = 0xfff & ~(1 << 6)  # all but TIME_WAIT: such a connection has no socket any more
_MESSAGE_BYTES = 72  # struct inet_diag_msg
_RMEM, _WMEM_QUEUED = 0, 5  # of the array in INET_DIAG_SKMEMINFO


def _attributes(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        yield kind & 0x3fff, data[at + 4:at + length]
        at += max(4, (length + 3) & ~3)


def _messages(diag):
    while True:
        data = diag.recv(1 << 20)
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, at)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError("the kernel refuses to list sockets")
            yield data[at + _HEADER.size:at + length]
            at += (length + 3) & ~3


def sockets_of(port):
    """(number of sockets, bytes that they hold in the kernel) of the TCP connections that a server has at `port`."""
    count = held = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:
        wanted = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 1 << (_SKMEMINFO - 1), 0, _STATES)
        request = wanted + struct.pack("!HH", port, 0) + bytes(32) + struct.pack("=III", 0, 0xffffffff, 0xffffffff)
        diag.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0) + request)
        for message in _messages(diag):
            if struct.unpack_from("!H", message, 4)[0] != port:
                continue
            count += 1
            for kind, value in _attributes(message[_MESSAGE_BYTES:]):
                if kind == _SKMEMINFO:
                    figures = struct.unpack_from("=9I", value)
                    held += figures[_RMEM] + figures[_WMEM_QUEUED]
    return count, held
