"""Bearer tokens and allowed buckets: refused before the origin and before the cache; tokens are reloaded on SIGHUP."""

import os
import signal
import threading

import pytest

import prometheus_text
from expect import expect_206, expect_error, fetch_from_memory
from harness import MIB, wait_until
from http1 import fetch_target
from start_up import expect_bad, run

OLD, NEW, NEVER = "old-token-0123456789", "new-token-0123456789", "never-token-0123456789"


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


@pytest.fixture
def tokens(tmp_path):
    """The path of a token file; write_tokens() writes it."""
    path = tmp_path / "tokens"
    write_tokens(path, OLD)
    return path


def write_tokens(path, *tokens):
    replacement = path.with_suffix(".new")
    replacement.touch(mode=0o600)
    replacement.write_text("# tokens\n\n" + "".join(f"{token}\n" for token in tokens))
    os.replace(replacement, path)


def reload(server, word):
    """Sends SIGHUP and waits for a new log line that contains `word`."""
    before = server.log_bytes()
    server.signal(signal.SIGHUP)
    wait_until(lambda: word in server.log(before), what=f"{word!r} in the log")


def denied(server, reason, headers=()):
    text = server.get("/metrics", headers).text
    return prometheus_text.value(prometheus_text.parse(text), "cachey_access_denied_total", reason=reason)


def expect_401(response):
    expect_error(response, 401, "token")
    assert response.header("WWW-Authenticate") == "Bearer"


def test_without_a_token_nothing_is_told_and_nothing_is_fetched(s3_server, origin, kind, tokens):
    origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens))
    for headers in ([], bearer(NEVER), bearer(OLD[:-1]), bearer(""), [("Authorization", f"Basic {OLD}")], bearer(OLD) * 2):
        expect_401(server.fetch(kind, "object", 0, 9, headers))
        for target in ("/stats", "/metrics", "/fetch/", fetch_target(kind, "object")):
            expect_401(server.get(target, headers))
    assert origin.requests(kind) == []
    assert NEVER not in server.log()


def test_a_token_opens_and_health_is_always_open(s3_server, origin, kind, tokens):
    stored = origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens))
    expect_206(server.fetch(kind, "object", 0, 99, bearer(OLD)), stored, 0, 99, kind)
    expect_206(server.fetch(kind, "object", 0, 99, [("authorization", f"BEARER  {OLD}")]), stored, 0, 99, kind)
    assert server.get("/stats", bearer(OLD)).status == 200
    for target in ("/healthz", "/readyz"):
        assert server.get(target).status == 200
    assert server.get("/none").status == 404
    before = denied(server, "token", bearer(OLD))
    expect_401(server.fetch(kind, "object", 0, 99))
    assert denied(server, "token", bearer(OLD)) == before + 1


def test_a_connection_goes_on_after_a_refusal(s3_server, origin, kind, tokens):
    origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens))
    with server.connect() as connection:
        for headers, status in [([], 401), (bearer(OLD), 200), (bearer(NEVER), 401), (bearer(OLD), 200)]:
            assert connection.exchange("GET", "/stats", headers).status == status


def test_no_token_is_ever_logged(s3_server, origin, kind, tokens):
    origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens), "--log-level", "debug")
    server.fetch(kind, "object", 0, 9, bearer(OLD))
    server.fetch(kind, "object", 0, 9, bearer(NEVER))
    reload(server, "tokens=1")
    assert OLD not in server.log() and NEVER not in server.log()


def test_tokens_are_read_again_under_load(s3_server, origin, kind, tokens):
    """A token that is in both files is never refused; a removed token is refused, on open connections too."""
    origin.put(kind, "object", size=MIB)
    server = s3_server("--auth-tokens", str(tokens))
    fetch_from_memory(server, kind, "object", 0, 9, bearer(OLD))
    stop, statuses = threading.Event(), []

    def ask():
        with server.connect() as connection:
            while not stop.is_set():
                statuses.append(connection.exchange("GET", "/stats", bearer(OLD)).status)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        for extra in range(5):
            write_tokens(tokens, OLD, *[f"{NEW}{number}" for number in range(extra + 1)])
            reload(server, f"tokens={extra + 2}")
            assert server.get("/stats", bearer(f"{NEW}{extra}")).status == 200
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert statuses and set(statuses) == {200}
    with server.connect() as connection:
        assert connection.exchange("GET", "/stats", bearer(OLD)).status == 200
        write_tokens(tokens, NEW)
        reload(server, "tokens=1")
        assert connection.exchange("GET", "/stats", bearer(OLD)).status == 401
        assert connection.exchange("GET", "/stats", bearer(NEW)).status == 200


@pytest.mark.parametrize("text", ["", "# nothing\n", f"{NEW}\nshort\n", f"{NEW} {NEW}\n", None], ids=["empty", "comment", "short", "two", "gone"])
def test_a_fault_keeps_the_old_tokens(s3_server, tokens, text):
    server = s3_server("--auth-tokens", str(tokens))
    tokens.unlink() if text is None else tokens.write_text(text)
    reload(server, "reload failed")
    assert server.get("/stats", bearer(OLD)).status == 200
    assert server.get("/stats", bearer(NEW)).status == 401
    server.expect_log(str(tokens))
    assert NEW not in server.log()


@pytest.mark.parametrize("text,word", [("", "no token"), (f"{NEW}\nshort-secret\n", "line 2"), ("ü" * 20 + "\n", "line 1"),
                                       (f"{NEW}\n" * 1001, "1000 lines"), ("x" * 65537, "65536 bytes")], ids=range(5))
def test_a_bad_token_file_does_not_start(tmp_path, text, word):
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(0o600)
    done = run("--origin", f"dir:{tmp_path}", "--listen", "127.0.0.1", "--port", "0", "--auth-tokens", str(path))
    expect_bad(done, str(path), word)
    assert "secret" not in done.stderr and NEW not in done.stderr


def test_a_token_file_that_others_can_read_is_a_warning(s3_server, tokens):
    tokens.chmod(0o644)
    s3_server("--auth-tokens", str(tokens)).expect_log("others than the owner")
    tokens.chmod(0o600)
    assert "others than the owner" not in s3_server("--auth-tokens", str(tokens)).log()


def test_a_hangup_with_nothing_to_read_ends_nothing(s3_server):
    server = s3_server()
    reload(server, "nothing to read again")
    assert server.get("/healthz").status == 200


def test_only_allowed_buckets_are_asked(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    other = f"other-{kind}"
    server = s3_server("--allow-bucket", f"?{kind[1:]}", "--allow-bucket", "media-*")
    expect_206(server.fetch(kind, "object", 0, 9), stored, 0, 9, kind)
    refused = [server.fetch(other, "object", 0, 9), server.fetch(kind, "object", 0, 9, [("C0-Bucket", other)]),
               server.fetch(kind, "object", 0, 9, [("C0-Bucket", kind), ("C0-Bucket", other)]),
               server.fetch(kind, "none", 0, 9, [("C0-Bucket", f"{kind}x")])]
    for response in refused:
        expect_error(response, 403, "bucket", '"')
    assert f'"{other}"' in refused[0].text
    assert origin.requests(other) == [] and len(origin.requests(kind)) == 1
    assert denied(server, "bucket") == 4
    families = prometheus_text.parse(server.get("/metrics").text)
    assert prometheus_text.value(families, "cachey_fetch_requests_total", status="failed:init:denied") == 4


def test_what_is_in_memory_is_refused_too(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    server = s3_server("--allow-bucket", kind)
    expect_206(fetch_from_memory(server, kind, "object", 0, 9), stored, 0, 9, kind, hit=True)
    expect_error(server.fetch(kind, "object", 0, 9, [("C0-Bucket", "elsewhere")]), 403, "elsewhere")
    assert server.fetch(kind, "object", 0, 9, [("C0-Bucket", "elsewhere")], method="HEAD").status == 403


def test_an_allowed_bucket_alone_is_enough_whatever_the_kind(s3_server, origin, kind):
    stored = origin.put(kind, "object", size=MIB)
    server = s3_server("--allow-bucket", kind)
    expect_206(server.fetch("any-kind", "object", 0, 9, [("C0-Bucket", kind)]), stored, 0, 9, kind)
