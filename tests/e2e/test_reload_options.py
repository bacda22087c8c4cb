"""SIGHUP: what the config file says now; what needs a restart; certificates that are new or the same; a full access log."""

import re
import shutil
import signal
import time

import http1
import prometheus_text
import pytest

from cachey_server import CacheyServer
from expect import expect_206, expect_error
from harness import MIB, wait_until
from protocols import client_context
from test_metrics import scrape
from test_tls import Certificates, admin_port, with_files


@pytest.fixture
def configured(origin, tmp_path):
    """Starts a server with a config file. Returns the server, and a function that writes another file and reloads."""
    file = tmp_path / "cachey.toml"
    running = []

    def start(text, *arguments):
        file.write_text(text)
        words = ("--origin", "s3", "--memory", "64MiB", "--config", str(file), *arguments)
        server = CacheyServer(tmp_path / "stderr.log", words, origin.environment())
        for option in ("--log-level", "--drain-timeout"):  # a command line overrides the file
            at = server.command.index(option)
            del server.command[at:at + 2]
        running.append(server.start())

        def reload(text, expected):
            file.write_text(text)
            before = server.log_bytes()
            server.signal(signal.SIGHUP)
            wait_until(lambda: expected in server.log(before), what=f"{expected!r} in the log")
            return server.log(before)
        return server, reload
    yield start
    for server in running:
        server.stop()
        server.discard()


def fetch_by(server, kind, bucket):
    return server.fetch(kind, "object", 0, 9, [("C0-Bucket", bucket)])


def test_allowed_buckets_become_more_and_fewer(configured, origin, kind):
    one, other = f"{kind}-one", f"{kind}-other"
    stored = {bucket: origin.put(bucket, "object", size=MIB) for bucket in (one, other)}
    server, reload = configured(f'allow-bucket = ["{one}"]\n')
    expect_206(fetch_by(server, kind, one), stored[one], 0, 9, one)
    expect_error(fetch_by(server, kind, other), 403)
    log = reload(f'allow-bucket = ["{one}", "{other}"]\n', "allow_bucket=new")
    assert "memory emptied" not in log
    expect_206(fetch_by(server, kind, other), stored[one], 0, 9, one)  # of one kind: what is cached serves
    assert len(origin.requests(one)) == 1
    log = reload(f'allow-bucket = ["{kind}-*"]\n', "allow_bucket=new")  # allows more
    assert "memory emptied" not in log
    before = server.log_bytes()
    reload(f'allow-bucket = ["{one}", "{other}"]\n', "memory emptied, because --allow-bucket allows less")
    wait_until(lambda: "clients may fill any kind from each of them" in server.log(before), what="the warning of the start")
    expect_206(fetch_by(server, kind, one), stored[one], 0, 9, one)
    log = reload(f'allow-bucket = ["{other}"]\n', "memory emptied, because --allow-bucket allows less")
    expect_error(fetch_by(server, kind, one), 403)
    expect_206(fetch_by(server, kind, other), stored[other], 0, 9, other)  # and not what came from the other bucket
    reload(f'allow-bucket = ["{other}"]\n', "allow_bucket=same")
    reload("", "allow_bucket=new")
    expect_206(fetch_by(server, kind, one), stored[other], 0, 9, other)


def test_a_reload_that_fails_is_a_finding_until_one_succeeds(configured):
    server, reload = configured('log-level = "info"\n')

    def finding():
        return prometheus_text.value(scrape(server), "cachey_finding", code="reload_failed")

    reload("log-level = 1\n", "reload failed, what was read before stays what=options")
    wait_until(lambda: finding() == 1, what="the finding")
    wait_until(lambda: 'text="the last reload failed: options;' in server.log(), what="the line of the finding")
    reload('log-level = "info"\n', "reloaded what=options")
    wait_until(lambda: finding() == 0, what="the end of the finding")


def test_the_level_changes_and_other_options_are_named(configured):
    server, reload = configured('log-level = "info"\ndrain-timeout = 5\n')
    assert "log_level=debug" in reload('log-level = "debug"\ndrain-timeout = 5\n', "reloaded what=options")
    log = reload('log-level = "warning"\ndrain-timeout = 6\nauth-tokens = "/secret/place"\n', "need a restart")
    assert 'options="drain-timeout, auth-tokens"' in log and "/secret/place" not in log
    before = server.log_bytes()
    server.signal(signal.SIGHUP)
    wait_until(lambda: "need a restart" in server.log(before), what="the line again")
    assert " info " not in server.log(before)


def test_a_faulty_file_changes_nothing(configured, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    server, reload = configured(f'allow-bucket = ["{kind}"]\nkind = ["k={kind}"]\n')
    log = reload('allow-bucket = ["nothing"]\nmemroy = 1\nlog-level = "debug"\n', "reload failed")
    assert "memroy" in log and "what=options" in log
    log = reload('allow-bucket = ["nothing"]\n', "reload failed")  # the kind stays declared until a restart
    assert f'\\"{kind}\\"' in log
    expect_206(fetch_by(server, "k", kind), stored, 0, 9, kind)
    expect_206(fetch_by(server, kind, kind), stored, 0, 9, kind)


def test_a_certificate_is_new_or_the_same_and_its_end_is_known(configured, tmp_path):
    certificates = Certificates(tmp_path)
    certificates.make("authority")
    server, reload = configured("", *with_files(certificates.make("server")), "--tls-client-ca", str(tmp_path / "authority.pem"),
                                "--admin-listen", "127.0.0.1:0", "--admin-tls=false")
    assert re.search(r"TLS certificate loaded sha256=[0-9a-f]{64} not_after=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", server.log())
    text = http1.exchange(admin_port(server), "GET", "/metrics").text
    end = float(re.search(r"^cachey_tls_certificate_not_after_seconds (\S+)$", text, re.MULTILINE)[1])
    assert 86_400 < end - time.time() < 3 * 86_400
    assert "client_ca=same" in reload("", "certificate=same")
    for source, target in zip(certificates.make("next"), ("server.pem", "server.key")):
        shutil.copy(source, tmp_path / target)
    assert "client_ca=same" in reload("", "certificate=new")
    shutil.copy(certificates.make("another")[0], tmp_path / "authority.pem")
    assert "certificate=same" in reload("", "client_ca=new")
    context = client_context("http/1.1")
    context.load_cert_chain(*certificates.make("client", "another"))
    assert http1.exchange(server.port, "GET", "/healthz", tls=context).status == 200


def test_an_access_log_on_a_full_disk_is_one_line(s3_server):
    server = s3_server("--access-log", "/dev/full")
    for _ in range(3):
        before = lost(server)
        assert server.get("/healthz").status == 200
        wait_until(lambda: lost(server) > before, what="a lost line")
    lines = [line for line in server.log().splitlines() if "lines are lost" in line]
    assert len(lines) == 1 and 'file=/dev/full error="No space left on device"' in lines[0]


def lost(server):
    return float(re.search(r"^cachey_access_log_dropped_lines_total (\S+)$", server.get("/metrics").text, re.MULTILINE)[1])
