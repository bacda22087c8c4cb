"""--drain-delay behind HAProxy: while one of two servers shuts down, no request fails, and no client sends any again."""

import http.client
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import SLOW, limit, wait_until

CONFIG = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  retries 0
  http-reuse safe
frontend all
  bind 127.0.0.1:{front}
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 200ms fall 3 rise 1
  server one 127.0.0.1:{one}
  server two 127.0.0.1:{two}
"""
DELAY = 4 * SLOW


@pytest.fixture
def balancer(start_server, directory, tmp_path):
    """Two servers, the first with a delay, and the port of HAProxy before them."""
    directory.put("bucket", "object", b"x" * 4096)
    servers = [start_server("--origin", f"dir:{directory.path}", "--drain-delay", str(delay)) for delay in (DELAY, 0)]
    with socket.create_server(("127.0.0.1", 0)) as free:
        front = free.getsockname()[1]
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG.format(front=front, one=servers[0].port, two=servers[1].port))
    with subprocess.Popen(["haproxy", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: fetch(http.client.HTTPConnection("127.0.0.1", front, timeout=10)), what="the balancer")
            yield servers[0], front
        finally:
            process.terminate()


def fetch(connection):
    """Whether the answer is whole."""
    try:
        connection.request("GET", "/fetch/bucket/object", headers={"Range": "bytes=0-4095"})
        response = connection.getresponse()
        return response.status == 206 and len(response.read()) == 4096
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


class Client(threading.Thread):
    """Sends request after request until the end, on one connection or on a new one for each."""

    def __init__(self, port, end, keeps):
        super().__init__(daemon=True)
        self.port, self.end, self.keeps = port, end, keeps
        self.good, self.bad = 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit(10))
        while not self.end.is_set():
            if fetch(connection):
                self.good += 1
            else:
                self.bad.append(time.monotonic())
            if not self.keeps:
                connection.close()  # connects again by itself
            time.sleep(0.01)


def test_no_request_fails_while_a_server_leaves(balancer):
    server, front = balancer
    end = threading.Event()
    clients = [Client(front, end, keeps) for keeps in (True, True, False, False)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.good > 5 for client in clients), what="traffic")
    begun = time.monotonic()
    server.signal(signal.SIGTERM)
    assert server.wait(DELAY + 15) == 0
    assert time.monotonic() - begun >= DELAY
    before = [client.good for client in clients]
    wait_until(lambda: all(client.good > count + 5 for client, count in zip(clients, before)), what="traffic to the other server")
    end.set()
    for client in clients:
        client.join(limit(15))
    assert [client.bad for client in clients] == [[]] * 4
