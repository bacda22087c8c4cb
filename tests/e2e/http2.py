"""An HTTP/2 client with the interface of http1.py: prior knowledge, any number of streams."""

import time

import h2.config
import h2.connection
import h2.events
import h2.settings

from harness import MIB, limit
from http1 import Response, connect, fetch_target, range_header


class Connection:
    """One connection. Requests run in parallel; read_response() waits for the response of one stream."""

    def __init__(self, port, receive_buffer=None, timeout=30.0, tls=None, window=16 * MIB, renew=True):
        """window: bytes, of the connection and of each stream; renew: reopen the windows as bytes arrive."""
        self.socket = connect(port, receive_buffer, timeout, tls)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        first = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}  # announced, and enforced from the start
        self.h2.local_settings = h2.settings.Settings(client=True, initial_values=first)
        self.h2.initiate_connection()
        if window > 65535:
            self.h2.increment_flow_control_window(window - 65535)
        self._renew = renew
        self._responses = {}
        self._bodies = {}
        self._over = set()
        self.resets = {}  # stream: error code
        self.goaway = None  # the error code of GOAWAY
        self.closed = False
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def request(self, method, target, headers=(), host="cache.test", body=b""):
        """Sends a request and returns its stream's number."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":authority", host), (":path", target)]
        fields += [(name.lower(), value) for name, value in headers if name.lower() != "connection"]
        self._bodies[stream] = bytearray()
        self.h2.send_headers(stream, fields, end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def exchange(self, method, target, headers=(), **named):
        return self.read_response(self.request(method, target, headers, **named))

    def read_head(self, stream):
        """The head of a response, as soon as it has arrived."""
        while stream not in self._responses:
            if stream in self._over or not self.receive():
                raise ConnectionError(f"no head came: reset {self.resets.get(stream)}, goaway {self.goaway}")
        return self._responses[stream]

    def read_response(self, stream):
        """A response after its end, complete or not."""
        response = self.read_head(stream)
        while stream not in self._over and self.receive():
            pass
        response.body = bytes(self._bodies[stream])
        response.closed = self.closed
        response.last_byte_at = time.monotonic()
        return response

    def received(self, stream):
        """The number of body bytes received so far."""
        return len(self._bodies[stream])

    def receive(self):
        """Processes the next received bytes; False at the end of the connection."""
        try:
            data = self.socket.recv(MIB)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            self._take(event)
        try:
            self.flush()
        except (ConnectionResetError, BrokenPipeError):
            pass  # sending failed; later calls still read what the server sent
        return True

    def _take(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            fields = list(event.headers)
            assert fields[0][0] == ":status" and all(name == name.lower() for name, _ in fields)
            self._responses[event.stream_id] = Response(int(fields[0][1]), "", "HTTP/2", fields[1:])
        elif isinstance(event, h2.events.DataReceived):
            response = self._responses[event.stream_id]
            response.first_byte_at = response.first_byte_at or time.monotonic()
            self._bodies[event.stream_id] += event.data
            if self._renew:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self._responses[event.stream_id].trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self._responses[event.stream_id].complete = True
            self._over.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[event.stream_id] = event.error_code
            self._over.add(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code


def exchange(port, method, target, headers=(), **named):
    """One request on a new connection."""
    options = {name: named.pop(name) for name in ("timeout", "tls", "window", "receive_buffer") if name in named}
    with Connection(port, **options) as connection:
        return connection.exchange(method, target, headers, **named)


def fetch(port, kind, key, first, last, headers=(), method="GET", **named):
    return exchange(port, method, fetch_target(kind, key), [range_header(first, last), *headers], **named)
