"""A name server of a cluster, on loopback: names of pods and their addresses, which a test changes."""

import socket
import struct
import threading

_A, _NAME_ERROR = 1, 3


class PodNames:
    """Answers questions for A records by `addresses`, a dict of names. A name that is not there is NXDOMAIN; a record
    of another type is an empty answer. `silent`: answers nothing. `questions`: how many came."""

    def __init__(self):
        self.addresses = {}
        self.silent = False
        self.questions = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
                self.questions += 1
                if not self.silent:
                    self._socket.sendto(self._answer(question), client)
            except OSError:  # closed
                return

    def _answer(self, message):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        kind = struct.unpack("!H", message[at + 1:at + 3])[0]
        question = message[12:at + 5]
        address = self.addresses.get(".".join(labels).lower())
        record = b""
        if address and kind == _A:
            record = b"\xc0\x0c" + struct.pack("!HHIH", _A, 1, 5, 4) + socket.inet_aton(address)
        flags = 0x8580 | (0 if address else _NAME_ERROR)
        return message[:2] + struct.pack("!HHHHH", flags, 1, 1 if record else 0, 0, 0) + question + record
