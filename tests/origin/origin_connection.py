"""One client connection of the scripted origin: reads heads, sends gathered buffers, ends the connection."""

import asyncio
import http
import socket
import struct

_HEAD_BYTES_MAX = 64 * 1024
_BUFFERS_A_CALL = 256
_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


class ClientGone(Exception):
    """The client closed or reset the connection."""


def parse_head(head):
    """(method, target, [(name, value)]) of a request head, without its empty line, bytes as latin-1."""
    lines = head.decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    assert version == "HTTP/1.1", lines[0]
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t")))
    return method, target, headers


class Connection:
    def __init__(self, sock, number):
        self.number = number
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self._sock.close()

    def end(self, reset):
        """Ends the connection at once: by a FIN after the sent bytes, or by a RST that drops them."""
        if reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def client_is_there(self):
        try:
            return self._sock.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def read_head(self, idle_seconds):
        """The head of the next request, or None if the client closed the connection or was idle for too long."""
        while b"\r\n\r\n" not in self._received:
            receiving = self._loop.sock_recv(self._sock, 64 * 1024)
            try:
                data = await asyncio.wait_for(receiving, None if self._received else idle_seconds)
            except asyncio.TimeoutError:
                return None
            except OSError as error:
                raise ClientGone from error
            if not data or len(self._received) > _HEAD_BYTES_MAX:
                return None
            self._received += data
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received = bytearray(rest)
        return head

    async def send_head(self, status, fields, interim=False, http10=False):
        try:
            reason = http.HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
        version = "HTTP/1.0" if http10 else "HTTP/1.1"
        lines = [f"{version} {status} {reason}"] + [f"{name}: {value}" for name, value in fields]
        before = _INTERIM if interim else b""
        await self.send([before + ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")])

    async def send(self, buffers, chunked=False):
        buffers = [memoryview(buffer) for buffer in buffers]
        if chunked:
            size = sum(len(buffer) for buffer in buffers)
            buffers = [memoryview(b"%x\r\n" % size), *buffers, memoryview(b"\r\n")]
        at = 0
        while at < len(buffers):
            try:
                sent = self._sock.sendmsg(buffers[at : at + _BUFFERS_A_CALL])
            except BlockingIOError:
                await self._writable()
                continue
            except OSError as error:
                raise ClientGone from error
            while at < len(buffers) and sent >= len(buffers[at]):
                sent -= len(buffers[at])
                at += 1
            if sent:
                buffers[at] = buffers[at][sent:]

    async def _writable(self):
        ready = self._loop.create_future()
        number = self._sock.fileno()
        self._loop.add_writer(number, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            self._loop.remove_writer(number)
