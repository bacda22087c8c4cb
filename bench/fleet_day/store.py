#!/usr/bin/python3
"""The store: store.py PORT LOG OBJECTS OBJECT_BYTES DELAY_SECONDS

Answers GET /{bucket}/{key} with a Range after the delay. LOG gets a line `SECONDS BUCKET KEY FIRST BYTES` an answer.
"""

import re
import socketserver
import sys
import threading
import time

import objects

DATE = "Sun, 29 Nov 2026 00:00:00 GMT"
_RANGE = re.compile(r"^range: *bytes=(\d+)-(\d+)\r?$", re.M | re.I)


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self._answer():
                pass
        except OSError:
            pass

    def _answer(self):
        head = []
        while (line := self.rfile.readline(65536)) not in (b"\r\n", b""):
            head.append(line.decode("latin-1"))
        if not head:
            return False
        bucket, key = head[0].split(" ")[1].partition("?")[0].strip("/").split("/", 1)
        found, wanted = objects.number_of(key), _RANGE.search("".join(head))
        data = self.server.objects
        first = int(wanted[1])
        end = min(int(wanted[2]) + 1, data.size)
        time.sleep(self.server.delay)
        self.server.note(f"{time.monotonic():.3f} {bucket} {key} {first} {end - first}\n")
        self.wfile.write((f"HTTP/1.1 206 Partial Content\r\nContent-Length: {end - first}\r\nETag: \"{key}\"\r\n"
                          f"Content-Range: bytes {first}-{end - 1}/{data.size}\r\nLast-Modified: {DATE}\r\n\r\n").encode())
        for piece in data.pieces(found, first, end):
            self.wfile.write(piece)
        return True


class Store(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port, log, data, delay):
        super().__init__(("127.0.0.1", port), Connection)
        self.objects, self.delay = data, delay
        self._log, self._lock = log, threading.Lock()

    def note(self, line):
        with self._lock:
            self._log.write(line)


def main():
    port, log_path, count, size, delay = sys.argv[1:]
    with open(log_path, "w", buffering=1, encoding="ascii") as log:
        Store(int(port), log, objects.Objects(int(count), int(size)), float(delay)).serve_forever()


if __name__ == "__main__":
    main()
