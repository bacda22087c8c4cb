"""What attacks send: requests of HTTP/1.1, frames of HTTP/2, crowds of sockets."""

import itertools
import socket
import ssl
import struct
import threading
import time

import hpack

from signer import HOSTILE

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
CANCEL = 8
STREAMS = 128  # that the server allows on a connection
BIG_HEADER = ("x-big", "x" * 2100)


def head(target, headers=(), first=0, last=9):
    """A GET of HTTP/1.1."""
    lines = [f"GET {target} HTTP/1.1", "Host: a", f"Range: bytes={first}-{last}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def window_update(stream, count):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", count))


def reset(stream):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


class Victim:
    """The server under attack."""

    def __init__(self, port, tls, scale):
        """scale: how much of the attack to make; 1 in the short run."""
        self.port = port
        self.tls = tls
        self.scale = scale

    def begun(self):
        """Tells the runner that the attack is under way: from now on honest clients are judged."""
        print("begun", flush=True)

    def connect(self, alpn="http/1.1", receive_buffer=0, handshake=True):
        """A socket with Nagle's algorithm off; over TLS if the server speaks TLS."""
        made = socket.socket()
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(20)
        made.connect(("127.0.0.1", self.port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not (self.tls and handshake):
            return made
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([alpn])
        return context.wrap_socket(made)

    def ask(self, target, headers=(), seconds=20, **named):
        """One request on a connection of its own; returns what came until the end or `seconds`."""
        with self.connect() as sock:
            sock.settimeout(seconds)
            sock.sendall(head(target, [*headers, ("Connection", "close")], **named))
            return read_all(sock)

    def ask_and_leave(self, target, headers=(), after=0.0, **named):
        """Sends a request, and closes the connection after a moment."""
        with self.connect() as sock:
            sock.sendall(head(target, headers, **named))
            time.sleep(after)

    @staticmethod
    def signed(method, target):
        """The fields of a signature by the attacker's key, which has the rights of the honest one."""
        return HOSTILE.fields(method, target, "a")

    @staticmethod
    def presigned(method, path):
        return HOSTILE.presigned(method, path, "a")

    def s3(self, target, headers=(), method="GET"):
        """A request of HTTP/1.1 to the S3 endpoint, signed."""
        lines = [f"{method} {target} HTTP/1.1", "Host: a"]
        lines += [f"{name}: {value}" for name, value in (*headers, *self.signed(method, target))]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def http2(self, window=65535):
        """A connection of HTTP/2 with this window for each stream."""
        return Http2(self.connect("h2"), window)


class Http2:
    """Sends frames, and reads nothing but by drain()."""

    def __init__(self, sock, window):
        self.socket = sock
        self._encoder = hpack.Encoder()
        self._streams = itertools.count(1, 2)
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                  frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window)) + frame(SETTINGS, 1, 0))

    def request(self, target, headers=(), first=0, last=9):
        """(stream, frame) of a GET; the frame must be sent before that of a later request."""
        stream = next(self._streams)
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", target),
                  ("range", f"bytes={first}-{last}"), *headers]
        return stream, frame(HEADERS, END_STREAM | END_HEADERS, stream, self._encoder.encode(fields))

    def send(self, data):
        self.socket.sendall(data)

    def drain(self, seconds=0.0):
        """Reads and drops what is there, and what comes within `seconds`; raises OSError at the connection's end."""
        until = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(0.001, until - time.monotonic()))
            try:
                if not self.socket.recv(1 << 20):
                    raise OSError("the server ended the connection")
            except TimeoutError:
                if time.monotonic() >= until:
                    return
            finally:
                self.socket.settimeout(20)

    def close(self):
        self.socket.close()


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(1 << 20):
            data += piece
    except OSError:
        pass
    return data


def crowd(count, act):
    """Calls act(number) again and again on `count` threads; connections that the server ends are part of an attack."""
    def again(number):
        while True:
            try:
                act(number)
            except OSError:
                time.sleep(0.01)

    for number in range(count):
        threading.Thread(target=again, args=(number,), daemon=True).start()


def wait_for_the_end():
    while True:
        time.sleep(60)
