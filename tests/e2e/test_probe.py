"""`cachey --probe [URL]`: the health check of containers. Exit code 0 or 1, at most one line, at most 2 s."""

import os
import socket
import subprocess
import threading
import time

import pytest

from harness import BINARY, SLOW, limit
from start_up import run


def probe(url, environment=None):
    return run("--probe", url, environment=environment, seconds=10)


def expect_ill(done, *words):
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def answering(answer, delay=0.0):
    """The URL of a server that sends `answer` to its first client."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listening, listening.accept()[0] as client:
            client.recv(4096)
            time.sleep(delay)
            try:
                client.sendall(answer)
                client.recv(4096)
            except OSError:
                pass
    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/readyz"


@pytest.mark.parametrize("listen,url", [("127.0.0.1", "http://127.0.0.1:{port}/readyz"), ("127.0.0.1", "http://localhost:{port}/healthz"),
                                        ("127.0.0.1", "http://127.0.0.1:{port}/readyz/")])
def test_a_server_that_is_ready_is_well(start_server, directory, listen, url):
    server = start_server("--origin", f"dir:{directory.path}", "--listen", listen)
    done = probe(url.format(port=server.port))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run(f"--probe={url.format(port=server.port)}").returncode == 0


def test_ipv6(start_server, directory):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        port = free.getsockname()[1]
    start_server("--origin", f"dir:{directory.path}", "--listen", "127.0.0.1", "--listen", f"[::1]:{port}")
    assert probe(f"http://[::1]:{port}/readyz").returncode == 0


def test_a_certificate_of_the_servers_own_is_good_enough(start_server, directory):
    server = start_server("--origin", f"dir:{directory.path}", "--tls-self")
    for host in ("127.0.0.1", "localhost"):
        done = probe(f"https://{host}:{server.port}/readyz")
        assert (done.returncode, done.stderr) == (0, "")
    expect_ill(probe(f"http://127.0.0.1:{server.port}/readyz"), "status 400")


def test_plain_http_behind_https_is_told(start_server, directory):
    server = start_server("--origin", f"dir:{directory.path}")
    expect_ill(probe(f"https://127.0.0.1:{server.port}/readyz"), "TLS")


def test_what_is_not_2xx_is_ill(start_server, directory):
    server = start_server("--origin", f"dir:{directory.path}")
    expect_ill(probe(f"http://127.0.0.1:{server.port}/none"), "status 404")
    expect_ill(probe(answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")), "status 503")


def test_nothing_that_configures_the_server_matters(start_server, directory, tmp_path):
    server = start_server("--origin", f"dir:{directory.path}")
    environment = {"CACHEY_PORT": "many", "CACHEY_CONFIG": str(tmp_path / "none"), "CACHEY_MEMORY": "lots", "HTTP_PROXY": "http://127.0.0.1:1",
                   "http_proxy": "http://127.0.0.1:1", "AWS_ENDPOINT_URL": "nonsense"}
    assert probe(f"http://127.0.0.1:{server.port}/readyz", environment).returncode == 0


def test_without_a_url_process_1_must_be_a_server():
    expect_ill(run("--probe"), "process 1", "URL")


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    expect_ill(probe(f"http://127.0.0.1:{port}/readyz"), "Connection refused")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 20\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"x" * 100_000, b"HTTP/1.1 200",
                                    b"HTTP/2 200 OK\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
                                    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"\r\n" * 50_000])
def test_a_hostile_answer_is_ill_and_bounded(answer):
    started = time.monotonic()
    expect_ill(probe(answering(answer)), "/readyz")
    assert time.monotonic() - started < limit(4)


def test_two_seconds_are_all():
    started = time.monotonic()
    expect_ill(probe(answering(b"HTTP/1.1 200 OK\r\n\r\n", delay=8)), "no answer within 2000 ms")
    assert 1.9 < time.monotonic() - started < limit(4)


def test_a_password_in_the_url_is_not_shown():
    done = probe("http://user:s3cr3t@127.0.0.1/")
    expect_ill(done, "user name")
    assert "s3cr3t" not in done.stderr


@pytest.mark.skipif(SLOW > 1, reason="sanitizers need files to check an address")
@pytest.mark.parametrize("files", [4, 5, 6, 7, 8])
def test_a_lack_of_files_is_1_and_a_line(files):
    """The dynamic linker needs one at a time; the connection needs some at once."""
    done = subprocess.run(["prlimit", f"--nofile={files}", str(BINARY), "--probe", "http://127.0.0.1:1/"], capture_output=True, text=True,
                          timeout=30, check=False)
    expect_ill(done, "127.0.0.1:1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_lack_of_threads_is_1_and_a_line():
    """A container whose limit of processes is reached."""
    user = ["setpriv", "--reuid", "60119", "--regid", "60119", "--clear-groups"]
    done = subprocess.run([*user, "prlimit", "--nproc=1", str(BINARY), "--probe", "http://127.0.0.1:1/"], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1 and "unavailable" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["--probe", "http://a/", "--port", "80"], ["--port", "80", "--probe=http://a/"],
                                       ["--probe", "ftp://a/"], ["--probe", ""], ["--probe="], ["--probe", "127.0.0.1:80"],
                                       ["--probe", "http://127.0.0.1/a b"], ["--probe", "http://127.0.0.1/\r\nX: y"]])
def test_a_wrong_call_is_1_and_a_line(arguments):
    expect_ill(run(*arguments), "--probe")
