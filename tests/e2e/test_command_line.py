"""Flags and environment: a bad value gives one clear line and nothing starts; good values work."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

import http1
from harness import BINARY, SLOW
from start_up import expect_bad, run

S3_SETTINGS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a",
               "AWS_SECRET_ACCESS_KEY": "b"}


BAD = [
    (["--memory", "lots"], "--memory"), (["--memory", "-1"], "--memory"), (["--memory", ""], "--memory"),
    (["--memory", "1.5.2GiB"], "--memory"), (["--memory", "4XiB"], "--memory"), (["--memory", "0"], "--memory"),
    (["--memory", "99999999999GiB"], "--memory"), (["--memory", "1KiB"], "--memory"), (["--memory"], "--memory"),
    (["--memory", "90TiB"], "--memory"), (["--memory", "100.5%"], "--memory"), (["--memory", "0%"], "--memory"),
    (["--port", "65536"], "--port"), (["--port", "-1"], "--port"), (["--port", "http"], "--port"), (["--port", "80.5"], "--port"),
    (["--listen", "127.0.0.1:x"], "--listen"), (["--admin-listen", "127.0.0.1"], "--admin-listen"),
    (["--tls-cert", "c"], "--tls-cert"), (["--tls-key", "k"], "--tls-key"), (["--tls-client-ca", "a"], "--tls-client-ca"),
    (["--auth-tokens", "/no/such/file"], "--auth-tokens"), (["--auth-tokens", "/"], "--auth-tokens"),
    (["--allow-bucket", ""], "--allow-bucket"), (["--config", "/no/such/file"], "--config"),
    (["--listen", "nowhere"], "--listen"), (["--listen", "127.0.0.256"], "--listen"), (["--listen", ""], "--listen"),
    (["--threads", "0"], "--threads"), (["--threads", "-2"], "--threads"), (["--threads", "many"], "--threads"),
    (["--split-after", "soon"], "--split-after"), (["--split-after", "-1"], "--split-after"),
    (["--hedge-quantile", "often"], "--hedge-quantile"), (["--hedge-quantile", "1.01"], "--hedge-quantile"),
    (["--hedge-quantile", "-0.1"], "--hedge-quantile"), (["--hedge-quantile", "nan"], "--hedge-quantile"),
    (["--origin-parts", "0"], "--origin-parts"), (["--origin-parts", "17"], "--origin-parts"), (["--read-ahead", "17"], "--read-ahead"),
    (["--buckets-per-page", "0"], "--buckets-per-page"), (["--buckets-per-page", "9"], "--buckets-per-page"),
    (["--bucket-timeout-ms", "0.5"], "--bucket-timeout-ms"), (["--download-timeout-ms", "-1"], "--download-timeout-ms"),
    (["--bucket-requests", "-1"], "--bucket-requests"), (["--bucket-bandwidth", "wide"], "--bucket-bandwidth"),
    (["--negative-ttl", "-1"], "--negative-ttl"),
    (["--max-connections", "0"], "--max-connections"), (["--max-connections", "ten"], "--max-connections"),
    (["--header-timeout", "never"], "--header-timeout"),
    (["--idle-timeout", "-5"], "--idle-timeout"), (["--write-timeout", "x"], "--write-timeout"),
    (["--drain-timeout", "-1"], "--drain-timeout"), (["--admission-timeout", "x"], "--admission-timeout"),
    (["--log-level", "loud"], "--log-level"), (["--log-level", ""], "--log-level"),
    (["--origin", "ftp"], "--origin"), (["--origin", "dir:"], "--origin"), (["--origin", "dir:/no/such/directory"], "--origin"),
    (["--origin", ""], "--origin"), (["--no-such-flag"], "--no-such-flag"), (["stray"], "stray"), (["--memory=1GiB", "stray"], "stray"),
]


@pytest.mark.parametrize("arguments,word", BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_bad_flag_is_exit_2_and_one_line(arguments, word):
    origin = [] if "--origin" in arguments else ["--origin", "s3"]
    network = [] if "--listen" in arguments or "--port" in arguments else ["--listen", "127.0.0.1", "--port", "0"]
    expect_bad(run(*origin, *network, *arguments, environment=S3_SETTINGS), word.lstrip("-"))


@pytest.mark.parametrize("name,value", [("CACHEY_MEMORY", "lots"), ("CACHEY_PORT", "99999"), ("CACHEY_LOG_LEVEL", "loud"),
                                        ("CACHEY_MAX_CONNECTIONS", "x"), ("CACHEY_THREADS", "0"), ("CACHEY_ORIGIN", "ftp")])
def test_a_bad_variable_is_exit_2_and_one_line(name, value):
    done = run("--listen", "127.0.0.1", environment=S3_SETTINGS | {"CACHEY_ORIGIN": "s3"} | {name: value})
    assert done.returncode == 2 and "listening" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    flag = name.removeprefix("CACHEY_").lower().replace("_", "-")
    assert name in done.stderr or flag in done.stderr


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:9000", "http://", "http://127.0.0.1:99999", "http://127.0.0.1/?a=b", "nonsense"])
def test_a_bad_endpoint_does_not_start(url):
    done = run("--origin", "s3", "--listen", "127.0.0.1", "--port", "0", environment=S3_SETTINGS | {"AWS_ENDPOINT_URL": url})
    assert done.returncode == 2 and "AWS_ENDPOINT_URL" in done.stderr


def test_an_address_in_use_is_an_error_that_names_it(directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--origin", f"dir:{directory.path}", "--listen", "127.0.0.1", "--port", port)
    assert done.returncode == 1 and port in done.stderr and "listening" not in done.stderr  # another start may succeed


def test_help_names_every_flag_and_exits_0():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for flag in ("origin", "listen", "port", "memory", "threads", "split-after", "hedge-quantile", "origin-parts", "read-ahead", "bucket-requests", "bucket-bandwidth",
                 "negative-ttl", "client-limit-max", "fetch-any-range", "max-connections", "header-timeout", "idle-timeout",
                 "write-timeout", "admission-timeout", "drain-timeout", "log-level", "log-format", "access-log", "s3-force-path-style", "admin-listen", "drain-delay", "probe", "check-config", "tls-cert",
                 "tls-key", "tls-self", "tls-client-ca", "auth-tokens", "allow-bucket", "kind", "kinds", "config", "print-config", "help", "version"):
        assert f"--{flag}" in done.stdout, flag


def test_faults_are_all_said_at_once():
    done = run("--memory", "lots", "--prot", "80", "--tls-key", "k", environment={"CACHEY_THREADS": "none", "CACHEY_LISTEN": "::1,here"})
    assert done.returncode == 2 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 5 and all(line.startswith("cachey: ") for line in lines), done.stderr
    for words in (("--memory", "lots"), ("--prot", "--port"), ("--tls-key", "--tls-cert"), ("CACHEY_THREADS", "none"),
                  ("CACHEY_LISTEN", "here")):
        assert any(all(word in line for word in words) for line in lines), words


def test_an_unknown_variable_is_a_warning(start_server, directory):
    server = start_server("--origin", f"dir:{directory.path}", environment={"CACHEY_MEMROY": "1GiB"})
    server.expect_log("CACHEY_MEMROY", "CACHEY_MEMORY")


def test_several_addresses_serve_the_same(start_server, directory):
    directory.put("bucket", "object", b"hello")
    with socket.create_server(("127.0.0.1", 0)) as free:
        second = free.getsockname()[1]
    server = start_server("--origin", f"dir:{directory.path}", "--listen", "127.0.0.1", "--listen", f"127.0.0.1:{second}")
    assert server.fetch("bucket", "object", 0, 99).body == b"hello"
    assert http1.fetch(second, "bucket", "object", 0, 99).body == b"hello"
    with server.connect() as one, http1.Connection(second) as two:
        for connection in (one, two):
            assert connection.exchange("GET", "/healthz").status == 200
        assert json.loads(server.get("/stats").text)["connections"] >= 3


def test_version_is_one_line():
    done = run("--version")
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"cachey \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|unknown)\)\n", done.stdout), done.stdout


@pytest.mark.skipif(SLOW > 1, reason="sanitizers have their own heap")
def test_the_heap_is_on_huge_pages_and_gives_memory_back_on_threads_of_its_own():
    done = run("--version", environment={"MALLOC_CONF": "stats_print:true"})
    assert re.search(r'opt\.thp: "always"', done.stderr)
    assert re.search(r"opt\.background_thread: true", done.stderr)


@pytest.mark.parametrize("size", ["134217728", "128MiB", "200MB", "0.5GiB", "128mib", "1GiB", "1.5 GiB"])
def test_sizes(start_server, directory, size):
    directory.put("bucket", "object", b"hello")
    server = start_server("--origin", f"dir:{directory.path}", "--memory", size)
    assert server.fetch("bucket", "object", 0, 99).body == b"hello"


def test_flags_may_be_joined_with_an_equals_sign(start_server, directory):
    directory.put("bucket", "object", b"hello")
    server = start_server(f"--origin=dir:{directory.path}", "--memory=128MiB", "--threads=1")
    assert server.fetch("bucket", "object", 1, 2).body == b"el"


def test_every_flag_has_a_variable(start_server, directory):
    directory.put("bucket", "object", b"hello")
    server = start_server(environment={
        "CACHEY_ORIGIN": f"dir:{directory.path}", "CACHEY_MEMORY": "128MiB", "CACHEY_THREADS": "1", "CACHEY_SPLIT_AFTER": "2MiB",
        "CACHEY_MAX_CONNECTIONS": "3", "CACHEY_HEADER_TIMEOUT": "5", "CACHEY_IDLE_TIMEOUT": "5", "CACHEY_WRITE_TIMEOUT": "5",
        "CACHEY_ADMISSION_TIMEOUT": "2"})
    assert server.fetch("bucket", "object", 0, 99).body == b"hello"
    held = [server.connect() for _ in range(3)]
    for connection in held:
        assert connection.exchange("GET", "/healthz").status == 200
    assert server.get("/healthz").status == 503, "CACHEY_MAX_CONNECTIONS had no effect"
    for connection in held:
        connection.close()


def test_a_flag_beats_its_variable(start_server, directory):
    directory.put("bucket", "object", b"hello")
    server = start_server("--origin", f"dir:{directory.path}", environment={"CACHEY_ORIGIN": "dir:/no/such/directory"})
    assert server.fetch("bucket", "object", 0, 99).body == b"hello"


def test_path_style_can_be_forced(start_server, origin, kind):
    """With a host name as endpoint, buckets are in the host name, unless the option forces path style."""
    origin.put(kind, "object", size=100)
    settings = origin.environment() | {"AWS_ENDPOINT_URL": f"http://localhost:{origin.port}"}
    for arguments, headers in [(["--s3-force-path-style"], []), ([], [("C0-Config", "fps=true")])]:
        server = start_server("--origin", "s3", *arguments, environment=settings)
        assert server.fetch(kind, "object", 0, 9, headers=headers).status == 206
    assert {record.header("host") for record in origin.requests(kind)} == {f"localhost:{origin.port}"}


def test_the_s3_endpoint_variable_beats_the_general_one(start_server, origin, kind):
    origin.put(kind, "object", size=100)
    settings = origin.environment() | {"AWS_ENDPOINT_URL_S3": origin.endpoint + "/", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    server = start_server("--origin", "s3", environment=settings)
    assert server.fetch(kind, "object", 0, 9).status == 206


def test_without_credentials_nothing_is_sent_unsigned(start_server, origin, kind):
    origin.put(kind, "object", size=100)
    server = start_server("--origin", "s3", environment={"AWS_ENDPOINT_URL": origin.endpoint, "AWS_REGION": "us-east-1"})
    assert server.fetch(kind, "object", 0, 9).status >= 400
    assert origin.requests(kind) == []


def test_the_secret_is_never_logged(start_server, origin, kind):
    origin.put(kind, "object", size=100)
    server = start_server("--origin", "s3", "--log-level", "debug", environment=origin.environment())
    assert server.fetch(kind, "object", 0, 9).status == 206
    assert server.fetch(kind, "none", 0, 9).status == 404
    assert origin.credentials.secret_key not in server.log()


def test_a_start_fault_has_the_format_of_the_log():
    for faults in (["--log-format", "json", "--port", "many", "--threads", "0"],
                   ["--log-format", "json", "--auth-tokens", "/no/tokens", "--tls-cert", "/no/cert", "--tls-key", "/no/key"]):
        done = run("--origin", "dir:/", "--listen", "127.0.0.1", *faults)
        assert done.returncode == 2
        lines = [json.loads(line) for line in done.stderr.strip().splitlines()]
        told = [line["text"] for line in lines if line["event"] == "not started"]
        assert len(told) == 2 and all(line["level"] in ("error", "warning") for line in lines), done.stderr


def test_all_files_at_fault_are_told_at_once(tmp_path):
    done = run("--origin", f"dir:{tmp_path}/none", "--auth-tokens", f"{tmp_path}/tokens", "--tls-cert", f"{tmp_path}/cert",
               "--tls-key", f"{tmp_path}/key", "--listen", "127.0.0.1", "--port", "0")
    assert done.returncode == 2
    assert [word in done.stderr for word in ("/none", "/tokens", "/cert")] == [True] * 3, done.stderr
    assert len(done.stderr.strip().splitlines()) == 3


def test_kubernetes_service_variables_do_not_end_the_start(start_server, tmp_path):
    running = start_server("--origin", f"dir:{tmp_path}", environment={
        "CACHEY_PORT": "tcp://10.96.200.1:8080", "CACHEY_SERVICE_HOST": "10.96.200.1", "CACHEY_PORT_8080_TCP_PORT": "8080"})
    running.expect_log("CACHEY_PORT_8080_TCP_PORT", "enableServiceLinks")


def limited(limits, *arguments):
    """Runs the binary under ulimit."""
    command = f"ulimit -c 0; ulimit {limits}; exec timeout 20 {BINARY} --origin dir:/ --listen 127.0.0.1 --port 0 {' '.join(arguments)}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30 * SLOW, check=False)


@pytest.mark.skipif(SLOW > 1, reason="sanitizers need terabytes of address space")
def test_a_start_without_enough_address_space_is_a_line():
    for limit_kib, arguments in ((2_000_000, ["--memory", "3GiB"]), (2_000_000, ["--memory", "1700MiB", "--threads", "900"]),
                                 (400_000, ["--memory", "300MiB"])):
        done = limited(f"-v {limit_kib}", *arguments)
        assert done.returncode in (1, 2), done.stderr
        assert "terminate" not in done.stderr and ("memory" in done.stderr or "threads" in done.stderr), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a user without other processes is needed")
@pytest.mark.parametrize("threads", range(12, 17))
def test_a_limit_of_threads_does_not_fill_standard_error(threads):
    """Around the number of threads that a server has at its start."""
    other_user = ["setpriv", "--reuid", "60117", "--regid", "60117", "--clear-groups"]
    if subprocess.run([*other_user, "test", "-x", BINARY], check=False).returncode != 0:
        pytest.skip("other users cannot run the binary here")
    command = f"ulimit -c 0; ulimit -u {threads}; exec timeout 1 {BINARY} --s3-anonymous --threads 2 --listen 127.0.0.1 --port 0"
    done = subprocess.run([*other_user, "bash", "-c", command], capture_output=True, text=True, timeout=30 * SLOW,
                          check=False)
    assert "jemalloc" not in done.stderr, done.stderr[-300:]
    assert "threads" in done.stderr, done.stderr


def test_one_thread_for_each_cpu_that_it_may_use():
    done = subprocess.run(["taskset", "-c", "0", BINARY, "--print-config"], capture_output=True, text=True, timeout=30, check=False)
    assert "\nthreads = 1 " in done.stdout


def test_the_signal_of_other_servers_for_their_logs_is_passed_over(start_server, tmp_path):
    running = start_server("--origin", f"dir:{tmp_path}")
    running.signal(signal.SIGUSR1)
    assert running.get("/healthz").status == 200
